// Finds the revision that made a workload slower: git bisect, whose every step is a measurement in pairs.
import { median } from 'simple-statistics';
import { runTool, ToolError } from '../process.js';
import { GitBisect } from './git-bisect.js';
import { type Interval, medianInterval } from './tests.js';
import { compare, isSteady, type Limits, overall, type Question } from './verdict.js';

/** Each answer of a step has to be right: one that is wrong leads to the wrong half for good. */
const stepConfidence = 0.99;

export interface Bisection {
  /** A clone. */
  readonly repository: string;
  /** Commits' full names. */
  readonly good: string;
  readonly bad: string;
  /** A folder for a worktree. */
  readonly folder: string;
  /** Pairs of each measurement; as long as they tell nothing, twice as many, up to `mostRuns` in all. */
  readonly runs: number;
  readonly mostRuns: number;
  readonly limits: Limits;
  /** Whether all runs of a revision should give the same values: where they do, one tells. */
  readonly isExact: boolean;
  /** The folder of a commit, built; rejects with ToolError when it does not build. */
  build(commit: string): Promise<string>;
  /** Pairs of two folders, for each workload a question; of those in `workloads`, where there are any. */
  measure(
    folders: { readonly base: string; readonly head: string },
    pairs: number,
    workloads: readonly string[],
  ): Promise<readonly Question[]>;
  say(line: string): void;
}

/** head / base. */
export interface Ratio {
  readonly workload: string;
  readonly ratio: number;
  readonly interval: Interval;
  readonly pairs: number;
}

export type Found =
  | { readonly kind: 'culprit'; readonly commit: string; readonly ends: Ratio; readonly change: Ratio | undefined }
  /** Bad is no slower than good. */
  | { readonly kind: 'nothing'; readonly ratios: readonly Ratio[] }
  /** The noise is too much, even with the most runs. */
  | { readonly kind: 'inconclusive'; readonly commit: string; readonly ratios: readonly Ratio[] }
  | { readonly kind: 'untestable'; readonly commits: readonly string[]; readonly ends: Ratio };

/** Values of several measurements of the same pair of folders. */
class Pairs {
  readonly #questions = new Map<string, Question>();

  add(questions: readonly Question[]): void {
    for (const question of questions) {
      const before = this.#questions.get(question.workload);
      const base = [...(before?.base ?? []), ...question.base];
      const head = [...(before?.head ?? []), ...question.head];
      this.#questions.set(question.workload, { ...question, base, head });
    }
  }

  get questions(): readonly Question[] {
    return [...this.#questions.values()];
  }
}

function ratioOf({ workload, base, head }: Question, confidence?: number): Ratio {
  const ratios = head.map((value, pair) => value / (base[pair] ?? Number.NaN));
  return { workload, ratio: median(ratios), interval: medianInterval(ratios, confidence), pairs: ratios.length };
}

function worst<T extends { readonly ratio: number }>(ratios: readonly T[]): T | undefined {
  return ratios.toSorted((a, b) => b.ratio - a.ratio)[0];
}

type Ends = Ratio | 'nothing' | undefined;

/** Of values without noise. */
function judgeExactly(questions: readonly Question[], { minimumEffect }: Limits): Ends {
  const slowest = worst(questions.filter(({ base }) => base.length > 0).map((question) => ratioOf(question)));
  if (slowest === undefined) return undefined;
  return slowest.ratio > 1 && slowest.ratio >= 1 + minimumEffect ? slowest : 'nothing';
}

function judgeByChance(questions: readonly Question[], limits: Limits): Ends {
  const compared = compare(questions, limits);
  const slowest = worst(compared.filter(({ verdict }) => verdict === 'worse'));
  if (slowest !== undefined) return ratioOf(slowest);
  return overall(compared.map(({ verdict }) => verdict)) === 'inconclusive' ? undefined : 'nothing';
}

class Search {
  readonly #bisection: Bisection;
  readonly #signal: AbortSignal;

  constructor(bisection: Bisection, signal: AbortSignal) {
    this.#bisection = bisection;
    this.#signal = signal;
  }

