// A translator that is slower by a few instructions a block is found by its runs alone; the ratio that is printed says
// how much slower. $BEELINE_RUNS (10) pairs of the workload $BEELINE_WORKLOAD (integer), which $BEELINE_PLANTED_NOPS (13)
// make some 3 % slower.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { projectRoot } from '../../../src/paths.js';
import { runTool, ToolError } from '../../../src/process.js';
import { pairedQuestions } from '../../../src/regression/questions.js';
import { baseName, headName, type RunResult } from '../../../src/regression/result.js';
import { revisionStore } from '../../../src/regression/revisions.js';
import { compare, verdictStatus } from '../../../src/regression/verdict.js';
import { beeline } from '../../support/cli.js';
import { leave } from '../../support/measured.js';
import { commitBehind, currentCommit, slowdownPatch } from '../../support/planted.js';
import { TemporaryFolder } from '../../support/temporary.js';

const runs = process.env.BEELINE_RUNS || '10';
const nops = process.env.BEELINE_PLANTED_NOPS || '13';
const workload = process.env.BEELINE_WORKLOAD || 'integer';

describe('a slowdown that was planted in the translator', function () {
  this.timeout(0);
  const folder = new TemporaryFolder();
  const say = (line: string) => process.stdout.write(`${line}\n`);

  it('is found by bench run and bench compare', async () => {
    const env = { BEELINE_BENCH_HISTORY: folder.at('history.sqlite'), BEELINE_PLANTED_NOPS: nops };
    const commit = commitBehind(currentCommit(), 'Make the translator slower', slowdownPatch);
    const slow = await revisionStore().built(commit, say, new AbortController().signal);
    const json = folder.at('result.json');
    const args = ['bench', 'run', workload, '--runs', runs, '--against', projectRoot, '--json', json];
    // The Beeline that is judged is the one whose command is run.
    const status = await runTool(process.execPath, [`${slow}/dist/src/cli/main.js`, ...args], {
      env: { ...process.env, ...env },
    }).then(
      () => 0,
      (error: unknown) => (error instanceof ToolError ? error.status : Promise.reject(error)),
    );
    const result = JSON.parse(readFileSync(json, 'utf8')) as RunResult;
    const compared = await beeline(['bench', 'compare', json], { env });
    say(compared.stdout);
    const found = compare(pairedQuestions(result, { base: baseName, head: headName }, 'cpu'));
    leave('planted-slowdown', { runs: Number(runs), found });
    assert.equal(status, verdictStatus.worse);
    assert.equal(compared.status, verdictStatus.worse, compared.stdout);
  });
});
