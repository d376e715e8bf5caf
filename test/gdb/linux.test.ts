// gdb-multiarch on a running Linux kernel, by the symbols that the kernel itself lists.
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cliPath } from '../support/cli.js';
import { eventually } from '../support/daemon.js';
import { TemporaryFolder } from '../support/temporary.js';

describe('gdb-multiarch on Linux', function () {
  this.timeout(120_000);
  const folder = new TemporaryFolder();

  it('breaks in a kernel function, steps, reads, goes on, interrupts, detaches', async () => {
    const socket = folder.at('gdb');
    const guest = spawn(process.execPath, [cliPath, 'run', 'debian-busybox', '--cpus', '2', '--gdb', `unix:${socket}`]);
    let console = '';
    guest.stdout.on('data', (data: Buffer) => {
      console += data.toString();
    });
    const ended = new Promise((resolve) => guest.once('exit', resolve));
    try {
      await eventually('a prompt', () => /\nbeeline:[^\n]*# /.test(console), 60);
      guest.stdin.write("grep -w version_proc_show /proc/kallsyms; echo en''d\n");
      await eventually('the symbols', () => /\nend/.test(console));
      const place = `0x${/([0-9a-f]{16}) t version_proc_show/.exec(console)?.[1]}`;
      const commands = folder.at('commands');
      writeFileSync(
        commands,
        `set pagination off
set confirm off
set width 0
set architecture aarch64
target remote ${socket}
break *${place}
echo armed\\n
continue
print/x $pc
stepi
print (long)$pc - ${place}
find /1 $SP_EL0, +8192, "cat"
x/s $_
info threads
print $cpsr
watch -location *(long *)($sp - 16)
continue
delete
echo interruptible\\n
continue
echo interrupted\\n
detach
`,
      );
      const gdb = spawn('gdb-multiarch', ['-nx', '-batch', '-x', commands]);
      let text = '';
      for (const stream of [gdb.stdout, gdb.stderr]) {
        stream.on('data', (data: Buffer) => {
          text += data.toString();
        });
      }
      const done = new Promise((resolve) => gdb.once('close', resolve));
      await eventually('the breakpoint is set', () => /armed/.test(text));
      await new Promise((resolve) => setTimeout(resolve, 500));
      guest.stdin.write('cat /proc/version\n');
      await eventually('the guest is stopped and goes on', () => /interruptible/.test(text));
      await eventually('what it was about to print', () => /Linux version.*Linux version/s.test(console));
      gdb.kill('SIGINT');
      await done;
      assert.match(text, /Breakpoint 1, 0x/);
      assert.ok(text.includes(`$1 = ${place}`), text);
      assert.match(text, /\$2 = 4\n/);
      // SP_EL0 is the kernel's current task, which knows its command's name.
      assert.match(text, /1 pattern found[\s\S]*"cat"/);
      assert.match(text, /CPU#0[\s\S]*CPU#1/);
      assert.match(text, /\$3 = \[ [^\]]*EL=1/);
      assert.match(text, /hit Hardware watchpoint 2/);
      assert.match(text, /received signal SIGINT[\s\S]*interrupted[\s\S]*detached/);
      guest.stdin.write("echo still a''live\n");
      await eventually('the guest lives', () => /still alive/.test(console));
    } finally {
      guest.kill('SIGKILL');
      await ended;
    }
  });
});
