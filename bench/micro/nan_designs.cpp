// Two ways to notice that a translated floating-point operation needs the guest's rules for NaNs: an unordered
// comparison behind each operation, and the host's invalid-operation trap left unmasked (which finds invalid operations
// and signalling NaNs, though not the choice between two quiet ones). ARCHITECTURE.md 7.7 has the figures.
//
//   g++ -O2 -mavx -o /tmp/nan_designs bench/micro/nan_designs.cpp && /tmp/nan_designs
//
// The loops are what the translator emits for the arithmetic of an FFT butterfly: results are stored into the guest's
// registers as they are made. Ten operations an iteration: four products, six sums.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <ucontext.h>
#include <vector>
#include <xmmintrin.h>

namespace {

alignas(64) double guest[64];
constexpr uint64_t kIterations = 20'000'000;

#define PRODUCT(d, n, m) "vmulsd %%xmm" #m ", %%xmm" #n ", %%xmm" #d "\n"
#define SUM(d, n, m) "vaddsd %%xmm" #m ", %%xmm" #n ", %%xmm" #d "\n"
#define STORE(d) "movaps %%xmm" #d ", 16*" #d "(%0)\n"
// The smallest normal number is looked for with either design: it may be underflow to the guest alone.
#define TINY(d) "vandps 256(%0), %%xmm" #d ", %%xmm1\nucomisd 272(%0), %%xmm1\nje 9f\n"
#define UNORDERED(d) "ucomisd %%xmm" #d ", %%xmm" #d "\njp 9f\n"

#define BUTTERFLY(CHECK)                                                                                               \
    PRODUCT(8, 3, 5)                                                                                                   \
    TINY(8)                                                                                                            \
    STORE(8) PRODUCT(9, 4, 5) TINY(9) STORE(9) PRODUCT(10, 3, 6) TINY(10) STORE(10) PRODUCT(11, 4, 6) TINY(11)         \
        STORE(11) SUM(8, 8, 11) CHECK(8) STORE(8) SUM(9, 9, 10) CHECK(9) STORE(9) SUM(10, 7, 8) CHECK(10) STORE(10)    \
            SUM(11, 7, 9) CHECK(11) STORE(11) SUM(12, 7, 10) CHECK(12) STORE(12) SUM(13, 7, 11) CHECK(13) STORE(13)
#define NOTHING(d)

#define LOOP(body)                                                                                                     \
    asm volatile("1:\n" body "dec %1\njnz 1b\n9:\n"                                                                    \
                 : "+r"(state), "+r"(count)                                                                            \
                 :                                                                                                     \
                 : "memory", "cc", "xmm1", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13")

double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// The shortest of eleven runs.
double seconds(void (*run)()) {
    std::vector<double> times;
    for (int i = 0; i < 11; i++) {
        const double begin = thread_seconds();
        run();
        times.push_back(thread_seconds() - begin);
    }
    return *std::min_element(times.begin(), times.end());
}

void set_operands() {
    asm volatile("movsd %0, %%xmm3\nmovsd %0, %%xmm4\nmovsd %0, %%xmm5\nmovsd %0, %%xmm6\nmovsd %0, %%xmm7\n"
                 :
                 : "m"(guest[40])
                 : "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
}

void checked() {
    double* state = guest;
    uint64_t count = kIterations;
    set_operands();
    LOOP(BUTTERFLY(UNORDERED));
}
void unchecked() {
    double* state = guest;
    uint64_t count = kIterations;
    set_operands();
    LOOP(BUTTERFLY(NOTHING));
}

// ---- one invalid operation: what it costs until the code behind it goes on ------------------------------------------

constexpr uint64_t kInvalid = 200'000;

void on_trap(int, siginfo_t*, void* context) {
    // To the fix-up: the instruction behind the operation stands for it.
    auto* registers = static_cast<ucontext_t*>(context);
    registers->uc_mcontext.gregs[REG_RIP] += 4;
    registers->uc_mcontext.fpregs->mxcsr &= ~0x3Fu;
}

void trapped() {
    uint64_t count = kInvalid;
    _mm_setcsr(0x1F00); // Invalid operation unmasked.
    asm volatile("vxorps %%xmm3, %%xmm3, %%xmm3\n1:\nvdivsd %%xmm3, %%xmm3, %%xmm4\ndec %0\njnz 1b\n"
                 : "+r"(count)
                 :
                 : "cc", "xmm3", "xmm4");
    _mm_setcsr(0x1F80);
}

/// As the fix-up does: registers that hold guest values saved, a function called, and loaded again.
[[gnu::noinline]] void handler() { asm volatile("" ::: "memory"); }
void fixed_up() {
    uint64_t count = kInvalid;
    asm volatile(
        "vxorps %%xmm3, %%xmm3, %%xmm3\n1:\nvdivsd %%xmm3, %%xmm3, %%xmm4\nucomisd %%xmm4, %%xmm4\njp 2f\n"
        "3:\ndec %0\njnz 1b\njmp 4f\n2:\npushfq\nsub $192, %%rsp\n"
        "movups %%xmm3, (%%rsp)\nmovups %%xmm4, 16(%%rsp)\nmovups %%xmm5, 32(%%rsp)\nmovups %%xmm6, 48(%%rsp)\n"
        "movups %%xmm7, 64(%%rsp)\nmovups %%xmm8, 80(%%rsp)\nmovups %%xmm9, 96(%%rsp)\nmovups %%xmm10, "
        "112(%%rsp)\nmovups %%xmm11, 128(%%rsp)\nmovups %%xmm12, 144(%%rsp)\nmovups %%xmm13, "
        "160(%%rsp)\nmovups %%xmm14, 176(%%rsp)\n"
        "call *%1\n"
        "movups (%%rsp), %%xmm3\nmovups 16(%%rsp), %%xmm4\nmovups 32(%%rsp), %%xmm5\nmovups 48(%%rsp), %%xmm6\n"
        "movups 64(%%rsp), %%xmm7\nmovups 80(%%rsp), %%xmm8\nmovups 96(%%rsp), %%xmm9\nmovups 112(%%rsp), "
        "%%xmm10\nmovups 128(%%rsp), %%xmm11\nmovups 144(%%rsp), %%xmm12\nmovups 160(%%rsp), "
        "%%xmm13\nmovups 176(%%rsp), %%xmm14\n"
        "add $192, %%rsp\npopfq\njmp 3b\n4:\n"
        : "+r"(count)
        : "r"(&handler)
        : "cc", "memory", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm3", "xmm4", "xmm5", "xmm6",
          "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14");
}

} // namespace

int main() {
    for (double& value : guest) value = 1.25;
    const uint64_t values[] = {0x7FFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0x0010000000000000, 0x0010000000000000};
    std::memcpy(guest + 32, values, sizeof values);
    struct sigaction action {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGFPE, &action, nullptr);

    const double with = seconds(checked), without = seconds(unchecked);
    std::printf("ten operations, checked      %6.2f ns\n", with / kIterations * 1e9);
    std::printf("ten operations, trap armed   %6.2f ns  (%.3f of it)\n", without / kIterations * 1e9, without / with);
    std::printf("one invalid, by a fix-up     %6.0f ns\n", seconds(fixed_up) / kInvalid * 1e9);
    std::printf("one invalid, by the trap     %6.0f ns\n", seconds(trapped) / kInvalid * 1e9);
}
