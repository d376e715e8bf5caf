import { strict as assert } from 'node:assert';
import { beeline } from '../support/cli.js';

describe('beeline doctor', function () {
  this.timeout(30_000);

  it('has a line for everything, and finds what the tests need', async () => {
    const { status, stdout } = await beeline(['doctor']);
    assert.equal(status, 0, stdout);
    for (const line of stdout.trimEnd().split('\n')) assert.match(line, /^(ok {5}\S|lacks {2}\S.*; )/);
    for (const word of [
      'Node v',
      'cores of',
      'memory',
      '/dev/kvm is not needed',
      'native core',
      'avx2',
      'cache folder',
    ]) {
      assert.ok(stdout.includes(word), word);
    }
  });

  it('names the remedy for what guests cannot run without, and ends with 1', async () => {
    const { status, stdout } = await beeline(['doctor'], {
      env: { BEELINE_ADDON: '/nowhere.node', XDG_CACHE_HOME: '/dev/null/cache' },
    });
    assert.equal(status, 1);
    assert.match(
      stdout,
      /^lacks {2}the native core is not built \(tried \/nowhere\.node\); run: npm run build:native$/m,
    );
    assert.match(stdout, /^lacks {2}cache folder \/dev\/null\/cache\/beeline \(ENOTDIR\); point XDG_CACHE_HOME at/m);
  });
});
