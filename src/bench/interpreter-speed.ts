// Measures the interpreter on the integer workloads: guest instructions a second, in a booted guest.
//   npm run bench:interpreter [NAME ...]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { gzipSync } from 'node:zlib';
import { BeelineError } from '../errors.js';
import { describeHost } from '../host.js';
import { cpioArchive } from '../images/cpio.js';
import { type BuiltImage, ensureImage } from '../images/ensure.js';
import type { NativeMachine } from '../native/addon.js';
import { loadAddon } from '../native/loader.js';
import { projectRoot } from '../paths.js';
import { runTool } from '../process.js';
import { createMachine } from '../vm/machine.js';
import { AnsiStripper } from '../vm/matcher.js';

const integerWorkloads = [
  'branchy',
  'hash-table',
  'bit-ops',
  'div-mulh',
  'qsort',
  'fib-recursive',
  'interp',
  'virtual-call',
  'big-code',
];
const prompt = /beeline:.*# $/;
/** Longest time without a result, in milliseconds. */
const patience = 60_000;

interface Measurement {
  readonly workload: string;
  readonly checksum: string;
  /** As the guest's own clock saw it. */
  readonly guestSeconds: number;
  readonly wallSeconds: number;
  readonly instructions: number;
}

/** Where the workloads lie in the guest: an archive that the kernel unpacks after the image's own. */
function initrdWithWorkloads(image: BuiltImage, folder: string, program: string): string {
  if (image.initrd === undefined) throw new Error('the image has no initrd');
  const extra = cpioArchive([{ type: 'file', path: 'kern', mode: 0o755, data: readFileSync(program) }]);
  const path = join(folder, 'initrd');
  writeFileSync(path, Buffer.concat([readFileSync(image.initrd), gzipSync(extra)]));
  return path;
}

/** Text of the guest's console, with a way to wait for what it prints. */
class Console {
  #text = '';
  readonly #escapes = new AnsiStripper();
  #wake: () => void = () => undefined;
  #ended = false;

  push(data: Uint8Array): void {
    this.#text += this.#escapes.push(Buffer.from(data).toString('latin1'));
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Drops everything up to the end of the match. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + patience;
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match.index + match[0].length);
        return match;
      }
      if (this.#ended || performance.now() > deadline) {
        throw new Error(`the guest did not print ${pattern}; it ended with: ${this.#text.slice(-400)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function instructionsOf(machine: NativeMachine): number {
  return machine.stats().cpus.reduce((sum, cpu) => sum + (cpu.instructions ?? 0), 0);
}

async function measure(machine: NativeMachine, output: Console, workload: string): Promise<Measurement> {
  const instructions = instructionsOf(machine);
  const begun = performance.now();
  machine.serialWrite(Buffer.from(`/kern ${workload}\n`));
  const match = await output.waitFor(new RegExp(`^${workload} ([0-9.]+) ([0-9a-f]{16})\\r?$`, 'm'));
  const result = {
    workload,
    guestSeconds: Number(match[1]),
    checksum: match[2] ?? '',
    wallSeconds: (performance.now() - begun) / 1000,
    instructions: instructionsOf(machine) - instructions,
  };
  await output.waitFor(prompt);
  return result;
}

/** Native results by workload, as the host's build of the same sources prints them. */
async function nativeChecksums(program: string, workloads: readonly string[]): Promise<Map<string, string>> {
  const text = await runTool(program, workloads);
  return new Map(text.split('\n').map((line) => [line.split(' ')[0] ?? '', line.split(' ')[2] ?? '']));
}

function row(measurement: Measurement, expected: string | undefined): string {
  const { workload, guestSeconds, wallSeconds, instructions, checksum } = measurement;
  const rate = instructions / wallSeconds / 1e6;
  const verdict = checksum === expected ? 'equal' : `DIFFERS from ${expected}`;
  const cells = [workload, guestSeconds.toFixed(3), (instructions / 1e6).toFixed(0), rate.toFixed(1), verdict];
  return `| ${cells.join(' | ')} |`;
}

async function main(workloads: readonly string[]): Promise<boolean> {
  const source = join(projectRoot, 'bench/workloads');
  await runTool('make', ['-C', source, 'a64', 'x64']);
  const image = await ensureImage('debian-busybox', { quiet: false });
  const expected = await nativeChecksums(join(source, 'x64/kern'), workloads);
  const folder = mkdtempSync(join(tmpdir(), 'beeline-bench-'));
  const output = new Console();
  const machine = createMachine(
    loadAddon(),
    {
      memoryBytes: 1024 ** 3,
      cpus: 1,
      cpuModel: 'n1',
      gicVersion: 3,
      kernel: image.kernel,
      initrd: initrdWithWorkloads(image, folder, join(source, 'a64/kern')),
      dtb: '',
      append: image.append ?? '',
      loads: [],
      noReboot: true,
    },
    { onSerial: (data) => output.push(data), onExit: () => output.end() },
  );
  const host = describeHost();
  console.log(`Interpreter, integer workloads. Host ${host.name}: ${host.cpu}, ${host.cores} cores.\n`);
  console.log(
    '| workload | guest seconds | million instructions | million a second | checksum |\n|---|---|---|---|---|',
  );
  const measurements: Measurement[] = [];
  try {
    machine.start();
    await output.waitFor(prompt);
    for (const workload of workloads) {
      const measurement = await measure(machine, output, workload);
      measurements.push(measurement);
      console.log(row(measurement, expected.get(workload)));
    }
  } finally {
    machine.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const logarithms = measurements.map((m) => Math.log(m.instructions / m.wallSeconds / 1e6));
  const mean = Math.exp(logarithms.reduce((sum, value) => sum + value, 0) / logarithms.length);
  console.log(`\nGeometric mean: ${mean.toFixed(1)} million guest instructions a second.`);
  return measurements.every((m) => m.checksum === expected.get(m.workload));
}

const chosen = process.argv.slice(2);
main(chosen.length > 0 ? chosen : integerWorkloads).then(
  (correct) => {
    process.exitCode = correct ? 0 : 1;
  },
  (error: unknown) => {
    console.error(error instanceof BeelineError ? error.message : error);
    process.exitCode = 1;
  },
);
