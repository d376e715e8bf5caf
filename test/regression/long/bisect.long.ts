// git bisect over revisions that are really built, of which one made the translator slower: by $BEELINE_PLANTED_NOPS (200)
// instructions a block, so that six runs tell on a busy machine, too. Ten minutes, with ccache.
import { strict as assert } from 'node:assert';
import { beeline } from '../../support/cli.js';
import { commitBehind, currentCommit, slowdownPatch } from '../../support/planted.js';
import { TemporaryFolder } from '../../support/temporary.js';

describe('a bisection of real revisions', function () {
  this.timeout(0);
  const folder = new TemporaryFolder();

  it('finds the one with the planted slowdown', async () => {
    const good = currentCommit();
    const first = commitBehind(good, 'Change nothing');
    const slow = commitBehind(first, 'Make the translator slower', slowdownPatch);
    const third = commitBehind(slow, 'Change nothing, either');
    const bad = commitBehind(third, 'Change nothing at last');
    const nops = process.env.BEELINE_PLANTED_NOPS || '200';
    const env = { BEELINE_BENCH_HISTORY: folder.at('history.sqlite'), BEELINE_PLANTED_NOPS: nops };
    const options = ['--good', good, '--bad', bad, '--runs', '6', 'interpreter'];
    const { status, stdout, stderr } = await beeline(['bench', 'bisect', ...options], { env, limit: 6 * 3600 });
    process.stdout.write(stdout);
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`^The first slow revision is .*Make the translator slower \\(${slow}\\)`));
    assert.match(stdout, /it \/ its parent, interpreter: 1\.\d+ \(95 % interval 1\./);
  });
});
