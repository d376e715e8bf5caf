import { strict as assert } from 'node:assert';
import { GuestConsole, GuestError } from '../../src/bench/console.js';

const never = new AbortController().signal;

describe("the console of a benchmark's guest", () => {
  it('finds what comes in pieces, once', async () => {
    const guest = new GuestConsole();
    const first = guest.waitFor(/one\d/, 1000, never);
    guest.push(Buffer.from('..on'));
    guest.push(Buffer.from('\x1b[1me1 one2'));
    assert.equal((await first)[0], 'one1');
    assert.equal((await guest.waitFor(/one\d/, 1000, never))[0], 'one2');
  });

  it('gives up when nothing comes', async () => {
    const guest = new GuestConsole();
    guest.push(Buffer.from('last line\n'));
    await assert.rejects(guest.waitFor(/prompt/, 20, never), (error) => {
      assert.ok(error instanceof GuestError);
      assert.match(error.message, /no answer for 0.02 s, its last words: last line/);
      return true;
    });
  });

  it('gives up when the guest ends', async () => {
    const guest = new GuestConsole();
    const waiting = guest.waitFor(/prompt/, 1000, never);
    guest.end('the guest ended with SIGSEGV');
    await assert.rejects(waiting, /SIGSEGV/);
  });

  it('stops waiting when told', async () => {
    const controller = new AbortController();
    const waiting = new GuestConsole().waitFor(/prompt/, 1000, controller.signal);
    controller.abort(new Error('told'));
    await assert.rejects(waiting, /told/);
  });
});
