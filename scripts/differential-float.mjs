// The differential run of floating point, Advanced SIMD, cryptography and CRC32 in the direct tier, at each level of host
// features: against qemu-aarch64, and against the interpreter; against this once more with values near rounding ties.
//   node scripts/differential-float.mjs [--cases N]
// N sequences each (2,000,000), of some five instructions.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const program = join(dirname(fileURLToPath(import.meta.url)), '../build/native/beeline_difftest');
const { values } = parseArgs({ options: { cases: { type: 'string', default: '2000000' } } });

const levels = [
  { title: 'all that the host has', features: '' },
  { title: 'AVX2, FMA3 and F16C', features: '-avx512' },
  { title: 'AVX2 without FMA3 and F16C', features: '-avx512,-fma,-f16c' },
  { title: 'AVX', features: '-avx2,-avx512,-fma,-f16c,-bmi1,-bmi2' },
  {
    title: 'SSE4.2',
    features: '-avx,-avx2,-avx512,-fma,-f16c,-aes,-sha,-pclmul,-bmi1,-bmi2,-lzcnt,-movbe',
  },
];

let failures = 0;
for (const { title, features } of levels) {
  for (const [judge, ...more] of [['qemu'], ['interpreter'], ['interpreter', '--ties']]) {
    const begun = Date.now();
    const args = ['--tier', 'direct', '--rows', '<vector>', '--judge', judge, '--cases', values.cases, ...more];
    const result = spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, BEELINE_HOST_FEATURES: features },
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 1 << 28,
    });
    const passed = result.status === 0;
    const seconds = ((Date.now() - begun) / 1000).toFixed(0);
    process.stdout.write(
      `${passed ? 'pass' : 'FAIL'}  ${title}, against ${[judge, ...more].join(' ')} (${seconds} s)\n`,
    );
    process.stdout.write(passed ? `      ${result.stdout.trim().split('\n').at(-1)}\n` : result.stdout);
    if (!passed) failures++;
  }
}
process.exitCode = failures === 0 ? 0 : 1;
