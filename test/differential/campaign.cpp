#include "campaign.h"

#include "beeline_machine.h"
#include "generator.h"
#include "minimise.h"

#include "arm64/features.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>

namespace beeline::differential {

using namespace beeline::arm64;

namespace {

using Clock = std::chrono::steady_clock;

/// What the workers share.
struct Shared {
    const CampaignOptions& options;
    Clock::time_point start = Clock::now();
    std::atomic<uint64_t> next_batch{0};
    std::atomic<bool> stop{false};
    std::atomic<unsigned> reports{0};
    std::atomic<uint64_t> done{0}, mismatches{0}; ///< For the progress line.
    std::mutex mutex;                             ///< of what follows
    CampaignResult result;

    bool time_is_up() const {
        return options.seconds > 0 && std::chrono::duration<double>(Clock::now() - start).count() >= options.seconds;
    }
};

/// Both sides of one model.
struct Pair {
    CpuModel model;
    Generator generator;
    std::unique_ptr<Machine> ours;
    BeelineMachine* beeline = nullptr; ///< `ours`, where that is Beeline.
    std::unique_ptr<Machine> oracle;
    BeelineMachine* interpreter = nullptr; ///< `oracle`, where that is Beeline's interpreter.
    ModelResult result;

    Pair(CpuModel m, const CampaignOptions& options)
        : model(m), generator(m, options.seed, options.rows, options.probes, options.ties) {
        if (options.judge_is_interpreter) {
            auto machine = std::make_unique<BeelineMachine>(m, nullptr);
            interpreter = machine.get();
            oracle = std::move(machine);
        } else {
            oracle = std::make_unique<OracleMachine>(command(m, options));
        }
        if (options.self_test) {
            ours = std::make_unique<OracleMachine>(command(m, options));
        } else {
            auto machine = std::make_unique<BeelineMachine>(m, options.direct ? &options.direct_options : nullptr);
            beeline = machine.get();
            ours = std::move(machine);
        }
    }

    static OracleCommand command(CpuModel model, const CampaignOptions& options) {
        return {options.emulator, options.oracle_cpu.empty() ? oracle_cpu_for(model) : options.oracle_cpu,
                options.oracle_program};
    }
};

/// Ends a case of Beeline's that does not end by itself.
class Watchdog {
public:
    explicit Watchdog(BeelineMachine* machine) {
        if (machine != nullptr) thread_ = std::thread([this, machine] { watch(*machine); });
    }
    ~Watchdog() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
    }
    void expect(bool running) { running_.store(running); }

private:
    void watch(BeelineMachine& machine) {
        uint64_t last = 0;
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, std::chrono::seconds(10), [this] { return stop_; })) {
            const uint64_t now = machine.progress();
            if (running_.load() && now == last) machine.interrupt();
            last = now;
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::atomic<bool> running_{false};
    std::thread thread_;
};

/// Says how far things are, on standard error, every few seconds.
class Progress {
public:
    explicit Progress(const Shared& shared) {
        if (shared.options.progress) thread_ = std::thread([this, &shared] { tell(shared); });
    }
    ~Progress() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
    }

private:
    void tell(const Shared& shared) {
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, std::chrono::seconds(10), [this] { return stop_; }))
            fmt::print(stderr, "{} sequences, {} mismatches\n", shared.done.load(), shared.mismatches.load());
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;
};

class Worker {
public:
    explicit Worker(Shared& shared) : shared_(shared), options_(shared.options) {
        if (options_.n1) pairs_.push_back(std::make_unique<Pair>(CpuModel::N1, options_));
        if (options_.a57) pairs_.push_back(std::make_unique<Pair>(CpuModel::A57, options_));
        for (auto& pair : pairs_) {
            watchdogs_.push_back(std::make_unique<Watchdog>(pair->beeline));
            if (pair->interpreter != nullptr) judges_.push_back(std::make_unique<Watchdog>(pair->interpreter));
        }
    }

