// Power cuts in numbers: npm run test:powercut.
import { PowerCut } from '../../support/power-cut.js';
import { TemporaryFolder } from '../../support/temporary.js';

const rounds = 50;

describe(`${rounds} power cuts`, function () {
  this.timeout(0);
  const folder = new TemporaryFolder();

  it('lose nothing that the guest has synced', async () => {
    const cut = new PowerCut(folder.path);
    for (let round = 1; round <= rounds; round++) {
      await cut.round(100 + Math.random() * 2000);
      process.stdout.write(`round ${round}: ${cut.acknowledged} records acknowledged so far, all there\n`);
    }
  });
});
