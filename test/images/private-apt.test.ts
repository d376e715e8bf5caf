import { strict as assert } from 'node:assert';
import { convertSources } from '../../src/images/apt-sources.js';
import { parseRecord } from '../../src/images/private-apt.js';

function convert(name: string, text: string): string {
  return convertSources([{ name, text }])[0]?.text ?? '';
}

describe('the private apt', () => {
  it('takes over deb822 sources without their restriction to an architecture', () => {
    const text = `# comment
Types: deb deb-src
URIs: http://mirror.example.org/debian
Suites: bookworm
 bookworm-updates
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://example.org/

Types: deb-src
URIs: http://example.org/
`;
    assert.equal(
      convert('debian.sources', text),
      `Types: deb
URIs: http://mirror.example.org/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`,
    );
  });

  it('takes over one-line sources', () => {
    const text = `# deb http://example.org/ off main
deb [arch=amd64 signed-by=/k.gpg] http://example.org/debian bookworm main
deb-src http://example.org/debian bookworm main
deb  http://example.org/debian bookworm-updates main contrib # all
`;
    assert.equal(
      convert('sources.list', text),
      `deb [signed-by=/k.gpg] http://example.org/debian bookworm main
deb http://example.org/debian bookworm-updates main contrib
`,
    );
  });

  it('drops files that hold no source', () => {
    assert.deepEqual(convertSources([{ name: 'a.list', text: '# nothing\n' }]), []);
  });

  it('reads the first record of apt-cache show', () => {
    const text = `Package: linux-image-cloud-arm64
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-cloud-arm64 (= 6.1.192-2), a | b

Package: linux-image-cloud-arm64
Version: 6.1.176-1
`;
    assert.deepEqual(parseRecord(text), {
      name: 'linux-image-cloud-arm64',
      version: '6.1.192-2',
      depends: ['linux-image-6.1.0-56-cloud-arm64', 'a'],
    });
    assert.equal(parseRecord(''), undefined);
  });
});
