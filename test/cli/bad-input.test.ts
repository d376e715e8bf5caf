import { strict as assert } from 'node:assert';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { writeRecipe } from '../images/recipes.js';
import { beeline, type CliOptions } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

describe('bad input on the command line', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();

  /** One line that says what and why, the right status, nothing on standard output, no stack trace. */
  async function refuses(args: string[], status: number, message: RegExp, options: CliOptions = {}): Promise<void> {
    const result = await beeline(args, options);
    assert.match(result.stderr, message, args.join(' '));
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
    assert.match(result.stderr, /^beeline: .+; .+\n$/, 'cause; remedy');
    assert.equal(result.status, status, result.stderr);
    assert.equal(result.stdout, '');
  }

  it('unknown commands, options and surplus arguments', async () => {
    await refuses(['frobnicate'], 2, /unknown command 'frobnicate'; see beeline --help/);
    await refuses(['image', 'frobnicate'], 2, /unknown command 'frobnicate'; see beeline image --help/);
    await refuses(['run', '--frobnicate'], 2, /unknown option '--frobnicate'; see beeline run --help/);
    await refuses(['run', '--kernel'], 2, /'--kernel <FILE>' argument missing/);
    await refuses(['run', 'a', 'b'], 2, /too many arguments/);
    await refuses(['completion', 'tcsh'], 2, /SHELL: tcsh is not known; choose bash, zsh, fish/);
  });

  it('memory of none, of a crooked size, of more than the host has', async () => {
    await refuses(['run', '--memory', '0'], 2, /^beeline: --memory: /);
    await refuses(['run', '--memory', '3M'], 2, /--memory: 3M is not a multiple of 2 MiB/);
    await refuses(['run', '--memory', 'much'], 2, /--memory: much is not a size/);
    await refuses(['run', '--memory', '1000T'], 2, /--memory: .* is more than this host's/);
  });

  it('more CPUs than the interrupt controller serves', async () => {
    await refuses(['run', '--cpus', '9', '--gic', '2'], 2, /--cpus: GICv2 serves at most 8 CPUs/);
    await refuses(['run', '--cpus', '65'], 2, /--cpus: GICv3 serves at most 64 CPUs/);
    await refuses(['run', '--cpus', '0'], 2, /--cpus: 0 is not a number of CPUs/);
  });

  it('an unknown image, model, interrupt controller, tier or serial target', async () => {
    await refuses(['run', 'nowhere'], 2, /there is no guest image called nowhere; known images are/);
    await refuses(['image', 'build', 'nowhere'], 2, /there is no guest image called nowhere/);
    await refuses(['run', '--cpu', 'm1'], 2, /--cpu: m1 is not known; choose n1 or a57/);
    await refuses(['run', '--gic', '4'], 2, /--gic: 4 is not known; choose 2 or 3/);
    await refuses(['run', '--tier', 'jit'], 2, /--tier: jit is not known; choose interpreter or direct/);
    await refuses(
      ['run', '--disable', 'jit'],
      2,
      /--disable: jit is not known; choose home-registers, .* or vector-write-back/,
    );
    await refuses(['run', '--serial', 'tcp'], 2, /--serial: tcp is not known/);
  });

  it('options about translated code where there is none, or with values that are none', async () => {
    for (const option of [['--disable', 'site-cache'], ['--verify'], ['--perf-map'], ['--translate-after', '0']]) {
      const message = new RegExp(
        `${option[0]}: it is about translated code, and --tier interpreter makes none; leave one`,
      );
      await refuses(['run', '--tier', 'interpreter', ...option], 2, message);
    }
    await refuses(['run', '--translate-after', 'soon'], 2, /--translate-after: soon is not a number of entries/);
    await refuses(['run', '--perf-dump', '/nowhere/dump'], 2, /--perf-dump: .* cannot be written/);
  });

  it('regular expressions and times that are none', async () => {
    await refuses(['run', '--until', '('], 2, /--until: \( is not a regular expression/);
    await refuses(['run', '--send', '(=x'], 2, /--send: \( is not a regular expression/);
    await refuses(['run', '--send', 'x'], 2, /--send: x has no =/);
    await refuses(['run', '--timeout', 'soon'], 2, /--timeout: soon is not a number of seconds/);
  });

  it('files that are missing, folders, or not what their option says', async () => {
    const text = folder.at('text');
    writeFileSync(text, 'neither a kernel nor a device tree');
    for (const option of ['--kernel', '--initrd', '--dtb']) {
      await refuses(['run', option, '/nowhere'], 2, new RegExp(`${option}: /nowhere does not exist`));
      await refuses(['run', option, folder.path], 2, new RegExp(`${option}: .* cannot be read \\(it is a folder\\)`));
    }
    await refuses(['run', '--load', '/nowhere@0x40000000'], 2, /--load: \/nowhere does not exist/);
    await refuses(['run', '--initrd', text], 2, /--initrd: .* is not an initial RAM disk/);
    await refuses(['run', '--dtb', text], 2, /--dtb: .* is not a device tree blob/);
    await refuses(['run', '--stats', '/nowhere/s.json'], 2, /--stats: .* cannot be written/);
    await refuses(['run', '--stats', folder.path], 2, /--stats: .* cannot be written \(it is a folder\)/);
    await refuses(['run', '--serial', 'file:/nowhere/log'], 2, /--serial: .* cannot be written/);
  });

  it('files that may not be read', async () => {
    const secret = folder.at('secret');
    writeFileSync(secret, 'x');
    chmodSync(secret, 0);
    // Root may read everything; then the file is refused for what it is not.
    const message = process.getuid?.() === 0 ? /is not an initial RAM disk/ : /cannot be read \(EACCES\)/;
    await refuses(['run', '--initrd', secret], 2, message);
  });

  it('a malformed image.json', async () => {
    mkdirSync(folder.at('x'));
    writeFileSync(folder.at('x', 'image.json'), '{ "name": "x" ');
    const env = { BEELINE_GUEST_IMAGES: folder.path, XDG_CACHE_HOME: folder.at('cache') };
    await refuses(['run', 'x'], 2, /x\/image\.json: it is not JSON .*; correct it/, { env });
    writeFileSync(folder.at('x', 'image.json'), '{ "name": "x" }');
    await refuses(['image', 'build', 'x'], 2, /x\/image\.json: \/description is wrong/, { env });
  });

  it('an addon that is not built', async () => {
    const env = { BEELINE_ADDON: '/nowhere.node' };
    await refuses(['run', '--kernel', '/bin/sh'], 1, /the native core is not built \(tried \/nowhere\.node\)/, { env });
  });

  it('host features that do not exist, or are not taken away', async () => {
    for (const [list, wrong] of [
      ['-bmi3', '-bmi3'],
      ['bmi2', 'bmi2'],
      ['-bmi2,,-avx', ''],
    ]) {
      const message = new RegExp(
        `BEELINE_HOST_FEATURES: '${wrong}' does not take a host feature away; give names from bmi1, bmi2, .*fsgsbase`,
      );
      await refuses(['run', '--kernel', '/bin/sh'], 2, message, { env: { BEELINE_HOST_FEATURES: list } });
    }
  });

  it('an image that is not built, asked for its path', async () => {
    const env = { XDG_CACHE_HOME: folder.at('cache') };
    await refuses(['image', 'path', 'debian-busybox'], 1, /debian-busybox is not built; run: beeline image build/, {
      env,
    });
  });

  it('Ctrl-C while an image is built leaves nothing behind', async function () {
    this.timeout(120000);
    writeRecipe(folder.path, 'x', 'echo half > $(OUT)/one; sleep 60');
    const env = { BEELINE_GUEST_IMAGES: folder.path, XDG_CACHE_HOME: folder.at('cache') };
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const begun = Date.now();
      const result = await beeline(['image', 'build', 'x'], {
        env,
        signalAfterOutput: { pattern: /Compile the guests/, signal },
      });
      assert.equal(result.status, status, result.stderr);
      assert.match(result.stderr, new RegExp(`beeline: interrupted by ${signal}\n$`));
      assert.ok(Date.now() - begun < 50000);
      assert.deepEqual(readdirSync(folder.at('cache/beeline/images')), []);
    }
    assert.ok(!existsSync(folder.at('cache/beeline/images/x')));
  });
});
