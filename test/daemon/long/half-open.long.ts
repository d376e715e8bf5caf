// A connection whose other end is there no more, or sleeps: nothing says so but that it does not answer.
import { strict as assert } from 'node:assert';
import { WebSocket } from 'ws';
import { daemonForEachTest, eventually, type TestDaemon } from '../../support/daemon.js';

describe('a half-open connection', function () {
  this.timeout(180_000);
  let daemon: TestDaemon;
  daemonForEachTest((started) => {
    daemon = started;
  });

  it('is dropped when it does not answer, and one that does is kept', async () => {
    const headers = { authorization: `Bearer ${daemon.tokens.view}` };
    const open = async (autoPong: boolean) => {
      const socket = new WebSocket(new URL('/monitor', daemon.url), { headers, autoPong });
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      return socket;
    };
    const [silent, lively] = [await open(false), await open(true)];
    const begun = performance.now();
    await new Promise((resolve) => silent.once('close', resolve));
    const seconds = (performance.now() - begun) / 1000;
    await eventually('it is logged', () => /dropped: it does not answer/.test(daemon.log));
    const owner = await daemon.client();
    assert.equal(lively.readyState, WebSocket.OPEN);
    assert.equal((await owner.call('monitor.clients', {})).clients.length, 2);
    owner.close();
    lively.terminate();
    process.stdout.write(`      it was dropped after ${seconds.toFixed(0)} s\n`);
  });
});
