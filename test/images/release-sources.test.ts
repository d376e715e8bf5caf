import { strict as assert } from 'node:assert';
import { hostCodename, releaseSources } from '../../src/images/release-sources.js';

const convert = (name: string, text: string, release = 'trixie') =>
  releaseSources([{ name, text }], release, 'bookworm')[0]?.text;

describe('the sources of a release', () => {
  it("are the machine's own, for that release", () => {
    assert.equal(
      convert(
        'debian.sources',
        'Types: deb\nURIs: http://m.example/debian\nSuites: bookworm bookworm-updates\n other\nComponents: main\n\n' +
          'Types: deb\nURIs: http://m.example/other\nSuites: stable\nComponents: main\n',
      ),
      'Types: deb\nURIs: http://m.example/debian\nSuites: trixie trixie-updates\nComponents: main\n',
    );
    assert.equal(
      convert('sources.list', 'deb http://m.example/debian bookworm main\ndeb http://m.example/x nodistro main\n'),
      'deb http://m.example/debian trixie main\n',
    );
    assert.equal(
      convert('a.list', 'deb [signed-by=/k.gpg] http://m.example/s bookworm-security main\n', 'bookworm'),
      'deb [signed-by=/k.gpg] http://m.example/s bookworm-security main\n',
    );
  });

  it('are missed when the machine has none of its own release', () => {
    assert.throws(() => convert('a.list', 'deb http://m.example/x stable main\n'), /own release, bookworm/);
    assert.equal(hostCodename('ID=debian\nVERSION_CODENAME=bookworm\n'), 'bookworm');
    assert.throws(() => hostCodename('ID=arch\n'), /no code name/);
  });
});
