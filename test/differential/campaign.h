// Runs cases by the batch on both sides, collects mismatches and coverage.
#pragma once

#include "compare.h"
#include "coverage.h"
#include "oracle_machine.h"

#include "arm64/types.h"
#include "translate/direct_tier.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace beeline::differential {

struct CampaignOptions {
    uint64_t seed = 1;
    std::optional<uint64_t> only_case; ///< Replays one case.
    uint64_t cases = 200'000;
    double seconds = 0;  ///< When above 0: stop then, however many cases that is.
    std::string rows;    ///< Pattern over row ids; empty for all.
    bool probes = false; ///< Nothing but encodings that the model may not know.
    bool ties = false;   ///< Half of the registers start near a rounding tie.
    unsigned jobs = 1;
    bool n1 = true, a57 = true; ///< Models; with both, one batch in eight is a57's.
    std::string emulator = "qemu-aarch64";
    std::string oracle_program;
    std::string oracle_cpu; ///< Overrides what fits the model.
    bool self_test = false; ///< The oracle against a second oracle.
    bool direct = false;    ///< Sequences run translated; else in the interpreter.
    translate::DirectOptions direct_options;
    bool judge_is_interpreter =
        false;                 ///< Beeline's own interpreter in the oracle's place: faster, and nothing excused.
    unsigned max_reports = 20; ///< Mismatches to minimise and print.
    bool progress = false;     ///< A line on standard error every ten seconds.
};

struct Failure {
    arm64::CpuModel model;
    uint64_t number;
    std::string rows; ///< Ids of the rows that the minimised case still has.
    std::string text;
};

struct ModelResult {
    uint64_t cases = 0;
    uint64_t instructions = 0;
    uint64_t mismatches = 0;
    Coverage coverage;
    std::map<std::string, uint64_t> known; ///< Cases by known difference.
    std::map<uint32_t, uint64_t> ends;     ///< Cases by the signal they ended in.
};

struct CampaignResult {
    std::map<arm64::CpuModel, ModelResult> models;
    std::vector<Failure> failures;
    double seconds = 0;
    std::string error; ///< Why the campaign could not run to its end; empty otherwise.

    uint64_t cases() const;
    uint64_t mismatches() const;
};

CampaignResult run_campaign(const CampaignOptions& options);

/// `-cpu` of the oracle for a model.
const char* oracle_cpu_for(arm64::CpuModel model);

} // namespace beeline::differential
