// The GDB stub with gdb-multiarch itself, on a guest with symbols and two CPUs.
import { strict as assert } from 'node:assert';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';
import { cliPath } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

interface Output {
  readonly child: ChildProcess;
  text(): string;
  status(): Promise<number | null>;
}

function start(command: string, args: readonly string[], seconds: number): Output {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => {
      text += data.toString();
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve(status);
    });
  });
  return { child, text: () => text, status: () => ended };
}

async function until(output: Output, pattern: RegExp): Promise<void> {
  for (let round = 0; round < 600; round++) {
    if (pattern.test(output.text())) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`${pattern} did not come:\n${output.text()}`);
}

describe('gdb-multiarch', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();
  let elf = '';
  let guest: Output | undefined;

  beforeEach(() => {
    elf = folder.at('guest.elf');
    const flags = '-g -O1 -ffreestanding -nostdlib -static -no-pie -Wl,-Ttext=0x40080000 -Wl,--build-id=none';
    const source = join(projectRoot, 'test/gdb/guest.c');
    const made = spawnSync('aarch64-linux-gnu-gcc', [...flags.split(' '), source, '-o', elf], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
  });
  afterEach(async () => {
    guest?.child.kill('SIGTERM');
    await guest?.status();
  });

  async function gdb(runArgs: readonly string[], script: string): Promise<Output> {
    const socket = folder.at('gdb');
    const args = ['run', '--kernel', elf, '--serial', 'none', '--gdb', `unix:${socket}`, ...runArgs];
    guest = start(process.execPath, [cliPath, ...args], 50);
    await until(guest, /gdb may connect/);
    const commands = folder.at('commands');
    const head = `set pagination off\nset confirm off\nset width 0\ntarget remote ${socket}\n`;
    writeFileSync(commands, head + script);
    return start('gdb-multiarch', ['-nx', '-batch', '-x', commands, elf], 40);
  }

  it('breaks, steps, reads, watches, writes, and detaches', async () => {
    const session = await gdb(
      ['--paused', '--cpus', '2'],
      `
info threads
break advance if step == 1
continue
print counter->value
stepi
print/x $pc - (long)advance
next
finish
delete
watch counters[0].value
continue
delete
rwatch ratio
continue
delete
hbreak advance if step == 2 && counter->value > 5006
continue
info threads
print $v0.f64[0]
print/x $CPACR_EL1
set var counters[0].value = 77
print counters[0].value
set $x5 = 0x1234
print $x5
monitor cpus
detach
`,
    );
    await session.status();
    const text = session.text();
    const expected = [
      /CPU#0 \[EL1\]\) 0x[0-9a-f]+ in _start/,
      /CPU#1 \[off\]/,
      /Breakpoint 1, advance \(counter=[^)]*<counters>, step=[^)]*1\)/,
      /\$1 = 1000\n/,
      /\$2 = 0x4\n/,
      /counter->copies\[/,
      /Value returned is \$3 = 1001/,
      /Hardware watchpoint 2: counters\[0\]\.value\n\nOld value = 1001\nNew value = 1002/,
      /Hardware read watchpoint 3: ratio\n\nValue = 1\.5/,
      /Thread 2 hit Breakpoint 4, advance \([^)]*step=[^)]*2\)/,
      /\* 2 .*CPU#1 \[EL1\]\) advance/,
      /\$4 = 1\.5/,
      /\$5 = 0x300000/,
      /\$6 = 77/,
      /\$7 = 4660/,
      /CPU 0 EL1 pc 0x/,
      /Inferior 1 \(process 1\) detached/,
    ];
    for (const pattern of expected) assert.match(text, pattern);
  });

  it('interrupts a guest that runs, and leaves it running', async () => {
    const session = await gdb(
      [],
      `
echo interruptible\\n
continue
bt 1
echo again\\n
break count
info breakpoints
delete
detach
`,
    );
    await until(session, /interruptible/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    session.child.kill('SIGINT');
    assert.equal(await session.status(), 0, session.text());
    assert.match(session.text(), /received signal SIGINT/);
    assert.match(session.text(), /again[\s\S]*detached/);
    assert.equal(guest?.child.exitCode, null);
  });

  it('ends the guest with kill', async () => {
    const session = await gdb(['--paused'], 'break advance\ncontinue\nkill\n');
    await session.status();
    assert.equal(await guest?.status(), 130);
    assert.match(guest?.text() ?? '', /quit by gdb/);
  });

  it('hears that the guest has ended', async () => {
    const session = await gdb(['--paused', '--timeout', '10'], 'continue\n');
    await session.status();
    assert.match(session.text(), /exited with code 04/);
  });
});