    void run() {
        for (const auto& pair : pairs_) {
            if (pair->beeline != nullptr && !pair->beeline->usable()) {
                fail("the host has no memory for translated code");
                return;
            }
        }
        if (options_.only_case) {
            replay(*options_.only_case);
        } else {
            std::optional<Batch> batch = make_batch();
            while (batch) {
                std::optional<Batch> next;
                if (!run_batch(*batch, next)) break;
                batch = std::move(next);
            }
        }
        const std::lock_guard lock(shared_.mutex);
        for (auto& pair : pairs_) merge(pair->model, pair->result);
    }

private:
    struct Batch {
        Pair* pair;
        unsigned which;
        std::vector<TestCase> cases;
        std::vector<uint16_t> order;
    };

    Batch make(uint64_t number, bool whole) {
        const unsigned which = pairs_.size() == 2 ? (number % 8 == 7 ? 1 : 0) : 0;
        Batch batch{pairs_[which].get(), which, {}, {}};
        batch.cases.reserve(kDiffSlots);
        for (unsigned slot = 0; slot < kDiffSlots; slot++)
            batch.cases.push_back(batch.pair->generator.make(number * kDiffSlots + slot));
        if (whole) {
            batch.order.resize(kDiffSlots);
            std::iota(batch.order.begin(), batch.order.end(), uint16_t{0});
        }
        return batch;
    }

    std::optional<Batch> make_batch() {
        if (shared_.stop.load() || shared_.time_is_up()) return {};
        const uint64_t number = shared_.next_batch.fetch_add(1);
        if (options_.seconds <= 0 && number * kDiffSlots >= options_.cases) return {};
        return make(number, true);
    }

    bool fail(const std::string& error) {
        const std::lock_guard lock(shared_.mutex);
        if (shared_.result.error.empty()) shared_.result.error = error;
        shared_.stop.store(true);
        return false;
    }

    /// Both sides at once; `meanwhile` while the oracle is still at work.
    template <typename Meanwhile>
    bool run_both(Batch& batch, std::span<const TestCase> cases, std::span<const uint16_t> order, Meanwhile meanwhile) {
        std::string error;
        Pair& pair = *batch.pair;
        if (options_.judge_is_interpreter) judges_[batch.which]->expect(true);
        const bool judging = pair.oracle->start(cases, order, error);
        if (options_.judge_is_interpreter) judges_[batch.which]->expect(false);
        if (!judging) return fail(error);
        watchdogs_[batch.which]->expect(true);
        const bool started = pair.ours->start(cases, order, error);
        watchdogs_[batch.which]->expect(false);
        if (!started) return fail(error);
        meanwhile();
        if (!pair.ours->finish(error) || !pair.oracle->finish(error)) return fail(error);
        return true;
    }

    Verdict verdict(const Batch& batch, const TestCase& test) const {
        const unsigned slot = test.slot();
        const Machine &ours = *batch.pair->ours, &oracle = *batch.pair->oracle;
        Verdict v = compare(test, {&ours.result(slot), ours.data(slot), ours.flags_known(slot)},
                            {&oracle.result(slot), oracle.data(slot)});
        // No difference between two tiers of one emulator is excused.
        if (options_.judge_is_interpreter) v.known = nullptr;
        return v;
    }

    bool run_batch(Batch& batch, std::optional<Batch>& next) {
        Pair& pair = *batch.pair;
        pair.ours->load(batch.cases);
        pair.oracle->load(batch.cases);
        if (!run_both(batch, batch.cases, batch.order, [&] { next = make_batch(); })) return false;
        if (!pair.ours->read_only_intact() || !pair.oracle->read_only_intact())
            return fail("the page that no case may write has changed");

        std::vector<std::pair<const TestCase*, Verdict>> failed;
        for (const TestCase& test : batch.cases) {
            ModelResult& counts = pair.result;
            counts.cases++;
            counts.instructions += test.count;
            counts.ends[pair.oracle->result(test.slot()).signal]++;
            const Verdict v = verdict(batch, test);
            if (v.same() || v.known != nullptr) {
                const uint64_t pc = pair.ours->result(test.slot()).state.pc;
                counts.coverage.count(test, pc, cpu_features(pair.model));
                if (v.known != nullptr) counts.known[v.known]++;
            } else {
                counts.mismatches++;
                shared_.mismatches.fetch_add(1, std::memory_order_relaxed);
                failed.push_back({&test, v});
            }
        }
        shared_.done.fetch_add(kDiffSlots, std::memory_order_relaxed);
        for (const auto& [test, first] : failed)
            if (shared_.reports.fetch_add(1) < options_.max_reports) report(batch, *test, first);
        return true;
    }

