import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { furtherMeans, groupOf, groups, quickWorkloads, selectWorkloads } from '../../src/bench/suite.js';
import { projectRoot } from '../../src/paths.js';

const all = groups.flatMap(({ workloads }) => workloads);
const nothing = { groups: [], workloads: [], quick: false };

describe('the suite', () => {
  it('lists what the program of bench/workloads holds', () => {
    const folder = join(projectRoot, 'bench/workloads/src');
    const text = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    // BENCH(identifier, "name", repetitions), and one macro over it with the same arguments.
    const names = [...text.join('').matchAll(/^[A-Z]+\([\w, ]+, "([\w-]+)", /gm)].map((match) => match[1]);
    assert.ok(names.length > 40);
    assert.deepEqual([...all].sort(), names.sort());
  });

  it('names only what it has', () => {
    for (const name of [...quickWorkloads, ...furtherMeans.flatMap(({ workloads }) => workloads)]) groupOf(name);
  });

  it('leaves out code that runs once unless asked for', () => {
    const usual = selectWorkloads(nothing);
    assert.equal(usual.length, all.length - 2);
    assert.ok(!usual.includes('cold-straight'));
    assert.deepEqual(selectWorkloads({ ...nothing, groups: ['cold'] }), ['cold-straight', 'cold-branches']);
  });

  it('measures less when in a hurry', () => {
    const quick = selectWorkloads({ ...nothing, quick: true });
    assert.ok(quick.length > 5 && quick.length < 15);
    assert.deepEqual(selectWorkloads({ ...nothing, groups: ['jit'], quick: true }), ['jit-append']);
  });

  it('takes workloads by name, beside groups, in its own order', () => {
    const chosen = { groups: ['jit'], workloads: ['sha256', 'qsort'], quick: false };
    assert.deepEqual(selectWorkloads(chosen), ['qsort', 'jit-append', 'smc-rewrite', 'sha256']);
  });
});
