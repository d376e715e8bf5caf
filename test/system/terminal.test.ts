import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cliPath } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

/** A guest that prints a little and then waits for ever. */
const guest = 'run debian-busybox';

describe('the terminal', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();

  interface Play {
    /** Run once the guest's first words have come, with Beeline's $pid and $tty; the keys are typed after it. */
    readonly act: string;
    readonly keys?: string;
  }

  /** Runs Beeline on a pseudo-terminal of script(1); resolves with its status, its output and stty's words around it. */
  function play({ act, keys = '' }: Play): Promise<{ status: number; output: string; during: string }> {
    const shell = `
      before=$(stty -g)
      sh -c 'echo $$ > pid; exec "${process.execPath}" "${cliPath}" ${guest}'
      echo $? > status
      [ "$before" = "$(stty -g)" ] && echo yes > restored`;
    const child = spawn('script', ['-qefc', shell, '/dev/null'], {
      cwd: folder.path,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return new Promise((resolve, reject) => {
      let output = '';
      let acted = false;
      child.stdout.on('data', (data: Buffer) => {
        output += data.toString('latin1');
        if (acted || !output.includes('Linux version')) return;
        acted = true;
        spawn('sh', ['-c', `pid=$(cat pid); tty=/proc/$pid/fd/0; stty -a < $tty > during; ${act}`], {
          cwd: folder.path,
          stdio: 'inherit',
        }).on('close', () => child.stdin.write(keys));
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
});
