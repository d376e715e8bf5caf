// A process that breaks out of the emulator, here one that tries what it can: it reaches nothing but its own.
#include "host/sandbox.h"

#include "board_support.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace beeline;
using namespace beeline::test;
using Access = host::AllowedPath::Access;

namespace {

/// errno of what failed, or 0.
int error_of(long result) { return result < 0 ? errno : 0; }

int open_error(const std::string& path, int flags) {
    const int file = open(path.c_str(), flags | O_CLOEXEC, 0600);
    const int error = error_of(file);
    if (file >= 0) close(file);
    return error;
}

/// In the process of an attempt: ends it with the line of what is not as expected.
void expect(bool condition, int line = __builtin_LINE()) {
    if (condition) return;
    fmt::print("line {}: {}\n", line, std::strerror(errno));
    std::fflush(stdout);
    _exit(1);
}

/// Runs `attempt` in a process of its own; true when nothing was unexpected.
bool succeeds(const std::function<void()>& attempt) {
    const pid_t child = fork();
    if (child == 0) {
        attempt();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void refuses_paths(const std::string& folder) {
    const std::string own = folder + "/own", drive = folder + "/drive", kernel = folder + "/kernel";
    check(succeeds([&] {
              expect(host::confine({{own, Access::Own},
                                    {drive, Access::Write},
                                    {kernel, Access::Read},
                                    {folder + "/nobody", Access::Read}}) == 0);
              expect(open_error("/etc/shadow", O_RDONLY) == EACCES);
              expect(open_error(folder + "/other", O_RDONLY) == EACCES);
              expect(open_error(folder + "/new", O_WRONLY | O_CREAT) == EACCES);
              expect(open_error(kernel, O_RDONLY) == 0 && open_error(kernel, O_WRONLY) == EACCES);
              expect(open_error(drive, O_RDWR) == 0 && error_of(unlink(drive.c_str())) == EACCES);
              expect(open_error(own + "/a", O_WRONLY | O_CREAT) == 0);
              expect(error_of(rename((own + "/a").c_str(), (own + "/b").c_str())) == 0);
              expect(error_of(rename((own + "/b").c_str(), kernel.c_str())) != 0);
              expect(error_of(symlink("/etc/shadow", (own + "/link").c_str())) == EACCES);
              expect(error_of(link(kernel.c_str(), (own + "/link").c_str())) != 0);
          }),
          "paths that were not handed over");
}

void refuses_system_calls(const std::string& folder) {
    check(succeeds([&] {
              // A thread from before the filter is bound by it too.
              std::atomic<bool> filtered{false};
              std::atomic<int> seen{-1};
              std::thread other([&] {
                  while (!filtered.load()) std::this_thread::yield();
                  seen = error_of(socket(AF_UNIX, SOCK_STREAM, 0));
              });
              expect(host::confine({{folder, Access::Own},
                                    {"/usr", Access::Execute},
                                    {"/lib", Access::Execute},
                                    {"/lib64", Access::Execute}}) == 0);
              expect(host::filter_system_calls({.internet = false}) == 0);
              filtered = true;
              other.join();
              expect(seen == EPERM);
              char* const words[] = {const_cast<char*>("/usr/bin/true"), nullptr};
              expect(error_of(execv(words[0], words)) == EPERM);
              expect(error_of(fork()) == EPERM);
              for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET})
                  expect(error_of(socket(family, SOCK_STREAM, 0)) == EPERM);
              expect(error_of(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)) == EPERM);
              expect(error_of(mount("none", folder.c_str(), "tmpfs", 0, nullptr)) == EPERM);
              expect(error_of(syscall(SYS_bpf, 0, nullptr, 0)) == EPERM);
              expect(error_of(syscall(SYS_io_uring_setup, 1, nullptr)) == EPERM);
              expect(error_of(kill(getppid(), 0)) == EPERM);
              expect(error_of(kill(getpid(), 0)) == 0);
              expect(error_of(setuid(getuid())) == EPERM);
              // The emulator's own needs: threads, files, memory.
              bool ran = false;
              std::thread([&ran] { ran = true; }).join();
              expect(ran && open_error(folder + "/file", O_RDWR | O_CREAT) == 0);
          }),
          "system calls that no guest needs");
}

void keeps_the_internet() {
    check(succeeds([] {
              expect(host::confine({}) == 0);
              expect(host::filter_system_calls({.internet = true}) == 0);
              for (const int family : {AF_INET, AF_INET6})
                  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
                      const int descriptor = socket(family, type, 0);
                      expect(descriptor >= 0 || errno == EAFNOSUPPORT);
                      if (descriptor >= 0) close(descriptor);
                  }
              for (const int family : {AF_UNIX, AF_NETLINK, AF_PACKET, AF_VSOCK, 1000})
                  expect(error_of(socket(family, SOCK_STREAM, 0)) == EPERM);
              int pair[2];
              expect(error_of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) == EPERM);
          }),
          "sockets of networks in user mode");
}

} // namespace

int main() {
    char folder[] = "/tmp/beeline-sandbox-XXXXXX";
    if (mkdtemp(folder) == nullptr) return 1;
    mkdir((std::string(folder) + "/own").c_str(), 0700);
    for (const char* name : {"/drive", "/kernel", "/other"}) std::ofstream(std::string(folder) + name) << "x";
    refuses_paths(folder);
    refuses_system_calls(folder);
    keeps_the_internet();
    std::filesystem::remove_all(folder);
    return report("sandbox");
}
