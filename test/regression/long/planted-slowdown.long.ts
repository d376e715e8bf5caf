// A translator that is slower by a few instructions a block is found by its runs alone; the ratio that is printed says
// how much slower. $BEELINE_RUNS (20) pairs of each workload of $BEELINE_WORKLOAD (integer,interpreter).
import { strict as assert } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { projectRoot } from '../../../src/paths.js';
import { runTool, ToolError } from '../../../src/process.js';
import { pairedQuestions } from '../../../src/regression/questions.js';
import { baseName, headName, type RunResult } from '../../../src/regression/result.js';
import { revisionStore } from '../../../src/regression/revisions.js';
import { compare, verdictStatus } from '../../../src/regression/verdict.js';
import { beeline } from '../../support/cli.js';
import { leave, oneSide } from '../../support/measured.js';
import { commitBehind, currentCommit, slowdownPatch } from '../../support/planted.js';
import { TemporaryFolder } from '../../support/temporary.js';

const runs = process.env.BEELINE_RUNS || '20';
const workloads = (process.env.BEELINE_WORKLOAD || 'integer,interpreter').split(',');

describe('a slowdown that was planted in the translator', function () {
  this.timeout(0);
  const folder = new TemporaryFolder();
  const say = (line: string) => process.stdout.write(`${line}\n`);

  it('is found by bench run and bench compare', async () => {
    const env = { BEELINE_BENCH_HISTORY: folder.at('history.sqlite') };
    const commit = commitBehind(currentCommit(), 'Make the translator slower', slowdownPatch);
    const slow = await revisionStore().built(commit, say, new AbortController().signal);
    const json = folder.at('result.json');
    const args = ['bench', 'run', ...workloads, '--runs', runs, '--against', projectRoot, '--json', json];
    // The Beeline that is judged is the one whose command is run.
    const status = await runTool(process.execPath, [`${slow}/dist/src/cli/main.js`, ...args], {
      env: { ...process.env, ...env },
    }).then(
      () => 0,
      (error: unknown) => (error instanceof ToolError ? error.status : Promise.reject(error)),
    );
    const result = JSON.parse(readFileSync(json, 'utf8')) as RunResult;
    const paired = compare(pairedQuestions(result, { base: baseName, head: headName }, 'cpu'));
    writeFileSync(folder.at('base.json'), JSON.stringify(oneSide(result, baseName)));
    writeFileSync(folder.at('head.json'), JSON.stringify(oneSide(result, headName)));
    const apart = await beeline(['bench', 'compare', folder.at('base.json'), folder.at('head.json')], { env });
    say(apart.stdout);
    for (const { workload, ratio, interval, verdict } of paired) {
      say(
        `${workload}, in pairs: ${ratio.toFixed(4)} [${interval.low.toFixed(4)}..${interval.high.toFixed(4)}] ${verdict}`,
      );
    }
    leave('planted-slowdown', { runs: Number(runs), paired, pairedStatus: status, apartStatus: apart.status });
    assert.equal(status, verdictStatus.worse);
    assert.equal(apart.status, verdictStatus.worse, apart.stdout);
  });
});
