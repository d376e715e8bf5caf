// One line a check: "PASS name" or "FAIL name: got ... want ..."; the name is a format and its arguments.
#pragma once
#include "cpu.h"

void check_equal(u64 got, u64 want, const char* name, ...) __attribute__((format(printf, 3, 4)));
void check_true(bool condition, const char* name, ...) __attribute__((format(printf, 2, 3)));
// A fact that this CPU's ID registers make irrelevant: says so and counts nothing.
void note(const char* format, ...) __attribute__((format(printf, 1, 2)));
// The last line, then PSCI SYSTEM_OFF.
void finish(void) __attribute__((noreturn));

#define ANY (~0ull - 0x5a5a5a)
// What an exception is to look like; an ANY address is not compared.
struct expected {
    u64 vector, esr, elr, far;
};
void check_trap(const struct frame* got, struct expected want, const char* name, ...)
    __attribute__((format(printf, 3, 4)));
// The probe ran to its end and left this in x0.
void check_returned(const struct frame* got, u64 x0, const char* name, ...) __attribute__((format(printf, 3, 4)));
