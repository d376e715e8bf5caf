// How often the same Beeline, compared with itself, is called better or worse. $BEELINE_COMPARISONS (100), each of
// $BEELINE_RUNS (10) pairs of the workload $BEELINE_WORKLOAD (bare).
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { projectRoot } from '../../../src/paths.js';
import { apartQuestions, pairedQuestions } from '../../../src/regression/questions.js';
import { baseName, headName, type RunResult } from '../../../src/regression/result.js';
import { type Comparison, compare, verdictStatus } from '../../../src/regression/verdict.js';
import { beeline } from '../../support/cli.js';
import { leave, oneSide, shareInterval } from '../../support/measured.js';
import { TemporaryFolder } from '../../support/temporary.js';

const comparisons = Number(process.env.BEELINE_COMPARISONS || 100);
const runs = process.env.BEELINE_RUNS || '10';
const workload = process.env.BEELINE_WORKLOAD || 'bare';

const isAlarm = ({ verdict }: Comparison) => verdict === 'better' || verdict === 'worse';

describe(`${comparisons} comparisons of a Beeline with itself`, function () {
  this.timeout(0);
  const folder = new TemporaryFolder();

  it('raise fewer false alarms than one in twenty', async () => {
    const env = { BEELINE_BENCH_HISTORY: folder.at('history.sqlite') };
    const found: { readonly paired: Comparison[]; readonly apart: Comparison[] }[] = [];
    for (let index = 0; index < comparisons; index++) {
      const json = folder.at('result.json');
      const options = ['--runs', runs, '--warm-up', '0', '--against', projectRoot, '--json', json];
      const { status, stderr } = await beeline(['bench', 'run', workload, ...options], { env, limit: 3600 });
      const result = JSON.parse(readFileSync(json, 'utf8')) as RunResult;
      const paired = compare(pairedQuestions(result, { base: baseName, head: headName }, 'cpu'));
      // The command says the same as what is counted here.
      assert.equal(status, verdictStatus[paired[0]?.verdict ?? 'inconclusive'], stderr);
      const apart = compare(apartQuestions(oneSide(result, baseName), oneSide(result, headName), 'cpu', false));
      found.push({ paired, apart });
      const words = [...paired, ...apart].map(({ ratio, verdict }) => `${ratio.toFixed(4)} ${verdict}`);
      process.stdout.write(`${index + 1}: in pairs ${words.join(', apart ')}\n`);
    }
    const summary = (of: 'paired' | 'apart') => {
      const alarms = found.flatMap((one) => one[of]).filter(isAlarm).length;
      return { alarms, comparisons, share: alarms / comparisons, interval: shareInterval(alarms, comparisons) };
    };
    const outcome = { workload, runs: Number(runs), paired: summary('paired'), apart: summary('apart'), found };
    leave('false-alarms', outcome);
    for (const of of ['paired', 'apart'] as const) {
      const { alarms, interval } = outcome[of];
      const text = `${of}: ${alarms} of ${comparisons}, 95 % interval ${interval.low.toFixed(3)} to ${interval.high.toFixed(3)}`;
      process.stdout.write(`${text}\n`);
      assert.ok(alarms < comparisons * 0.05, text);
    }
  });
});
