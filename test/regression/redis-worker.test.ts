// What workers need that do not share the disk of whoever asks, or are not its equal.
import { strict as assert } from 'node:assert';
import { describeRevision } from '../../src/bench/environment.js';
import { projectRoot } from '../../src/paths.js';
import { RedisQueue } from '../../src/regression/redis-queue.js';
import { headName, type Run, readResult } from '../../src/regression/result.js';
import { beelineSubject } from '../../src/regression/subjects.js';
import { readWorkload } from '../../src/regression/workloads.js';
import { beeline } from '../support/cli.js';
import { currentCommit, forgetRevisions, quickRevision } from '../support/planted.js';
import { TestRedis } from '../support/redis.js';
import { TemporaryFolder } from '../support/temporary.js';
import { addWorkload, benchEnvironment, ownRevisions } from '../support/workloads.js';

describe('a worker of a queue on Redis', function () {
  this.timeout(120_000);
  let redis: TestRedis | undefined;
  const folder = new TemporaryFolder(() => redis?.close());
  after(forgetRevisions);

  beforeEach(async () => {
    redis = new TestRedis(folder.path);
    await redis.start();
    addWorkload(folder, 'hello', "title: Hello\nimage: bare/hello\nphases: [{ name: all, until: '^DONE' }]\n");
  });

  const server = () => {
    assert.ok(redis !== undefined);
    return redis;
  };

  const elsewhere = () => ({ ...benchEnvironment(folder), ...ownRevisions(folder) });

  /** What comes back when a Beeline of that revision is asked for, from a folder that the worker does not have. */
  const ask = async (revision: string, pairs: number): Promise<Run[]> => {
    const usual = beelineSubject({ name: headName, root: projectRoot, disabled: [] });
    const subject = { ...usual, description: { ...usual.description, revision }, program: '/nowhere' };
    const common = { warmUps: 0, together: false, icount: false, patience: 60, say: () => undefined };
    const queue = await RedisQueue.connect({ url: server().url, batch: 'batch', subjects: [subject], ...common });
    const workload = readWorkload('hello', folder.at('workloads'));
    const runs: Run[] = [];
    const observer = { onRun: (run: Run) => runs.push(run), onWarmUp: () => undefined };
    const all = Array.from({ length: pairs }, (_, pair) => ({ workload, pair }));
    await queue.carryOut(all, observer, new AbortController().signal);
    return runs;
  };

  it('builds a revision that it does not have, once', async () => {
    await server().worker(elsewhere());
    const commit = quickRevision(currentCommit(), 'Build in a moment');
    const [version] = describeRevision().split(' ');
    const runs = await ask(`${version} ${commit.slice(0, 12)}`, 2);
    assert.deepEqual(
      runs.map(({ status }) => status),
      ['done', 'done'],
      JSON.stringify(runs),
    );
    assert.equal(server().log.match(/building [0-9a-f]{12}/g)?.length, 1, server().log);
  });

  it('says which revision it cannot have, and tries once', async () => {
    await server().worker(elsewhere());
    const commit = quickRevision(
      currentCommit(),
      'Break the build',
      "console.error('error: no compiler') ?? process.exit(1)",
    );
    const failed = (await ask(`1.0 ${commit.slice(0, 12)}`, 3)).map((run) => {
      assert.ok(run.status === 'failed');
      return `${run.kind}: ${run.detail}`;
    });
    assert.equal(failed.length, 3);
    for (const text of failed) assert.match(text, /^not-started: .*cannot be run: .*error: no compiler/);
    assert.equal(server().log.match(/building [0-9a-f]{12}/g)?.length, 1, server().log);
  });

  it('takes nothing else for what is in no commit', async () => {
    await server().worker(benchEnvironment(folder));
    const [run] = await ask('1.0 0123456789ab+', 1);
    assert.ok(run?.status === 'failed' && run.kind === 'not-started');
    assert.match(run.detail, /0123456789ab\+ is not at \/nowhere/);
  });

  it('is told apart from one of another machine', async () => {
    // A fingerprint holds how many CPUs there are for a process, and which kernel says that it is there.
    const env = benchEnvironment(folder);
    await Promise.all([server().worker(env), server().otherMachine(env)]);
    const file = folder.at('r.json');
    const options = ['--runs', '6', '--warm-up', '0', '--in-turns', '--against', projectRoot, '--json', file];
    const bench = (...args: string[]) => beeline(['bench', ...args], { env, limit: 100 });
    const { stdout, stderr } = await bench('run', '--queue', server().url, ...options);
    const { id, runs, fingerprint, machines = [] } = readResult(file);
    assert.equal(machines.length, 2, stderr + server().log);
    assert.equal(fingerprint.id, machines[0]?.id);
    assert.match(stderr, /^2 workers, on machines [0-9a-f]{12}, [0-9a-f]{12}$/m);
    for (const one of machines) assert.ok(stdout.includes(`${one.id}: ${one.cpu}, `), stdout);
    const machineOf = (subject: string) =>
      runs.filter((run) => run.subject === subject).map(({ pair, machine }) => `${pair} ${machine}`);
    assert.deepEqual(machineOf('head').sort(), machineOf('base').sort());
    assert.equal(machineOf('head').length, 6);
    // The history has one result of each machine, with what that has measured.
    assert.match((await bench('report', file, '--format', 'markdown')).stdout, / series of up to 1 results/);
    const [first, second] = [1, 2].map((number) => `${id}-${number}`);
    const shares = machines.map(({ id: machine }, index) => {
      const share = runs.filter((run) => run.machine === machine).length;
      return `${id}-${index + 1} ${machine} ${share}`;
    });
    const listed = await bench('history', '--all-machines');
    const lines = [...listed.stdout.matchAll(/^(\S+) .*Z {2}(\S+) {2}measure {2}(\d+) runs/gm)];
    assert.deepEqual(lines.map(([, one, machine, count]) => `${one} ${machine} ${count}`).sort(), shares.sort());
    assert.equal((await bench('compare', first ?? '', first ?? '')).stderr, '');
    for (const [base, head] of [
      [first, second],
      [first, file],
      [file, file],
    ]) {
      const refused = await bench('compare', base ?? '', head ?? '');
      assert.equal(refused.status, 2);
      assert.match(refused.stderr, /different machines/);
    }
    assert.equal((await bench('compare', file, file, '--across-machines')).stderr, '');
  });
});
