import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { projectRoot } from '../../src/paths.js';
import { TemporaryFolder } from '../support/temporary.js';

const script = join(projectRoot, 'scripts/setup.mjs');

describe('the set-up script', () => {
  const folder = new TemporaryFolder();

  /** A PATH on which the named programs are shell scripts of ours. */
  function withPrograms(programs: Record<string, string>): NodeJS.ProcessEnv {
    const bin = folder.at('bin');
    mkdirSync(bin);
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(bin, name), 0o755);
    }
    symlinkSync(process.execPath, join(bin, 'node'));
    return { PATH: [bin, '/bin', dirname(process.execPath)].join(delimiter) };
  }

  function evaluate(expression: string, env: NodeJS.ProcessEnv) {
    const code = `import('${script}').then(async (setup) => { ${expression} })`;
    return spawnSync(process.execPath, ['--eval', code], { encoding: 'utf8', env });
  }

  it('adds little when nothing is missing', function () {
    this.timeout(30000);
    const begun = process.hrtime.bigint();
    const { status, stderr } = spawnSync(process.execPath, [script, 'demo'], { encoding: 'utf8' });
    const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    assert.ok(seconds < 3, `${seconds} s`);
  });

  it('tells installed packages from missing ones', () => {
    const env = withPrograms({
      'dpkg-query': 'echo "cmake installed"; echo "make config-files"; echo "g++ not-installed"; exit 1',
    });
    const { stdout } = evaluate(`console.log(setup.missingPackages(['cmake', 'make', 'g++', 'x']).join())`, env);
    assert.equal(stdout.trim(), 'make,g++,x');
  });

  it('notices that there is no dpkg', () => {
    const env = { PATH: folder.path };
    const { stdout } = evaluate(`console.log(setup.missingPackages(['cmake']))`, env);
    assert.equal(stdout.trim(), 'undefined');
  });

  it('installs what is missing as root', () => {
    const log = folder.at('log');
    const env = withPrograms({
      'dpkg-query': 'echo "cmake installed"',
      'apt-get': `echo "$DEBIAN_FRONTEND $@" >> ${log}`,
    });
    const root = `process.getuid = () => 0; await setup.installPackages(['cmake', 'make']);
      console.log(require('fs').readFileSync('${log}', 'utf8'))`;
    const { stdout } = evaluate(root, env);
    assert.equal(stdout.trim(), 'noninteractive update\nnoninteractive install --yes --no-install-recommends make');
  });

  it('uses sudo where it asks no password', () => {
    const log = folder.at('log');
    const env = withPrograms({ 'dpkg-query': 'true', sudo: `[ "$2" = true ] || printf "%s\\n" "$*" >> ${log}` });
    const user = `process.getuid = () => 1000; await setup.installPackages(['make']);
      console.log(require('fs').readFileSync('${log}', 'utf8'))`;
    const { stdout } = evaluate(user, env);
    assert.match(stdout, /^-n apt-get update\n-n apt-get install --yes --no-install-recommends make\n/);
  });

  it('prints the exact line to run where neither works', () => {
    const env = withPrograms({ 'dpkg-query': 'true', sudo: 'exit 1' });
    const user = `process.getuid = () => 1000;
      await setup.installPackages(['make', 'cmake']).catch((error) => console.log(error.message))`;
    const { stdout } = evaluate(user, env);
    assert.equal(
      stdout.trim(),
      'Debian packages are missing; as root, run: ' +
        'apt-get update && apt-get install --yes --no-install-recommends make cmake',
    );
  });

  it('refuses an unknown goal', () => {
    const { status, stderr } = spawnSync(process.execPath, [script, 'everything'], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /^setup: unknown goal everything; choose native, gyp, build, demo, bench, test\n$/);
  });
});
