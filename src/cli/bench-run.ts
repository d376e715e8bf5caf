// beeline bench run, calibrate, compare, show and export: measures, judges, prints a Markdown page.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { describeEnvironment } from '../bench/environment.js';
import { findQemu, type Qemu, usualQemu } from '../bench/qemu.js';
import { BeelineError, ExitStatus } from '../errors.js';
import { projectRoot } from '../paths.js';
import { ablationSections } from '../regression/ablation-chart.js';
import { exportResult } from '../regression/export.js';
import type { ExportFormat } from '../regression/export-formats.js';
import { type Fingerprint, machineFingerprint } from '../regression/fingerprint.js';
import { type History, withHistory } from '../regression/history.js';
import { prepareMachine } from '../regression/machine.js';
import { comparisonTable, failureList, heading, page, phaseTable, repeatabilityTable } from '../regression/markdown.js';
import { type Metric, metrics, quietMetric, usualMetric } from '../regression/metrics.js';
import {
  apartQuestions,
  checkTime,
  hasBase,
  type NoiseOf,
  pairedQuestions,
  unknownNoise,
} from '../regression/questions.js';
import {
  baseName,
  byMachine,
  failedRuns,
  headName,
  isTogether,
  machinesOf,
  type Run,
  type RunResult,
  readResult,
} from '../regression/result.js';
import { builtRevision } from '../regression/revisions.js';
import { carryOut } from '../regression/schedule.js';
import { beelineSubject, qemuSubject, type Subject } from '../regression/subjects.js';
import { type Comparison, compare, overall, type Question, usualLimits, verdictStatus } from '../regression/verdict.js';
import { selectWorkloads, type Workload } from '../regression/workloads.js';
import { onEndingSignal, signalStatus } from '../signals.js';

/** What commands that judge have in common. */
export interface JudgeOptions {
  /** Otherwise the quietest. */
  readonly metric?: Metric;
  /** A share: 0.01 is 1 %. */
  readonly minimumEffect?: number;
  readonly acrossMachines?: boolean;
}

export interface BenchRunOptions extends JudgeOptions, TakeOptions {
  readonly reference?: string;
  readonly against?: string;
  readonly disable?: readonly string[];
  readonly icount?: boolean;
  readonly json?: string;
}

