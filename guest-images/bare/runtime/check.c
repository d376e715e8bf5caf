#include "check.h"

#include "print.h"
#include "probe.h"
#include "psci.h"

static unsigned passed, failed;

// Prints the verdict up to the details of a failure.
static bool verdict(bool ok, const char* name, va_list list) {
    if (ok)
        passed++;
    else
        failed++;
    print(ok ? "PASS " : "FAIL ");
    print_list(name, list);
    if (ok) print("\n");
    return ok;
}

#define VERDICT(ok)                                                                                                    \
    ({                                                                                                                 \
        va_list list_;                                                                                                 \
        va_start(list_, name);                                                                                         \
        bool ok_ = verdict((ok), name, list_);                                                                         \
        va_end(list_);                                                                                                 \
        ok_;                                                                                                           \
    })

void check_equal(u64 got, u64 want, const char* name, ...) {
    if (!VERDICT(got == want)) print(": got 0x%lx want 0x%lx\n", got, want);
}

void check_true(bool condition, const char* name, ...) {
    if (!VERDICT(condition)) print(": got false want true\n");
}

void check_trap(const struct frame* got, struct expected want, const char* name, ...) {
    bool ok = got->vector == want.vector && got->esr == want.esr && (want.elr == ANY || got->elr == want.elr) &&
              (want.far == ANY || got->far == want.far);
    if (VERDICT(ok)) return;
    print(": got vector=%lu esr=0x%lx elr=0x%lx far=0x%lx want vector=%lu esr=0x%lx", got->vector, got->esr, got->elr,
          got->far, want.vector, want.esr);
    if (want.elr != ANY) print(" elr=0x%lx", want.elr);
    if (want.far != ANY) print(" far=0x%lx", want.far);
    print("\n");
}

void check_returned(const struct frame* got, u64 x0, const char* name, ...) {
    if (VERDICT(probe_returned(got) && got->x[0] == x0)) return;
    if (probe_returned(got))
        print(": got x0=0x%lx want x0=0x%lx\n", got->x[0], x0);
    else
        print(": got vector=%lu esr=0x%lx elr=0x%lx far=0x%lx want a return with x0=0x%lx\n", got->vector, got->esr,
              got->elr, got->far, x0);
}

void note(const char* format, ...) {
    va_list list;
    va_start(list, format);
    print("NOTE ");
    print_list(format, list);
    print("\n");
    va_end(list);
}

void finish(void) {
    print("DONE %u passed, %u failed\n", passed, failed);
    psci_system_off();
}
