import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cliPath } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

/** A guest that prints a little and then waits for ever. */
const guest = ['run', 'debian-busybox'];
const console = ['--append', 'console=ttyAMA0 console=hvc0', '--console', 'stdio'];

describe('the terminal', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();

  interface Play {
    /** Run once the guest's first words have come, with Beeline's $pid and $tty; the keys are typed after it. */
    readonly act: string;
    readonly keys?: string;
    /** The first words: else what the kernel begins with. */
    readonly after?: RegExp;
    readonly options?: readonly string[];
    /** Run once these words have come too. */
    readonly later?: { readonly after: RegExp; readonly act: string };
    /** What the shell does when Beeline is suspended, before it brings it back. */
    readonly meanwhile?: string;
  }

  /** Runs Beeline on a pseudo-terminal of script(1); resolves with its status, its output and stty's words around it. */
  function play(of: Play): Promise<{ status: number; output: string; during: string }> {
    const { act, keys = '', after = /Linux version/, options = [], later, meanwhile } = of;
    const words = [process.execPath, cliPath, ...guest, ...options].map((word) => `'${word}'`);
    const shell = `
      ${meanwhile === undefined ? '' : 'set -m'}
      stty rows 33 cols 99
      before=$(stty -g)
      sh -c 'echo $$ > pid; exec "$@"' sh ${words.join(' ')}
      ${meanwhile === undefined ? '' : `${meanwhile}; fg`}
      echo $? > status
      [ "$before" = "$(stty -g)" ] && echo yes > restored`;
    const child = spawn('script', ['-qefc', shell, '/dev/null'], {
      cwd: folder.path,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return new Promise((resolve, reject) => {
      let output = '';
      const perform = (script: string) =>
        spawn('sh', ['-c', `pid=$(cat pid); tty=/proc/$pid/fd/0; ${script}`], { cwd: folder.path, stdio: 'inherit' });
      const acts = [
        { after, perform: () => perform(`stty -a < $tty > during; ${act}`).on('close', () => child.stdin.write(keys)) },
        ...(later === undefined ? [] : [{ after: later.after, perform: () => perform(later.act) }]),
      ];
      child.stdout.on('data', (data: Buffer) => {
        output += data.toString('latin1');
        if (acts[0]?.after.test(output)) acts.shift()?.perform();
      });
      child.on('error', reject);
      child.on('close', () => {
        const read = (name: string) => readFileSync(folder.at(name), 'utf8');
        assert.equal(read('restored'), 'yes\n', output);
        resolve({ status: Number(read('status')), output, during: read('during') });
      });
    });
  }

  it('is raw while the guest runs, and quits at Ctrl-A x', async () => {
    const { status, output, during } = await play({ keys: '\x01?\x01x', act: 'true' });
    assert.equal(status, 130);
    assert.match(during, /-icanon/);
    assert.match(output, /Ctrl-A Ctrl-A {2}send Ctrl-A to the guest/);
    assert.match(output, /quit by the escape key after/);
  });

  for (const [signal, status] of [
    ['INT', 130],
    ['TERM', 143],
    ['HUP', 129],
    ['QUIT', 131],
    ['SEGV', 139],
    ['ABRT', 134],
  ] as const) {
    it(`is restored after SIG${signal}`, async () => {
      const result = await play({ act: `kill -${signal} $pid` });
      assert.equal(result.status, status, result.output.slice(-500));
    });
  }

  it('is given back while Beeline is suspended, and taken again', async () => {
    const wait = 'until grep -q "$1" /proc/$pid/stat; do sleep 0.05; done';
    const act = `
      waitfor() { ${wait}; }
      kill -TSTP $pid; waitfor ') T '; stty -a < $tty > suspended
      kill -CONT $pid; sleep 0.3; stty -a < $tty > resumed; kill -TERM $pid`;
    const { status } = await play({ act });
    assert.equal(status, 143);
    assert.match(readFileSync(folder.at('suspended'), 'utf8'), /(?<!-)icanon/);
    assert.match(readFileSync(folder.at('resumed'), 'utf8'), /-icanon/);
  });

  /** Typed into the guest's shell: it ends when its console has this size. */
  const untilSize = (size: string) => `until [ "$(stty size)" = "${size}" ]; do usleep 10000; done`;
  const after = /beeline:~# /;

  for (const sandbox of [[], ['--sandbox']]) {
    it(`gives a virtio console on it its size, and each new one${sandbox.map((word) => `, ${word}`)}`, async () => {
      const options = [...console, ...sandbox];
      const keys = `${untilSize('33 99')}; echo first si''ze; ${untilSize('50 132')}; echo second si''ze; poweroff -f\r`;
      const later = { after: /first size/, act: 'stty rows 50 cols 132 < $tty' };
      const { status, output } = await play({ act: 'true', keys, after, options, later });
      assert.equal(status, 0, output.slice(-1000));
      assert.match(output, /first size.*second size/s);
    });
  }

  it('gives the console the size that it has got while Beeline was suspended', async () => {
    const keys = `${untilSize('40 120')}; poweroff -f\r`;
    const meanwhile = 'stty rows 40 cols 120';
    const { status, output } = await play({ act: 'kill -TSTP $pid', keys, after, options: console, meanwhile });
    assert.equal(status, 0, output.slice(-1000));
  });
});