    void report(Batch& batch, const TestCase& failed, const Verdict& first) {
        Pair& pair = *batch.pair;
        const auto judge = [&](const TestCase& variant) -> Verdict {
            const uint16_t slot = static_cast<uint16_t>(variant.slot());
            pair.ours->replace(variant);
            pair.oracle->replace(variant);
            if (!run_both(batch, {&variant, 1}, {&slot, 1}, [] {})) return {};
            return verdict(batch, variant);
        };
        TestCase small = failed;
        Verdict v = judge(failed);
        std::string note;
        if (v.same()) {
            v = first;
            note = "  (does not fail alone: what ran before it matters)\n";
        } else if (pair.oracle->result(failed.slot()).signal < kSignalHung) { // each attempt would hang, too
            small = minimise(failed, judge);
            v = judge(small);
        }
        const std::string text = describe(small, v) + note;
        std::string rows;
        for (unsigned i = 0; i < small.count; i++) {
            if (small.words[i] == kNop) continue;
            const Row* row = decode(small.words[i]);
            rows += fmt::format("{}{}", rows.empty() ? "" : " ", row == nullptr ? "undefined" : row->id);
        }
        pair.ours->replace(failed);
        pair.oracle->replace(failed);
        const std::lock_guard lock(shared_.mutex);
        shared_.result.failures.push_back({pair.model, failed.number, rows, text});
    }

    void replay(uint64_t number) {
        Batch batch = make(number / kDiffSlots, false);
        Pair& pair = *batch.pair;
        pair.ours->load(batch.cases);
        pair.oracle->load(batch.cases);
        const TestCase& test = batch.cases[number % kDiffSlots];
        const auto slot = static_cast<uint16_t>(test.slot());
        if (!run_both(batch, {&test, 1}, {&slot, 1}, [] {})) return;
        pair.result.cases++;
        const Verdict v = verdict(batch, test);
        const std::string all = describe(test, v);
        if (!v.same() && v.known == nullptr) {
            pair.result.mismatches++;
            report(batch, test, v);
        }
        const std::lock_guard lock(shared_.mutex);
        const char* outcome = v.same() ? "same on both sides" : v.known != nullptr ? v.known : "the whole case";
        shared_.result.failures.insert(shared_.result.failures.begin(), {pair.model, number, outcome, all});
    }

    void merge(CpuModel model, const ModelResult& part) {
        ModelResult& whole = shared_.result.models[model];
        whole.cases += part.cases;
        whole.instructions += part.instructions;
        whole.mismatches += part.mismatches;
        whole.coverage.add(part.coverage);
        for (const auto& [id, count] : part.known) whole.known[id] += count;
        for (const auto& [signal, count] : part.ends) whole.ends[signal] += count;
    }

    Shared& shared_;
    const CampaignOptions& options_;
    std::vector<std::unique_ptr<Pair>> pairs_;
    std::vector<std::unique_ptr<Watchdog>> watchdogs_;
    std::vector<std::unique_ptr<Watchdog>> judges_; ///< Of interpreters that judge.
};

} // namespace

uint64_t CampaignResult::cases() const {
    uint64_t sum = 0;
    for (const auto& [model, result] : models) sum += result.cases;
    return sum;
}

uint64_t CampaignResult::mismatches() const {
    uint64_t sum = 0;
    for (const auto& [model, result] : models) sum += result.mismatches;
    return sum;
}

const char* oracle_cpu_for(CpuModel model) { return model == CpuModel::N1 ? "neoverse-n1" : "cortex-a57"; }

CampaignResult run_campaign(const CampaignOptions& options) {
    Shared shared{options};
    background();
    const Progress progress(shared);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < (options.only_case ? 1 : options.jobs); i++)
        threads.emplace_back([&] { Worker(shared).run(); });
    for (std::thread& thread : threads) thread.join();
    shared.result.seconds = std::chrono::duration<double>(Clock::now() - shared.start).count();
    return std::move(shared.result);
}

} // namespace beeline::differential
