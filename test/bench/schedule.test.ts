import { strict as assert } from 'node:assert';
import { GuestError } from '../../src/bench/console.js';
import type { Failure, Measurement } from '../../src/bench/results.js';
import { carryOut, type Plan } from '../../src/bench/schedule.js';
import type { Subject } from '../../src/bench/subject.js';

const never = new AbortController().signal;

class Fake implements Subject {
  readonly description;
  readonly #log: string[];
  readonly #fails: string;

  /** `fails`: the workload that it cannot run; empty for booting. */
  constructor(name: string, log: string[], fails = 'none') {
    this.description = { name, kind: 'beeline', disabled: [] } as Subject['description'];
    this.#log = log;
    this.#fails = fails;
  }

  async prepare(cpus: number): Promise<void> {
    this.#log.push(`${this.description.name} boots with ${cpus}`);
    if (this.#fails === '') throw new GuestError('no prompt');
  }

  async run(workload: string) {
    this.#log.push(`${this.description.name} ${workload}`);
    if (this.#fails === workload) throw new GuestError('hangs');
    return { seconds: 1, wallSeconds: 2, checksum: 'c' };
  }

  async close(): Promise<void> {}
}

async function execute(plan: Omit<Plan, 'roundsOf'> & Partial<Plan>, signal = never) {
  const measurements: Measurement[] = [];
  const failures: Failure[] = [];
  await carryOut(
    { roundsOf: () => plan.rounds, ...plan },
    { onMeasurement: (one) => measurements.push(one), onFailure: (one) => failures.push(one) },
    signal,
  );
  return { measurements, failures };
}

const one = [{ name: 'x', cpus: 1 }];

describe('the order of the measurements', () => {
  it('goes from one to the next within each workload, back and forth', async () => {
    const log: string[] = [];
    const workloads = [...one, { name: 'y', cpus: 1 }];
    await execute({ subjects: [new Fake('a', log), new Fake('b', log)], workloads, rounds: 2 });
    assert.deepEqual(log.slice(0, 2), ['a boots with 1', 'b boots with 1']);
    assert.deepEqual(log.slice(2), ['a x', 'b x', 'a y', 'b y', 'b x', 'a x', 'b y', 'a y']);
  });

  it('boots a guest for each number of CPUs first', async () => {
    const log: string[] = [];
    await execute({ subjects: [new Fake('a', log)], workloads: [...one, { name: 'y', cpus: 2 }], rounds: 1 });
    assert.deepEqual(log, ['a boots with 1', 'a boots with 2', 'a x', 'a y']);
  });

  it('lets a subject take part in fewer rounds', async () => {
    const log: string[] = [];
    const a = new Fake('a', log);
    const roundsOf = (subject: Subject) => (subject === a ? 1 : 3);
    const { measurements } = await execute({
      subjects: [a, new Fake('b', log)],
      workloads: one,
      rounds: 3,
      roundsOf,
    });
    assert.deepEqual(
      measurements.map(({ subject, round }) => `${subject}${round}`),
      ['a0', 'b0', 'b1', 'b2'],
    );
  });

  it('tells a failure once, and goes on', async () => {
    const { measurements, failures } = await execute({
      subjects: [new Fake('a', [], 'x'), new Fake('b', [])],
      workloads: [...one, { name: 'y', cpus: 1 }],
      rounds: 2,
    });
    assert.deepEqual(failures, [{ workload: 'x', subject: 'a', round: 0, reason: 'hangs' }]);
    assert.equal(measurements.length, 6);
  });

  it('does without a guest that does not boot', async () => {
    const { measurements, failures } = await execute({
      subjects: [new Fake('a', [], ''), new Fake('b', [])],
      workloads: one,
      rounds: 2,
    });
    assert.deepEqual(
      failures.map(({ subject, workload }) => [subject, workload]),
      [['a', '']],
    );
    assert.deepEqual(
      measurements.map(({ subject }) => subject),
      ['b', 'b'],
    );
  });

  it('does not hide faults of its own', async () => {
    const broken = new Fake('a', []);
    broken.run = async () => assert.fail('a fault');
    await assert.rejects(execute({ subjects: [broken], workloads: one, rounds: 1 }), /a fault/);
  });
});
