// What Prometheus' own tool says of /metrics.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { daemonForEachTest, type TestDaemon } from '../support/daemon.js';
import { tinyGuest } from '../support/tiny-guests.js';

describe('/metrics', function () {
  this.timeout(60_000);
  let daemon: TestDaemon;
  const folder = daemonForEachTest((started) => {
    daemon = started;
  });

  it('is as promtool wants it', async () => {
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'a', config: tinyGuest('idle', folder.at('idle')), start: true });
    await owner.call('vm.create', { name: 'never-started', config: tinyGuest('idle', folder.at('idle')) });
    const url = `${daemon.url.replace(/^ws/, 'http')}/metrics`;
    const answer = await fetch(url, { headers: { authorization: `Bearer ${daemon.tokens.view}` } });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.equal(status, 0, `${stdout}${stderr}\n${text}`);
    assert.equal(stdout + stderr, '');
    owner.close();
  });
});
