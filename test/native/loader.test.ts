import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { techniqueNames } from '../../src/cli/techniques.js';
import { addonPaths, findAddon, loadAddon } from '../../src/native/loader.js';
import { TemporaryFolder } from '../support/temporary.js';
import { throwsCode } from '../support/throws.js';

describe('the addon loader', () => {
  const folder = new TemporaryFolder();

  it('looks where cmake-js and node-gyp build, in this order', () => {
    assert.deepEqual(addonPaths('/root', {}), [
      '/root/build/native/Release/beeline.node',
      '/root/build/Release/beeline.node',
    ]);
    assert.deepEqual(addonPaths('/root', { BEELINE_ADDON: '/x.node' }), ['/x.node']);
    writeFileSync(folder.at('second'), '');
    assert.equal(findAddon([folder.at('first'), folder.at('second')]), folder.at('second'));
  });

  it('says which paths it tried and the one command that builds it', () => {
    const error = throwsCode('BEELINE_E_ADDON_MISSING', () => loadAddon(['/no/a.node', '/no/b.node']));
    assert.equal(
      error.message,
      'the native core is not built (tried /no/a.node, /no/b.node); run: npm run build:native',
    );
  });

  it('says so when there is a file that does not load', () => {
    writeFileSync(folder.at('bad.node'), 'not a shared object');
    const error = throwsCode('BEELINE_E_ADDON_BROKEN', () => loadAddon([folder.at('bad.node')]));
    assert.match(error.message, /bad\.node does not load \(.*\); run: npm run build:native$/);
  });

  it('knows the techniques that the command line offers', () => {
    assert.deepEqual(loadAddon().techniques(), [...techniqueNames]);
  });

  it('loads the one that is built', () => {
    const features = loadAddon().hostFeatures();
    assert.ok(features.some(({ name }) => name === 'avx2'));
  });
});
