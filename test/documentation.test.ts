import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createBenchProgram } from '../src/bench/options.js';
import { createProgram } from '../src/cli/program.js';
import { projectRoot } from '../src/paths.js';
import { cliPath } from './support/cli.js';
import { TemporaryFolder } from './support/temporary.js';

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8');

/** The lines of a page's sh blocks, without comments. */
function commands(file: string): string[] {
  const blocks = [...read(file).matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? '');
  return blocks
    .join('')
    .split('\n')
    .map((line) => line.replace(/\s+#\s.*$/, '').trim())
    .filter((line) => line !== '');
}

const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);
const pages = ['README.md', 'CONTRIBUTING.md'];

describe('the documentation', () => {
  const folder = new TemporaryFolder();

  it('names npm scripts that exist', () => {
    for (const line of pages.flatMap(commands)) {
      const match = /^npm (?:run )?([\w:]+)/.exec(line);
      if (match !== null) assert.ok(scripts.includes(match[1] ?? ''), line);
    }
  });

  it('links to files that exist', () => {
    for (const page of pages) {
      for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        assert.ok(existsSync(join(projectRoot, target ?? '')), `${page}: ${target}`);
      }
    }
  });

  it('explains every option in --help', () => {
    const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
    const commands = all(createProgram(() => undefined));
    const bench = createBenchProgram({ tiers: [], techniques: [] }, () => undefined);
    const options = [...commands, bench].flatMap((command) => command.options.map((option) => option.long));
    for (const [option] of read('README.md').matchAll(/--(?!permit|with)[a-z][a-z-]+(?=[ `=])/g)) {
      const known = [...options, '--help', '--send', '--no-install-recommends', '--installed'];
      assert.ok(known.includes(option), option);
    }
  });

  it('shows examples in --help that work, one after the other', function () {
    this.timeout(60_000);
    const help = spawnSync(process.execPath, [cliPath, 'inspect', '--help'], { encoding: 'utf8' }).stdout;
    const examples = [...help.matchAll(/^ {2}beeline (.*)/gm)].map(([, words]) => words ?? '');
    assert.equal(examples.length, 4);
    for (const example of examples) {
      const options = { cwd: folder.path, encoding: 'utf8', maxBuffer: 1 << 28 } as const;
      const result = spawnSync(process.execPath, [cliPath, ...example.split(' ')], options);
      assert.equal(result.status, 0, `${example}: ${result.stderr}`);
    }
  });

  it('guides through a tour that works', function () {
    this.timeout(180_000);
    const blocks = [...read('docs/tutorial.md').matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? '');
    const tools = `beeline() { "${process.execPath}" "${cliPath}" "$@"; }\nbeeline image build --quiet debian-busybox\n`;
    const script = `set -e -m\n${tools}${blocks.join('')}`;
    const result = spawnSync('bash', ['-c', script], { cwd: folder.path, encoding: 'utf8', timeout: 170_000 });
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    assert.match(result.stdout, /^aarch64$/m);
    assert.match(result.stdout, /the guest says 1/);
    assert.match(result.stdout, /"state": "paused"/);
  });

  // Guests that wait for somebody to type, and removing what other tests need, are left to people; a distribution takes
  // minutes to build and has tests of its own.
  const runnable = commands('README.md').filter(
    (line) =>
      line.startsWith('npx beeline') &&
      line !== 'npx beeline run' &&
      !/image remove|debian-12|--snapshot-load/.test(line),
  );
  for (const line of runnable) {
    it(`shows a command that works: ${line}`, function () {
      this.timeout(180_000);
      const path = (file: string) =>
        spawnSync(process.execPath, [cliPath, 'image', 'path', 'debian-busybox', file], {
          encoding: 'utf8',
        }).stdout.trim();
      symlinkSync(path('--kernel'), folder.at('vmlinuz'));
      symlinkSync(path('--initrd'), folder.at('initrd.img'));
      writeFileSync(folder.at('disk.img'), Buffer.alloc(1 << 20));
      const command = line.replaceAll('npx beeline', `"${process.execPath}" "${cliPath}"`);
      const result = spawnSync('bash', ['-c', command], { cwd: folder.path, encoding: 'utf8', timeout: 170_000 });
      assert.equal(result.status, 0, result.stdout.slice(-1000) + result.stderr);
    });
  }
});
