// Tests that are going to be killed: a daemon with a guest, whose processes and folder they print.
import { TestDaemon } from './daemon.js';
import { TemporaryFolder } from './temporary.js';
import { tinyGuest } from './tiny-guests.js';

describe('tests', function () {
  this.timeout(0);
  const folder = new TemporaryFolder();

  it('without end', async () => {
    const daemon = new TestDaemon(folder.path);
    await daemon.start();
    const client = await daemon.client();
    const { pid } = await client.call('vm.create', {
      name: 'a',
      config: tinyGuest('idle', folder.at('idle')),
      start: true,
    });
    process.stdout.write(`abandoned ${JSON.stringify({ processes: [daemon.pid, pid], folder: folder.path })}\n`);
    await new Promise(() => undefined);
  });
});
