// The whole differential run of the direct tier against qemu-aarch64: with all techniques, with each of them off, with
// none, and with host features masked.
//   node scripts/differential-direct.mjs [--cases N]
// N sequences each (10,000,000).
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const program = join(dirname(fileURLToPath(import.meta.url)), '../build/native/beeline_difftest');
const { values } = parseArgs({ options: { cases: { type: 'string', default: '10000000' } } });

const techniques = spawnSync(program, ['--techniques'], { encoding: 'utf8' }).stdout.trim().split('\n');
const masks = [
  '-bmi1,-bmi2,-lzcnt',
  '-avx,-avx2,-avx512',
  '-bmi1,-bmi2,-lzcnt,-movbe,-popcnt,-sse4.2,-avx,-avx2,-avx512',
];
const everyTechnique = techniques.flatMap((name) => ['--disable', name]);

/** @type {{ title: string, args: string[], features?: string }[]} */
const variants = [
  { title: 'all techniques', args: [] },
  ...techniques.map((name) => ({ title: `without ${name}`, args: ['--disable', name] })),
  { title: 'without any technique', args: everyTechnique },
  ...masks.map((features) => ({ title: `host features ${features}`, args: [], features })),
];

let failures = 0;
for (const { title, args, features } of variants) {
  const env = { ...process.env, ...(features === undefined ? {} : { BEELINE_HOST_FEATURES: features }) };
  const begun = Date.now();
  const result = spawnSync(program, ['--tier', 'direct', '--cases', values.cases, ...args], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
  const seconds = ((Date.now() - begun) / 1000).toFixed(0);
  const passed = result.status === 0;
  process.stdout.write(`${passed ? 'pass' : 'FAIL'}  ${title} (${seconds} s)\n`);
  process.stdout.write(passed ? `      ${result.stdout.trim().split('\n').at(-1)}\n` : result.stdout);
  if (!passed) failures++;
}
process.exitCode = failures === 0 ? 0 : 1;