  /** More and more pairs until `answer` knows; undefined when it never does, or nothing can be measured. */
  async #ask<T>(
    folders: { readonly base: string; readonly head: string },
    workloads: readonly string[],
    answer: (questions: readonly Question[]) => T | undefined,
  ): Promise<{ readonly answer: T | undefined; readonly ratios: readonly Ratio[] }> {
    const { runs, mostRuns, measure } = this.#bisection;
    const pairs = new Pairs();
    for (let taken = 0; taken < mostRuns; ) {
      const more = Math.min(taken === 0 ? runs : taken, mostRuns - taken);
      pairs.add(await measure(folders, more, workloads));
      this.#signal.throwIfAborted();
      taken += more;
      const found = answer(pairs.questions);
      if (found !== undefined) return { answer: found, ratios: this.#ratios(pairs) };
      // What failed once will not get better.
      if (pairs.questions.every(({ base }) => base.length === 0)) break;
    }
    return { answer: undefined, ratios: this.#ratios(pairs) };
  }

  #ratios(pairs: Pairs): Ratio[] {
    return pairs.questions.filter(({ head }) => head.length > 0).map((question) => ratioOf(question));
  }

  /** The folder of a revision that has to be built. */
  async #tryBuild(commit: string): Promise<string | undefined> {
    try {
      return await this.#bisection.build(commit);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof ToolError)) throw error;
      this.#bisection.say(`${commit.slice(0, 12)} does not build: ${error.message}`);
      return undefined;
    }
  }

  async run(): Promise<Found> {
    const { good, bad, build, limits, isExact, say } = this.#bisection;
    const head = await build(bad);
    const base = await build(good);
    const { answer, ratios } = await this.#ask({ base, head }, [], (questions) =>
      (isExact && questions.every(isSteady) ? judgeExactly : judgeByChance)(questions, limits),
    );
    if (answer === undefined) return { kind: 'inconclusive', commit: bad, ratios };
    if (answer === 'nothing') return { kind: 'nothing', ratios };
    say(`${answer.workload}: bad / good is ${answer.ratio.toFixed(3)}; only that is measured from here on`);
    return await this.#search(answer);
  }

  async #search(ends: Ratio): Promise<Found> {
    const { repository, good, bad, folder } = this.#bisection;
    const bisect = await GitBisect.start(repository, { good, bad, parent: folder }, this.#signal);
    try {
      for (;;) {
        const step = await bisect.next();
        if (step.kind === 'undecided') return { kind: 'untestable', commits: step.commits, ends };
        if (step.kind === 'found') {
          return { kind: 'culprit', commit: step.commit, ends, change: await this.#change(step.commit, ends) };
        }
        const tested = await this.#test(step.commit, ends);
        if (typeof tested !== 'string') return { kind: 'inconclusive', commit: step.commit, ratios: tested };
        await bisect.mark(tested, step.commit);
      }
    } finally {
      await bisect.close();
    }
  }

  /** A mark for git; ratios when the measurements do not tell. */
  async #test(commit: string, ends: Ratio): Promise<'good' | 'bad' | 'skip' | readonly Ratio[]> {
    const { good, build, say } = this.#bisection;
    const head = await this.#tryBuild(commit);
    if (head === undefined) return 'skip';
    // Anew, for those that have not been asked for for long are not kept.
    const base = await build(good);
    // Halfway between good and bad, as factors.
    const middle = Math.sqrt(ends.ratio);
    const { answer, ratios } = await this.#ask({ base, head }, [ends.workload], (questions) => {
      const question = questions.find(({ workload, base }) => workload === ends.workload && base.length > 0);
      if (question === undefined) return undefined;
      const { low, high } = ratioOf(question, stepConfidence).interval;
      if (high < middle) return 'good';
      return low > middle ? 'bad' : undefined;
    });
    if (ratios.length === 0) {
      say(`${commit.slice(0, 12)} does not run the workload`);
      return 'skip';
    }
    const [ratio] = ratios;
    const pairs = ratio?.pairs === 1 ? '1 pair' : `${ratio?.pairs} pairs`;
    say(`${commit.slice(0, 12)}: ${ratio?.ratio.toFixed(3)} of good after ${pairs}, ${answer ?? 'unclear'}`);
    return answer ?? ratios;
  }

  /** What the culprit alone changed; undefined when its parent cannot be measured. */
  async #change(commit: string, { workload }: Ratio): Promise<Ratio | undefined> {
    const git = { cwd: this.#bisection.repository, signal: this.#signal };
    // Good comes before it: it has a parent.
    const parent = (await runTool('git', ['rev-parse', '--verify', `${commit}^`], git)).trim();
    const base = await this.#tryBuild(parent);
    const head = await this.#tryBuild(commit);
    if (base === undefined || head === undefined) return undefined;
    const questions = await this.#bisection.measure({ base, head }, this.#bisection.runs, [workload]);
    const question = questions.find((one) => one.workload === workload && one.base.length > 0);
    return question === undefined ? undefined : ratioOf(question);
  }
}

/** Rejects with the signal's reason when that comes, and with ToolError when good or bad does not build. */
export function bisect(bisection: Bisection, signal: AbortSignal): Promise<Found> {
  return new Search(bisection, signal).run();
}
