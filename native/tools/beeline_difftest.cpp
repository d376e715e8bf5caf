// Runs random instruction sequences on Beeline, interpreted or translated, and on qemu-aarch64, and compares how they
// end.
//
//   beeline_difftest [--seed N] [--case K] [--cases N | --time SECONDS] [--rows GLOB] [--cpu n1|a57|both] [--jobs N]
//                    [--probes] [--ties] [--coverage] [--json FILE] [--max-reports N] [--self-test]
//                    [--tier interpreter|direct] [--disable TECHNIQUE]... [--judge qemu|interpreter]
//                    [--techniques] [--qemu PROGRAM] [--oracle PROGRAM] [--oracle-cpu NAME]
//
// --rows takes a pattern over the table's identifiers, or <vector> for all of FP, Advanced SIMD, cryptography and
// CRC32. Exit status: 0 no mismatch, 1 mismatches, 2 bad usage, 3 the oracle does not run.

#include "differential/campaign.h"
#include "differential/generator.h"
#include "differential/report.h"

#include "host/cpu.h"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/core.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

using namespace beeline::differential;

namespace {

template <typename T> bool parse(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

/// The oracle program is built beside this one.
std::string beside_this_program(std::string_view name) {
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    const std::string_view self(path, length > 0 ? static_cast<size_t>(length) : 0);
    return fmt::format("{}/{}", self.substr(0, self.rfind('/')), name);
}

int usage(std::string_view problem) {
    fmt::print(
        stderr,
        "beeline_difftest: {}\n"
        "usage: beeline_difftest [--seed N] [--case K] [--cases N | --time SECONDS] [--rows GLOB]\n"
        "                        [--cpu n1|a57|both] [--jobs N] [--probes] [--coverage] [--json FILE]\n"
        "                        [--tier interpreter|direct] [--disable TECHNIQUE]... [--judge qemu|interpreter]\n"
        "                        [--max-reports N] [--self-test] [--qemu PROGRAM] [--oracle PROGRAM] "
        "[--oracle-cpu NAME]\n",
        problem);
    return 2;
}

bool write_file(const std::string& path, const std::string& text) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) return false;
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return std::fclose(file) == 0 && written;
}

} // namespace

int main(int argc, char** argv) {
    // An oracle that ends early is an answer: it must neither end this program nor leave core files.
    std::signal(SIGPIPE, SIG_IGN);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);

    CampaignOptions options;
    options.jobs = static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    options.oracle_program = beside_this_program("beeline_difftest_oracle");
    options.progress = true;
    bool coverage = false;
    std::string json;

    for (int i = 1; i < argc; i++) {
        const std::string_view option = argv[i];
        if (option == "--coverage") {
            coverage = true;
            continue;
        }
        if (option == "--techniques") {
            for (const auto& [technique, name] : beeline::translate::kTechniqueNames) fmt::print("{}\n", name);
            return 0;
        }
        if (option == "--probes") {
            options.probes = true;
            continue;
        }
        if (option == "--ties") {
            options.ties = true;
            continue;
        }
        if (option == "--self-test") {
            options.self_test = true;
            continue;
        }
        if (i + 1 >= argc) return usage(fmt::format("{} is unknown, or lacks its value", option));
        const std::string_view value = argv[++i];
        bool good = true;
        if (option == "--seed") {
            good = parse(value, options.seed);
        } else if (option == "--case") {
            uint64_t number = 0;
            good = parse(value, number);
            options.only_case = number;
        } else if (option == "--cases") {
            good = parse(value, options.cases);
        } else if (option == "--time") {
            good = parse(value, options.seconds) && options.seconds > 0;
        } else if (option == "--rows") {
            options.rows = value;
        } else if (option == "--jobs") {
            good = parse(value, options.jobs) && options.jobs > 0 && options.jobs <= 256;
        } else if (option == "--cpu") {
            good = value == "n1" || value == "a57" || value == "both";
            options.n1 = value != "a57";
            options.a57 = value != "n1";
        } else if (option == "--tier") {
            good = value == "interpreter" || value == "direct";
            options.direct = value == "direct";
            // A sequence runs once or twice.
            options.direct_options.visits_before_translation = 0;
        } else if (option == "--disable") {
            const auto technique = beeline::translate::find_technique(value);
            good = technique.has_value();
            if (good) options.direct_options.techniques.disable(*technique);
        } else if (option == "--judge") {
            good = value == "qemu" || value == "interpreter";
            options.judge_is_interpreter = value == "interpreter";
        } else if (option == "--json") {
            json = value;
        } else if (option == "--max-reports") {
            good = parse(value, options.max_reports);
        } else if (option == "--qemu") {
            options.emulator = value;
        } else if (option == "--oracle") {
            options.oracle_program = value;
        } else if (option == "--oracle-cpu") {
            options.oracle_cpu = value;
        } else {
            return usage(fmt::format("{} is unknown", option));
        }
        if (!good) return usage(fmt::format("{} does not take {}", option, value));
    }
    if (const char* list = std::getenv("BEELINE_HOST_FEATURES"); list != nullptr) {
        beeline::host::CpuFlags flags;
        if (const std::string problem = beeline::host::mask_cpu_flags(flags, list); !problem.empty())
            return usage(fmt::format("BEELINE_HOST_FEATURES: {}", problem));
    }
    if (!Generator(beeline::arm64::CpuModel::N1, 0, options.rows).any_rows())
        return usage(fmt::format("--rows {} names no instruction that user mode can judge", options.rows));
    if (!options.judge_is_interpreter && access(options.oracle_program.c_str(), X_OK) != 0) {
        fmt::print(stderr, "beeline_difftest: --oracle {}: {}\n", options.oracle_program, std::strerror(errno));
        return 3;
    }

    const CampaignResult result = run_campaign(options);
    fmt::print("{}", text_report(options, result, coverage));
    if (!json.empty() && !write_file(json, json_report(options, result))) {
        fmt::print(stderr, "beeline_difftest: --json {}: {}\n", json, std::strerror(errno));
        return 2;
    }
    if (!result.error.empty()) {
        fmt::print(stderr, "beeline_difftest: {}\n", result.error);
        return 3;
    }
    return result.mismatches() == 0 ? 0 : 1;
}
