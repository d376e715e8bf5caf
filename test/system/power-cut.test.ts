import { PowerCut } from '../support/power-cut.js';
import { TemporaryFolder } from '../support/temporary.js';

/** npm run test:powercut does fifty. */
const rounds = 2;

describe('a power cut', function () {
  this.timeout(200_000);
  const folder = new TemporaryFolder();

  it('loses nothing that the guest has synced', async () => {
    const cut = new PowerCut(folder.path);
    for (let round = 0; round < rounds; round++) await cut.round(300 + 400 * round);
  });
});
