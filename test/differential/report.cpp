#include "report.h"

#include "generator.h"

#include <csignal>
#include <fmt/format.h>
#include <iterator>

namespace beeline::differential {

using namespace beeline::arm64;

namespace {

const char* end_name(uint32_t signal) {
    switch (signal) {
    case SIGTRAP: return "brk";
    case SIGILL: return "undefined";
    case SIGSEGV: return "segv";
    case SIGBUS: return "alignment";
    case kSignalHung: return "hung";
    case kSignalDied: return "died";
    default: return "other";
    }
}

/// The table's rows by what can be said of them.
struct Tally {
    unsigned table = 0, judgeable = 0, exercised = 0, undefined_only = 0;
    std::vector<const Row*> missing;
    std::vector<const Row*> not_judgeable;
};

/// Rows that the model lacks count where they were refused by both sides.
Tally tally(const CampaignResult& result) {
    Tally t;
    for (const Row& row : rows()) {
        t.table++;
        if (row_not_judgeable(row) != nullptr) {
            t.not_judgeable.push_back(&row);
            continue;
        }
        t.judgeable++;
        uint64_t count = 0, completed = 0;
        for (const auto& [model, part] : result.models) {
            count += part.coverage.total(row.op);
            completed += part.coverage.completed[static_cast<unsigned>(row.op)];
        }
        // Branches out of a case, and BRK, are only ever the last instruction.
        const bool judged = row_judged_as_undefined_only(row) || row.op == Op::BRK ? count != 0 : completed != 0;
        if (judged)
            t.exercised++;
        else
            t.missing.push_back(&row);
        if (row_judged_as_undefined_only(row)) t.undefined_only++;
    }
    return t;
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += fmt::format("\\{}", c);
        else if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            out += c;
    }
    return out + "\"";
}

std::string join(const std::vector<std::string>& parts, const char* separator) {
    return fmt::format("{}", fmt::join(parts, separator));
}

} // namespace

std::string text_report(const CampaignOptions& options, const CampaignResult& result, bool coverage) {
    std::string text;
    auto out = std::back_inserter(text);
    for (const Failure& failure : result.failures) {
        const std::string_view model = cpu_features(failure.model).name;
        const char* cpu = options.n1 && options.a57 ? "both" : options.n1 ? "n1" : "a57";
        std::string replay = fmt::format("--seed {} --case {} --cpu {}", options.seed, failure.number, cpu);
        if (options.probes) replay += " --probes";
        if (options.ties) replay += " --ties";
        if (!options.rows.empty()) replay += fmt::format(" --rows '{}'", options.rows);
        fmt::format_to(out, "{} ({}), replay with {}\n{}\n", failure.rows, model, replay, failure.text);
    }
    for (const auto& [model, part] : result.models) {
        fmt::format_to(out, "model {}: {} sequences, {} instructions, {} mismatches; ended by",
                       cpu_features(model).name, part.cases, part.instructions, part.mismatches);
        for (const auto& [signal, count] : part.ends) fmt::format_to(out, " {} {}", end_name(signal), count);
        fmt::format_to(out, "; {} encodings unknown to the model refused by both\n", part.coverage.undefined);
        for (const auto& [id, count] : part.known)
            fmt::format_to(out, "  known difference {}: {} sequences\n", id, count);
    }
    const Tally t = tally(result);
    if (coverage) {
        for (const Row& row : rows()) {
            fmt::format_to(out, "  {:28}", row.id);
            for (const auto& [model, part] : result.models)
                fmt::format_to(out, " {} {:>8} {:>7}", cpu_features(model).name,
                               part.coverage.completed[static_cast<unsigned>(row.op)],
                               part.coverage.ended[static_cast<unsigned>(row.op)]);
            const char* why = row_not_judgeable(row);
            if (why != nullptr) fmt::format_to(out, "  not judged: {}", why);
            if (row_judged_as_undefined_only(row)) fmt::format_to(out, "  judged as undefined at EL0");
            text += '\n';
        }
    }
    for (const Row* row : t.not_judgeable)
        fmt::format_to(out, "not judged: {}: {}\n", row->id, row_not_judgeable(*row));
    if (!t.missing.empty() && options.rows.empty() && !options.only_case && !options.probes) {
        fmt::format_to(out, "not exercised:");
        for (const Row* row : t.missing) fmt::format_to(out, " {}", row->id);
        text += '\n';
    }
    fmt::format_to(
        out,
        "seed {}: {} sequences in {:.1f} s ({:.0f} a second), {} of {} judgeable instructions exercised ({} in "
        "the table, {} only as undefined at EL0), {} mismatches\n",
        options.seed, result.cases(), result.seconds,
        result.seconds > 0 ? static_cast<double>(result.cases()) / result.seconds : 0.0, t.exercised, t.judgeable,
        t.table, t.undefined_only, result.mismatches());
    return text;
}

std::string json_report(const CampaignOptions& options, const CampaignResult& result) {
    const Tally t = tally(result);
    std::vector<std::string> models, instructions, failures;
    for (const auto& [model, part] : result.models) {
        std::vector<std::string> known, ends;
        for (const auto& [id, count] : part.known) known.push_back(fmt::format("{}: {}", json_string(id), count));
        for (const auto& [signal, count] : part.ends)
            ends.push_back(fmt::format("\"{}\": {}", end_name(signal), count));
        models.push_back(fmt::format("{}: {{\"sequences\": {}, \"instructions\": {}, \"mismatches\": {}, "
                                     "\"undefinedEncodings\": {}, \"ends\": {{{}}}, \"knownDifferences\": {{{}}}}}",
                                     json_string(cpu_features(model).name), part.cases, part.instructions,
                                     part.mismatches, part.coverage.undefined, join(ends, ", "), join(known, ", ")));
    }
    for (const Row& row : rows()) {
        std::vector<std::string> counts;
        for (const auto& [model, part] : result.models)
            counts.push_back(fmt::format("{}: {{\"completed\": {}, \"ended\": {}}}",
                                         json_string(cpu_features(model).name),
                                         part.coverage.completed[static_cast<unsigned>(row.op)],
                                         part.coverage.ended[static_cast<unsigned>(row.op)]));
        const char* why = row_not_judgeable(row);
        const std::string judged = why != nullptr                      ? json_string(why)
                                   : row_judged_as_undefined_only(row) ? "\"as undefined at EL0\""
                                                                       : "\"yes\"";
        instructions.push_back(
            fmt::format("{{\"id\": {}, \"judged\": {}, {}}}", json_string(row.id), judged, join(counts, ", ")));
    }
    for (const Failure& failure : result.failures)
        failures.push_back(fmt::format("{{\"model\": {}, \"case\": {}, \"rows\": {}, \"text\": {}}}",
                                       json_string(cpu_features(failure.model).name), failure.number,
                                       json_string(failure.rows), json_string(failure.text)));
    return fmt::format("{{\n\"seed\": {}, \"sequences\": {}, \"seconds\": {:.3f}, \"mismatches\": {},\n\"rows\": "
                       "{{\"table\": {}, \"judgeable\": {}, \"exercised\": {}, \"undefinedOnly\": {}}},\n\"models\": "
                       "{{{}}},\n\"instructions\": [\n{}\n],\n\"failures\": [{}]\n}}\n",
                       options.seed, result.cases(), result.seconds, result.mismatches(), t.table, t.judgeable,
                       t.exercised, t.undefined_only, join(models, ",\n"), join(instructions, ",\n"),
                       join(failures, ",\n"));
}

} // namespace beeline::differential
