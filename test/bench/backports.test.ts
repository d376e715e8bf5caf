import { strict as assert } from 'node:assert';
import { addBackports, codenameFrom } from '../../src/bench/backports.js';

describe("finding the backports by the machine's own sources", () => {
  it('reads the code name of the release', () => {
    assert.equal(codenameFrom('ID=debian\nVERSION_CODENAME=bookworm\n'), 'bookworm');
    assert.throws(() => codenameFrom('ID=other\n'), /no code name/);
  });

  it('takes the archive and keys of the release, deb822', () => {
    const stanza = (uri: string, suites: string) =>
      `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nComponents: main contrib\nSigned-By: /keys/${suites}.gpg\n`;
    const own = {
      name: 'debian.sources',
      text: `${stanza('http://one/security', 'bookworm-security')}\n${stanza('http://one/debian', 'bookworm')}`,
    };
    const [kept, added] = addBackports([own], 'bookworm');
    assert.deepEqual(kept, own);
    assert.deepEqual(added, {
      name: 'beeline-backports.sources',
      text: 'Types: deb\nURIs: http://one/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /keys/bookworm.gpg\n',
    });
  });

  it('takes the archive and keys of the release, one-line format', () => {
    const text = 'deb http://other/apt stable main\ndeb [signed-by=/k.gpg] http://one/debian bookworm main contrib\n';
    assert.deepEqual(addBackports([{ name: 'sources.list', text }], 'bookworm')[1], {
      name: 'beeline-backports.list',
      text: 'deb [signed-by=/k.gpg] http://one/debian bookworm-backports main\n',
    });
  });

  it('does not guess', () => {
    const text = 'deb http://one/debian trixie main\n';
    assert.throws(() => addBackports([{ name: 'sources.list', text }], 'bookworm'), /no configured source/);
  });
});
