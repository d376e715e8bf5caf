// A guest that writes numbered records and syncs each, and whose process is killed meanwhile; then what must hold.
import { strict as assert } from 'node:assert';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beeline, cliPath } from './cli.js';

/** Bytes of each record's own file. */
const recordBytes = 20_000;
/** Seconds that a guest may take to its first record. */
const patience = 120;

/** Counts on from the last record in the log; a record is acknowledged on the console once both files are synced. */
const writer = [
  'mount -t ext4 -o discard /dev/vda /mnt',
  'rm -f /mnt/record.*',
  'touch /mnt/log',
  'n=$(wc -l < /mnt/log)',
  'while n=$((n+1))',
  `do yes "record $n" | head -c ${recordBytes} | dd of=/mnt/record.$n conv=fsync 2> /dev/null`,
  'echo "record $n" >> /mnt/log',
  'sync /mnt/log',
  'echo "kept"" $n"',
  'done',
].join('; ');

export class PowerCut {
  readonly #folder: string;
  readonly #disk: string;
  /** The last record that any guest acknowledged. */
  #acknowledged = 0;
  /** The first record that the last guest acknowledged: files of older ones are gone. */
  #firstOfRound = 1;

  /** Makes an empty file system on a qcow2 disk in a folder. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#disk = join(folder, 'disk.qcow2');
    const raw = join(folder, 'empty');
    writeFileSync(raw, '');
    execFileSync('truncate', ['--size', '256M', raw]);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-F', raw]);
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, this.#disk]);
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Lets a guest write, kills its process this long after its first record, and looks at what it leaves. */
  async round(milliseconds: number): Promise<void> {
    const console = await this.#writeAndKill(milliseconds);
    const kept = [...console.matchAll(/^kept (\d+)\r$/gm)].map(([, number]) => Number(number));
    assert.ok(kept.length > 0, console.slice(-1500));
    kept.reduce((before, number) => {
      assert.ok(number === before + 1 || before === 0, `record ${number} after ${before}`);
      return number;
    }, 0);
    this.#firstOfRound = Math.min(...kept);
    this.#acknowledged = Math.max(...kept);
    await this.#check();
  }

  #writeAndKill(milliseconds: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const args = ['run', 'debian-busybox', '--quiet', '--drive', this.#disk];
      const child = spawn(process.execPath, [cliPath, ...args, '--send', `beeline:.*# $=${writer}\\n`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let console = '';
      let timer = setTimeout(() => child.kill('SIGKILL'), patience * 1000);
      let writes = false;
      child.stdout.on('data', (data: Buffer) => {
        console += data.toString('latin1');
        if (writes || !/^kept \d+\r$/m.test(console)) return;
        writes = true;
        clearTimeout(timer);
        timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
      });
      child.on('error', reject);
      child.on('close', () => {
        clearTimeout(timer);
        resolve(console);
      });
    });
  }

  async #check(): Promise<void> {
    const raw = join(this.#folder, 'after');
    const run = (command: string, ...args: string[]) => {
      const result = spawnSync(command, args, { encoding: 'utf8' });
      return { status: result.status, output: `${result.stdout}${result.stderr}` };
    };
    // As it lies there: unused clusters may be marked as used (3), but nothing is wrong.
    const killed = run('qemu-img', 'check', '-f', 'qcow2', this.#disk);
    assert.ok(killed.status === 0 || killed.status === 3, killed.output);
    // The next start puts that in order.
    const started = await beeline(['run', 'bare/hello', '--quiet', '--drive', this.#disk]);
    assert.equal(started.status, 0, started.stderr);
    const checked = run('qemu-img', 'check', '-f', 'qcow2', this.#disk);
    assert.equal(checked.status, 0, checked.output);

    execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', this.#disk, raw]);
    const replayed = run('e2fsck', '-p', raw);
    assert.ok(replayed.status === 0 || replayed.status === 1, replayed.output);
    assert.doesNotMatch(replayed.output, /UNEXPECTED|[Ee]rror|FIXED|[Ii]nvalid/);
    const clean = run('e2fsck', '-f', '-n', raw);
    assert.equal(clean.status, 0, clean.output);

    const files = join(this.#folder, 'files');
    rmSync(files, { recursive: true, force: true });
    mkdirSync(files);
    execFileSync('debugfs', ['-R', `rdump / ${files}`, raw], { stdio: 'ignore' });
    const lines = readFileSync(join(files, 'log'), 'latin1').split('\n');
    for (let number = 1; number <= this.#acknowledged; number++) {
      assert.equal(lines[number - 1], `record ${number}`);
      if (number < this.#firstOfRound) continue;
      const line = `record ${number}\n`;
      const wanted = line.repeat(Math.ceil(recordBytes / line.length)).slice(0, recordBytes);
      assert.equal(readFileSync(join(files, `record.${number}`), 'latin1'), wanted, `record ${number}`);
    }
  }
}
