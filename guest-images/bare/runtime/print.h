// Formatted output: %s %c %d %u %x, each integer with an optional l, an optional field width padded with zeros, and %%.
#pragma once
#include <stdarg.h>

void print(const char* format, ...) __attribute__((format(printf, 1, 2)));
void print_list(const char* format, va_list list);
