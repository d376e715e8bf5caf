import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToolError } from '../../src/process.js';
import { type Bisection, bisect } from '../../src/regression/bisect.js';
import { seededRandom } from '../../src/regression/random.js';
import { RevisionStore } from '../../src/regression/revision-store.js';
import { usualLimits } from '../../src/regression/verdict.js';
import { beeline } from '../support/cli.js';
import { currentCommit, forgetRevisions, quickRevision } from '../support/planted.js';
import { TemporaryFolder } from '../support/temporary.js';
import { addWorkload, benchEnvironment, ownRevisions } from '../support/workloads.js';

describe('bisection by measurements', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();
  after(forgetRevisions);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: folder.at('clone'),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();

  /** A clone with a commit for each cost; what cannot be built says so. Oldest first. */
  function history(costs: readonly (number | 'broken')[]): string[] {
    execFileSync('git', ['init', '-q', folder.at('clone')]);
    return costs.map((cost, index) => {
      writeFileSync(folder.at('clone', 'cost'), `${cost}\n${index}\n`);
      git('add', 'cost');
      git('commit', '-q', '-m', `Revision ${index}`);
      return git('rev-parse', 'HEAD');
    });
  }

  const costOf = (root: string) => readFileSync(join(root, 'cost'), 'utf8').split('\n')[0] ?? '';

  function bisection(commits: readonly string[], noise: number, more: Partial<Bisection> = {}) {
    const store = new RevisionStore({
      repository: folder.at('clone'),
      folder: folder.at('revisions'),
      // Fewer than a search needs.
      limit: 3,
      build: (root) => (costOf(root) === 'broken' ? Promise.reject(new ToolError('make', 2, 'no')) : Promise.resolve()),
    });
    const random = seededRandom(1);
    const built: string[] = [];
    const measured: number[] = [];
    const search: Bisection = {
      repository: folder.at('clone'),
      good: commits[0] ?? '',
      bad: commits.at(-1) ?? '',
      folder: folder.path,
      runs: 10,
      mostRuns: 40,
      limits: usualLimits,
      isExact: false,
      build: (commit) => {
        built.push(commit);
        return store.built(commit, () => undefined, new AbortController().signal);
      },
      measure: ({ base, head }, pairs, workloads) => {
        measured.push(pairs);
        const values = (root: string, factor: number) =>
          Array.from(
            { length: pairs },
            () => (1 + (Number(costOf(root)) - 1) * factor) * (1 + noise * (random() - 0.5)),
          );
        const question = (workload: string, factor: number) => ({
          workload,
          metric: 'cpu',
          base: values(base, factor),
          head: values(head, factor),
          paired: true,
          noise: Number.NaN,
        });
        const all = [question('steady', 0), question('sensitive', 1)];
        return Promise.resolve(all.filter(({ workload }) => workloads.length === 0 || workloads.includes(workload)));
      },
      say: () => undefined,
      ...more,
    };
    return { search, built, measured };
  }

  const run = (search: Bisection) => bisect(search, new AbortController().signal);

  it('finds the revision that made a workload slower, and leaves the clone alone', async () => {
    const commits = history([1, 1, 1, 1, 1, 1.03, 1.03, 1.03, 1.03, 1.03]);
    const { search, measured } = bisection(commits, 0.01);
    const found = await run(search);
    assert.ok(found.kind === 'culprit');
    assert.equal(found.commit, commits[5]);
    assert.equal(found.ends.workload, 'sensitive');
    const { low, high } = found.change?.interval ?? { low: 0, high: 0 };
    assert.ok(low > 1.01 && low < 1.03 && high > 1.03 && high < 1.05, `${low} ${high}`);
    assert.ok(measured.length <= 6);
    assert.equal(git('status', '--porcelain'), '');
    assert.equal(git('rev-parse', 'HEAD'), commits.at(-1));
    assert.ok(!existsSync(folder.at('clone', '.git', 'BISECT_LOG')));
    assert.ok(!git('worktree', 'list').includes('bisect-'));
  });

  it('skips revisions that do not build', async () => {
    const commits = history([1, 1, 'broken', 1, 'broken', 1.1, 1.1]);
    const { search } = bisection(commits, 0.01);
    const found = await run(search);
    assert.ok(found.kind === 'untestable');
    assert.deepEqual([...found.commits].sort(), commits.slice(4, 6).sort());
  });

  it('goes past what does not build', async () => {
    const { search } = bisection(history([1, 'broken', 1, 1, 1.2]), 0.01);
    assert.equal((await run(search)).kind, 'culprit');
  });

  it('measures more while the noise hides it, and stops when that does not help', async () => {
    const { search, measured } = bisection(history([1, 1, 1.02, 1.02]), 0.5);
    const found = await run(search);
    assert.ok(found.kind === 'inconclusive');
    assert.deepEqual(measured.slice(0, 3), [10, 10, 20]);
    assert.equal(measured.reduce((sum, pairs) => sum + pairs) % 40, 0);
  });

  it('has nothing to find where bad is no slower', async () => {
    const { search, built } = bisection(history([1, 1, 1]), 0.005);
    assert.equal((await run(search)).kind, 'nothing');
    assert.equal(built.length, 2);
  });

  it('takes one run of each where all are the same', async () => {
    const commits = history([1, 1, 1, 1.02, 1.02, 1.02]);
    const { search, measured } = bisection(commits, 0, { isExact: true, runs: 1 });
    const found = await run(search);
    assert.ok(found.kind === 'culprit');
    assert.equal(found.commit, commits[3]);
    assert.deepEqual(found.change?.interval, { low: 1.02, high: 1.02 });
    assert.ok(measured.length <= 5 && measured.every((pairs) => pairs === 1), String(measured));
    assert.equal((await run(bisection(history([1, 1.005]), 0, { isExact: true, runs: 1 }).search)).kind, 'nothing');
  });

  it('asks chance after all where runs that should be the same are not', async () => {
    const { search, measured } = bisection(history([1, 1]), 0.5, { isExact: true, runs: 2 });
    assert.equal((await run(search)).kind, 'inconclusive');
    assert.deepEqual(measured, [2, 2, 4, 8, 16, 8]);
  });

  it('rejects when an end does not build', async () => {
    await assert.rejects(run(bisection(history([1, 'broken']), 0).search), ToolError);
  });

  it('counts guest instructions, and then one run of each revision tells', async () => {
    addWorkload(folder, 'hello', "title: Hello\nimage: bare/hello\nphases: [{ name: all, until: '^DONE' }]\n");
    // Slow ones run a guest that does more.
    const slowly = `text.replace('start(request.config)',
      'start({ ...request.config, kernel: request.config.kernel.replace("hello", "exceptions") })')`;
    const good = currentCommit();
    const edits = [undefined, undefined, slowly, slowly, slowly];
    const commits: string[] = [];
    for (const edit of edits) {
      commits.push(quickRevision(commits.at(-1) ?? good, `Revision ${commits.length}`, edit));
    }
    const env = { ...benchEnvironment(folder), ...ownRevisions(folder) };
    const ends = ['--good', commits[0] ?? '', '--bad', commits.at(-1) ?? ''];
    const { status, stdout, stderr } = await beeline(['bench', 'bisect', '--icount', ...ends, 'hello'], { env });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, new RegExp(`^The first slow revision is .*Revision 2 \\(${commits[2]}\\)`));
    const ratio = /it \/ its parent, hello: (\d+\.\d+) \(1 pair\)/.exec(stdout)?.[1];
    assert.ok(Number(ratio) > 1.1, stdout);
    assert.doesNotMatch(stderr, /warm-up|pair 2/);
  });

  it('is refused where there is no such revision', async () => {
    const { status, stderr } = await beeline(['bench', 'bisect', '--good', 'no-such-thing', '--bad', 'HEAD', 'bare']);
    assert.equal(status, 2);
    assert.match(stderr, /no revision of this clone/);
  });
});