/** How often to measure, and where. */
export interface TakeOptions {
  /** Pairs. */
  readonly runs: number;
  readonly warmUp: number;
  /** Even where pairs could share a core. */
  readonly inTurns?: boolean;
  /** Of Redis; otherwise this process measures. */
  readonly queue?: string;
  /** Seconds. */
  readonly queuePatience: number;
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Runs `body` with a signal that the usual signals give, and a folder that is gone afterwards. */
export async function interruptibly(body: (signal: AbortSignal, folder: string) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const forgetSignals = onEndingSignal((signal) => {
    controller.abort(new BeelineError('BEELINE_E_INTERRUPTED', { signal, status: signalStatus(signal) }));
  });
  const folder = mkdtempSync(join(tmpdir(), 'beeline-bench-'));
  try {
    return await body(controller.signal, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    forgetSignals();
  }
}

function describeRun(run: Run): string {
  const where = `${run.workload}, pair ${run.pair + 1}, ${run.subject}`;
  if (run.status === 'failed') return `${where}: FAILED, ${run.kind}, ${run.detail}`;
  const { wallSeconds, cpuSeconds } = run.total;
  const times = [
    ...(wallSeconds === undefined ? [] : [`${wallSeconds.toFixed(3)} s`]),
    ...(cpuSeconds === undefined ? [] : [`CPU ${cpuSeconds.toFixed(3)} s`]),
  ];
  return `${where}: ${times.join(', ')}`;
}

export interface Measurement {
  readonly workloads: readonly Workload[];
  readonly subjects: readonly Subject[];
  readonly purpose: RunResult['purpose'];
  readonly qemu: Qemu | undefined;
  /** Runs that are known to fail before anything starts. */
  readonly failed: readonly Run[];
  /** Counted guest time. */
  readonly icount?: boolean;
  /** What is compared; CPU time unless told otherwise. */
  readonly metric?: Metric;
}

/** Pairs of Beelines share a core of the host, unless that spoils what is measured. */
function canShare({ subjects, icount = false, metric = usualMetric }: Measurement): boolean {
  const areBeelines = subjects.every(({ description }) => description.kind === 'beeline');
  return subjects.length === 2 && areBeelines && !icount && metric !== 'wall';
}

/** Where it was measured: here unless workers have. */
function placesOf(machines: readonly Fingerprint[]): Pick<RunResult, 'fingerprint' | 'machines'> {
  const fingerprint = machines[0] ?? machineFingerprint();
  return machines.length < 2 ? { fingerprint } : { fingerprint, machines: [...machines] };
}

/** Ends early, with what there is, when the signal comes. */
export async function take(
  measurement: Measurement,
  { runs: pairs, warmUp: warmUps, inTurns = false, queue: url, queuePatience: patience }: TakeOptions,
  folder: string,
  signal: AbortSignal,
): Promise<RunResult> {
  const { workloads, subjects, purpose, qemu, failed, icount = false } = measurement;
  const together = !inTurns && canShare(measurement);
  const environment = describeEnvironment(qemu);
  const id = `${environment.date.replace(/\D/g, '').slice(0, 14)}-${randomBytes(3).toString('hex')}`;
  const runs: Run[] = [...failed];
  const machines = new Map<string, Fingerprint>();
  // Loaded when needed: most people have no Redis.
  const queue =
    url === undefined
      ? undefined
      : await (await import('../regression/redis-queue.js')).RedisQueue.connect({
          ...{ url, batch: id, subjects, warmUps, together, icount, patience, say },
        });
  for (const run of failed) say(describeRun(run));
  const plan = {
    workloads,
    subjects,
    pairs,
    warmUps,
    together,
    queue,
    prepare: (workload: Workload) => prepareMachine(workload, folder, icount, signal),
  };
  const observer = {
    onRun: (run: Run, machine?: Fingerprint) => {
      if (machine !== undefined) machines.set(machine.id, machine);
      runs.push(machine === undefined ? run : { ...run, machine: machine.id });
      say(describeRun(run));
    },
    onWarmUp: (workload: string, subject: string) => say(`${workload}, warm-up, ${subject}`),
  };
  try {
    await carryOut(plan, observer, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return {
    schema: 'beeline.bench-run.1',
    id,
    startedAt: environment.date,
    purpose,
    environment,
    ...placesOf([...machines.values()]),
    icount,
    ...(together && { together }),
    interrupted: signal.aborted,
    subjects: subjects.map(({ description }) => description),
    runs,
  };
}

/** Every metric is shown; those of `metric` are judged together. */
export function judge(
  questionsOf: (metric: Metric, noise: NoiseOf) => Question[],
  { metric: wanted, minimumEffect = usualLimits.minimumEffect }: JudgeOptions,
  result: RunResult,
): { readonly judged: Comparison[]; readonly shown: Comparison[] } {
  const limits = { ...usualLimits, minimumEffect };
  const metric = wanted ?? quietMetric(result.icount);
  const answer = (noise: NoiseOf) => {
    const compared = (one: Metric) => compare(questionsOf(one, noise), limits);
    return { judged: compared(metric), shown: metrics.filter((other) => other !== metric).flatMap(compared) };
  };
  // What cannot be asked at all is told before the history comes in.
  questionsOf(metric, unknownNoise);
  return withNoise(result, answer);
}

/** `body` with what the history knows; without that where it cannot be used, which is told. */
export function withNoise<T>(result: RunResult, body: (noise: NoiseOf) => T): T {
  // What was calibrated is how noisy the host's time is.
  if (result.icount) return body(unknownNoise);
  let found: { readonly value: T } | undefined;
  attempt(() => {
    found = withHistory((history) => ({ value: body(noiseFrom(history, result)) }));
  });
  return found === undefined ? body(unknownNoise) : found.value;
}

export function statusOf(result: RunResult, judged: readonly Comparison[] | undefined, signal: AbortSignal): number {
  if (signal.aborted) return signal.reason instanceof BeelineError ? signal.reason.status : ExitStatus.interrupted;
  if (failedRuns(result).length > 0) return ExitStatus.failure;
  return judged === undefined ? ExitStatus.ok : verdictStatus[overall(judged.map(({ verdict }) => verdict))];
}

interface Versus {
  /** The folder of the other Beeline. */
  readonly root?: string;
  /** Measured before. */
  readonly result?: RunResult;
}

/** A file, or the id of one in the history; undefined when it is neither. */
function knownResult(what: string): RunResult | undefined {
  if (existsSync(what)) return statSync(what).isFile() ? readResult(what) : undefined;
  return withHistory((history) => history.find(what));
}

/** Throws BEELINE_E_BENCH_RESULT. */
export function resultOf(what: string): RunResult {
  const result = knownResult(what);
  if (result !== undefined) return result;
  throw new BeelineError('BEELINE_E_BENCH_RESULT', { path: what, detail: 'there is no such file and no such id' });
}

/** Of the noisiest of its machines. */
function noiseFrom(history: History, result: RunResult): NoiseOf {
  const all = machinesOf(result).map(({ id }) => history.noiseOf(id, isTogether(result)));
  return (workload, metric, pairs) => {
    const known = all.map((noiseOf) => noiseOf(workload, metric, pairs)).filter(Number.isFinite);
    return known.length === 0 ? Number.NaN : Math.max(...known);
  };
}

/** Whether that went well; what did not is told. */
function attempt(body: () => void): boolean {
  try {
    body();
    return true;
  } catch (error) {
    if (!(error instanceof BeelineError)) throw error;
    say(`beeline: ${error.message}`);
    return false;
  }
}

/** Keeps it in the history and, where one is named, in a file, before anything else can go wrong. */
export function keep(result: RunResult, file?: string): boolean {
  const isWritten =
    file === undefined || attempt(() => writeFileAtomically(file, `${JSON.stringify(result, null, 2)}\n`));
  const isAdded = attempt(() =>
    withHistory((history) => {
      for (const one of byMachine(result)) history.add(one);
    }),
  );
  return isWritten && isAdded;
}

async function resolveAgainst(against: string | undefined, signal: AbortSignal): Promise<Versus> {
  if (against === undefined) return {};
  const result = knownResult(against);
  if (result !== undefined) return { result };
  return { root: await builtRevision('--against', against, say, signal) };
}

export async function runBench(selection: readonly string[], options: BenchRunOptions): Promise<number> {
  const { icount = false, metric } = options;
  if (icount && options.reference !== undefined) {
    const detail = 'what another emulator does in counted time says nothing about how fast it is';
    throw new BeelineError('BEELINE_E_OPTION_VALUE', { option: '--icount', detail, remedy: 'leave --reference out' });
  }
  const workloads = selectWorkloads(selection);
  return interruptibly(async (signal, folder) => {
    const versus = await resolveAgainst(options.against, signal);
    if (versus.result !== undefined) checkTime(versus.result, icount);
    const { reference } = options;
    const command = reference === usualQemu ? process.env.BEELINE_QEMU || usualQemu : reference;
    const qemu = command === undefined ? undefined : await findQemu(command);
    const failed: Run[] =
      reference === undefined || qemu !== undefined
        ? []
        : workloads.map(({ name: workload }) => {
            const detail = `there is no ${command} that runs`;
            return { workload, subject: 'QEMU', pair: 0, status: 'failed', kind: 'qemu-missing', phase: null, detail };
          });
    const disabled = options.disable ?? [];
    const subjects = [
      ...(versus.root === undefined
        ? []
        : [beelineSubject({ name: baseName, root: versus.root, disabled: [], icount })]),
      beelineSubject({ name: headName, root: projectRoot, disabled, icount }),
      ...(qemu === undefined ? [] : [qemuSubject(qemu)]),
    ];
    const result = await take(
      { workloads, subjects, purpose: 'measure', qemu, failed, icount, ...(metric !== undefined && { metric }) },
      options,
      folder,
      signal,
    );
    const isKept = keep(result, options.json);
    const { result: before } = versus;
    const across = options.acrossMachines ?? false;
    const questionsOf =
      before !== undefined
        ? (metric: Metric, noise: NoiseOf) => apartQuestions(before, result, metric, across, noise)
        : versus.root !== undefined
          ? (metric: Metric, noise: NoiseOf) =>
              pairedQuestions(result, { base: baseName, head: headName }, metric, noise)
          : undefined;
    const found = questionsOf === undefined ? undefined : judge(questionsOf, options, result);
    const withQemu = (['wall', 'cpu'] as const).flatMap((metric) =>
      compare(pairedQuestions(result, { base: headName, head: 'QEMU' }, metric)),
    );
    const titles = { base: baseName, head: headName };
    process.stdout.write(
      page([
        ['', heading(result)],
        ['Verdicts', found === undefined ? '' : comparisonTable(found.judged, titles, true)],
        [
          'Other measures',
          found === undefined || found.shown.length === 0 ? '' : comparisonTable(found.shown, titles, false),
        ],
        ['QEMU', withQemu.length === 0 ? '' : comparisonTable(withQemu, { base: 'Beeline', head: 'QEMU' }, false)],
        ['Phases', phaseTable(result)],
        ['The same to the instruction', repeatabilityTable(result)],
        ['Failures', failureList(result)],
      ]),
    );
    return isKept ? statusOf(result, found?.judged, signal) : ExitStatus.failure;
  });
}

/** Of one result: its pairs. */
export function compareResults(basePath: string, headPath: string | undefined, options: JudgeOptions): number {
  const base = resultOf(basePath);
  const head = headPath === undefined ? base : resultOf(headPath);
  if (headPath === undefined && !hasBase(base)) {
    const detail = 'it is of one Beeline alone: name another result, too';
    throw new BeelineError('BEELINE_E_BENCH_RESULT', { path: basePath, detail });
  }
  const across = options.acrossMachines ?? false;
  const subjects = { base: baseName, head: headName };
  const { judged, shown } = judge(
    (metric, noise) =>
      headPath === undefined
        ? pairedQuestions(head, subjects, metric, noise)
        : apartQuestions(base, head, metric, across, noise),
    options,
    head,
  );
  process.stdout.write(
    page([
      ['Verdicts', judged.length === 0 ? '' : comparisonTable(judged, subjects, true)],
      ['Other measures', shown.length === 0 ? '' : comparisonTable(shown, subjects, false)],
      [headPath === undefined ? 'Failures' : 'Failures of base', failureList(base)],
      ['Failures of head', headPath === undefined ? '' : failureList(head)],
    ]),
  );
  if (failedRuns(head).length > 0) return ExitStatus.failure;
  return verdictStatus[overall(judged.map(({ verdict }) => verdict))];
}

/** The same Beeline in pairs with itself: whatever differs then is noise. */
export async function calibrate(
  selection: readonly string[],
  options: TakeOptions & Pick<BenchRunOptions, 'json'>,
): Promise<number> {
  const workloads = selectWorkloads(selection);
  return interruptibly(async (signal, folder) => {
    const subjects = [baseName, headName].map((name) => beelineSubject({ name, root: projectRoot, disabled: [] }));
    const measurement = { workloads, subjects, purpose: 'calibrate', qemu: undefined, failed: [] } as const;
    const result = await take(measurement, options, folder, signal);
    const isKept = keep(result, options.json);
    const comparisons = metrics.flatMap((metric) =>
      compare(pairedQuestions(result, { base: baseName, head: headName }, metric)),
    );
    process.stdout.write(
      page([
        ['', heading(result)],
        [
          'The same twice',
          comparisons.length === 0 ? '' : comparisonTable(comparisons, { base: baseName, head: headName }, false),
        ],
        ['Failures', failureList(result)],
      ]),
    );
    return isKept ? statusOf(result, undefined, signal) : ExitStatus.failure;
  });
}

export function showResult(what: string): number {
  const result = resultOf(what);
  process.stdout.write(
    page([
      ['', heading(result)],
      ...(result.purpose === 'ablation' ? ablationSections(result, usualMetric) : []),
      ['Phases', phaseTable(result)],
      ['The same to the instruction', repeatabilityTable(result)],
      ['Failures', failureList(result)],
    ]),
  );
  return ExitStatus.ok;
}

export function printExport(what: string, format: ExportFormat): number {
  process.stdout.write(exportResult(resultOf(what), format));
  return ExitStatus.ok;
}
