import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { projectRoot } from '../../src/paths.js';
import { type RunResult, RunResultSchema } from '../../src/regression/result.js';
import { beeline } from '../support/cli.js';
import { TestRedis } from '../support/redis.js';
import { TemporaryFolder } from '../support/temporary.js';
import { addWorkload, benchEnvironment } from '../support/workloads.js';

describe('workers of a queue on Redis', function () {
  this.timeout(120_000);
  let redis: TestRedis | undefined;
  const folder = new TemporaryFolder(() => redis?.close());
  const env = () => benchEnvironment(folder);

  beforeEach(() => {
    redis = new TestRedis(folder.path);
    const phases = "phases: [{ name: all, until: '^DONE' }]\n";
    addWorkload(folder, 'hello', `title: Hello\nimage: bare/hello\n${phases}`);
  });

  const server = () => {
    assert.ok(redis !== undefined);
    return redis;
  };
  const result = (): RunResult => {
    const value: unknown = JSON.parse(readFileSync(folder.at('r.json'), 'utf8'));
    assert.ok(Value.Check(RunResultSchema, value), JSON.stringify([...Value.Errors(RunResultSchema, value)][0]));
    return value;
  };
  const run = (...options: string[]) =>
    beeline(['bench', 'run', '--warm-up', '0', '--queue', server().url, '--json', folder.at('r.json'), ...options], {
      env: env(),
      limit: 110,
    });

  it('measure sixty pairs once each, though one of three is killed', async () => {
    await server().start();
    const workers = [];
    for (let count = 0; count < 3; count++) workers.push(server().worker(env(), '--lost-after', '3'));
    const [lost] = await Promise.all(workers);
    assert.ok(lost !== undefined);
    // While it measures.
    server().afterPairs(10, () => lost.kill('SIGKILL'));
    const { status, stderr } = await run('--runs', '60');
    assert.equal(status, 0, stderr + server().log);
    assert.equal(lost.signalCode, 'SIGKILL');
    assert.match(stderr, /^3 workers, on machine [0-9a-f]{12}$/m);
    assert.match(stderr, /^2 workers/m);
    const { runs, machines, fingerprint } = result();
    assert.equal(machines, undefined);
    assert.ok(runs.every(({ machine, status: outcome }) => outcome === 'done' && machine === fingerprint.id));
    assert.deepEqual(
      runs.map(({ pair }) => pair).sort((a, b) => a - b),
      Array.from({ length: 60 }, (_, pair) => pair),
    );
  });

  it('measure pairs whole', async () => {
    await server().start();
    await Promise.all([server().worker(env()), server().worker(env())]);
    const { status, stderr } = await run('--runs', '4', '--against', projectRoot);
    assert.equal(status, 12, stderr + server().log);
    const { runs } = result();
    const neighbours = runs
      .filter((_, index) => index % 2 === 0)
      .map(({ pair }, index) => [pair, runs[2 * index + 1]?.pair]);
    assert.deepEqual(
      neighbours.sort(),
      [0, 1, 2, 3].map((pair) => [pair, pair]),
    );
  });

  it('go on when Redis comes back, which has forgotten everything', async () => {
    await server().start();
    await server().worker(env(), '--lost-after', '2');
    let tellBack: () => void = () => undefined;
    const isBack = new Promise<void>((resolve) => {
      tellBack = resolve;
    });
    server().afterPairs(2, () => {
      void server()
        .stop()
        .then(() => new Promise((resolve) => setTimeout(resolve, 1500)))
        .then(() => server().start())
        .then(tellBack);
    });
    const [{ status, stderr }] = await Promise.all([run('--runs', '6'), isBack]);
    assert.equal(status, 0, stderr + server().log);
    assert.match(stderr, /Redis is gone/);
    assert.match(stderr, /the queue goes on/);
    assert.deepEqual(
      result()
        .runs.map(({ pair }) => pair)
        .sort(),
      [0, 1, 2, 3, 4, 5],
    );
  });

  it('leave nobody waiting for good', async () => {
    await server().start();
    const alone = await run('--runs', '2', '--queue-patience', '1');
    assert.equal(alone.status, 1);
    assert.match(alone.stdout, /hello, head: \*\*queue-lost\*\*, there is no worker/);
    assert.equal(result().runs.length, 2);
    await server().worker(env());
    server().afterPairs(2, () => void server().stop());
    const gone = await run('--runs', '60', '--queue-patience', '1');
    assert.equal(gone.status, 1, gone.stderr);
    assert.equal(result().runs.length, 60);
    assert.match(gone.stdout, /queue-lost\*\*, Redis is gone/);
    const never = await run('--queue-patience', '1');
    assert.equal(never.status, 2);
    assert.match(never.stderr, /--queue: redis:\/\/127\.0\.0\.1:\d+.*ECONNREFUSED/);
    const nonsense = await beeline(['bench', 'worker', '--queue', 'http://localhost']);
    assert.equal(nonsense.status, 2);
    assert.match(nonsense.stderr, /no redis:\/\/ address/);
  });
});