describe('built revisions', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();
  const never = new AbortController().signal;

  it('are built once, by one at a time, and only the last used are kept', async () => {
    const clone = folder.at('clone');
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        cwd: clone,
        encoding: 'utf8',
      }).trim();
    execFileSync('git', ['init', '-q', clone]);
    const commits = [1, 2, 3].map((index) => {
      writeFileSync(join(clone, 'file'), String(index));
      git('add', 'file');
      git('commit', '-q', '-m', String(index));
      return git('rev-parse', 'HEAD');
    });
    const built: string[] = [];
    const store = () =>
      new RevisionStore({
        repository: clone,
        folder: folder.at('revisions'),
        limit: 2,
        build: async (root) => {
          built.push(readFileSync(join(root, 'file'), 'utf8'));
          await new Promise((resolve) => setTimeout(resolve, 100));
        },
      });
    const [first = '', second = '', third = ''] = commits;
    const get = (commit: string) => store().built(commit, () => undefined, never);
    const [one, same] = await Promise.all([get(first), get(first)]);
    assert.equal(one, same);
    assert.deepEqual(built, ['1']);
    await get(second);
    await get(first);
    const last = await get(third);
    assert.deepEqual(built, ['1', '2', '3']);
    assert.ok(existsSync(join(last, 'file')) && existsSync(join(one, 'file')));
    assert.ok(!existsSync(folder.at('revisions', second)));
    // A lock of a process that is gone holds nobody up.
    writeFileSync(folder.at('revisions', `${second}.lock`), '999999999\n');
    await get(second);
    assert.deepEqual(built, ['1', '2', '3', '2']);
    // Nor does one that another clone has built, which is gone.
    rmSync(join(clone, '.git', 'worktrees'), { recursive: true });
    await get(second);
    assert.deepEqual(built, ['1', '2', '3', '2', '2']);
  });

  it('leave nothing behind when they do not build', async () => {
    const clone = folder.at('clone');
    execFileSync('git', ['init', '-q', clone]);
    const identity = ['-c', 'user.name=a', '-c', 'user.email=a@b'];
    execFileSync('git', [...identity, 'commit', '-q', '--allow-empty', '-m', 'a'], { cwd: clone });
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: clone, encoding: 'utf8' }).trim();
    const build = () => Promise.reject(new ToolError('make', 2, 'no'));
    const store = new RevisionStore({ repository: clone, folder: folder.at('revisions'), build });
    await assert.rejects(
      store.built(commit, () => undefined, never),
      ToolError,
    );
    assert.ok(!existsSync(folder.at('revisions', commit)) && !existsSync(folder.at('revisions', `${commit}.lock`)));
  });
});
