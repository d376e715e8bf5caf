import { strict as assert } from 'node:assert';
import { InstallerConsole } from '../../src/images/installer-guest.js';

function read(text: string) {
  const steps: string[] = [];
  const console = new InstallerConsole((step) => steps.push(step));
  for (const character of text) console.push(Buffer.from(character));
  return { steps, isDone: console.isDone, complaint: console.complaint };
}

describe('the console of the guest that installs', () => {
  it('tells steps, and that all is done', () => {
    const text = '[ 0.1] booting\r\ninstall: Unpack\r\nnoise\r\ninstall: Write\r\ninstall: done\r\n';
    assert.deepEqual(read(text), { steps: ['Unpack', 'Write'], isDone: true, complaint: 'noise' });
  });

  it('tells why it failed', () => {
    const text = 'install: Unpack\r\nSetting up x\r\ndpkg: error processing x\r\n see above\r\ninstall: failed\r\n';
    assert.deepEqual(read(text), { steps: ['Unpack'], isDone: false, complaint: 'dpkg: error processing x' });
    assert.equal(read('').complaint, '');
  });
});
