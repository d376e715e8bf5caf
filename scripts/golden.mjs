// Translates the guest idioms of test/golden/*.s and compares the host code with the texts beside them.
//   node scripts/golden.mjs [--update] [--tool BEELINE_GOLDEN] [FAMILY...]
// Every label of a source begins an idiom. Those that begin with el0_ are translated for EL0, the others for EL1; those
// that begin with alone_ for a machine with one CPU, the others for several.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'test', 'golden');
const { values: options, positionals: named } = parseArgs({
  options: {
    update: { type: 'boolean', default: false },
    tool: { type: 'string', default: join(root, 'build', 'native', 'beeline_golden') },
  },
  allowPositionals: true,
});

function tool(command, args, input) {
  const result = spawnSync(command, args, { encoding: 'utf8', input, maxBuffer: 1 << 26 });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.stderr}`);
  return result.stdout;
}

/** Assembles a source; returns what the translator reads. */
function idiomsOf(source) {
  const scratch = mkdtempSync(join(tmpdir(), 'beeline-golden-'));
  try {
    const object = join(scratch, 'object');
    const code = join(scratch, 'code');
    tool('aarch64-linux-gnu-as', ['-march=armv8.2-a+crc+rcpc+fp16', '-o', object, source]);
    tool('aarch64-linux-gnu-objcopy', ['-O', 'binary', '-j', '.text', object, code]);
    const bytes = readFileSync(code);
    const labels = tool('aarch64-linux-gnu-nm', ['--numeric-sort', object])
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, , name]) => name !== undefined && !name.startsWith('$'))
      .map(([address, , name]) => ({ offset: Number.parseInt(address, 16), name }));
    const lines = [];
    for (const [index, { offset, name }] of labels.entries()) {
      lines.push(`idiom ${name} ${name.startsWith('el0_') ? 0 : 1}`);
      const end = labels[index + 1]?.offset ?? bytes.length;
      for (let at = offset; at < end; at += 4) lines.push(bytes.readUInt32LE(at).toString(16));
    }
    return `${lines.join('\n')}\n`;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** True: the text is as it was. */
function check(family) {
  const expected = join(folder, `${family}.txt`);
  const text = tool(options.tool, [], idiomsOf(join(folder, `${family}.s`)));
  if (existsSync(expected) && readFileSync(expected, 'utf8') === text) return true;
  if (options.update) {
    writeFileSync(expected, text);
    process.stdout.write(`updated test/golden/${family}.txt\n`);
    return true;
  }
  const { stdout } = spawnSync('diff', ['-u', '-N', expected, '-'], { input: text, encoding: 'utf8' });
  process.stdout.write(
    `test/golden/${family}.txt is not what the translator makes; npm run golden updates it\n${stdout}`,
  );
  return false;
}

const families = readdirSync(folder)
  .filter((name) => name.endsWith('.s'))
  .map((name) => basename(name, '.s'))
  .filter((name) => named.length === 0 || named.includes(name));
const good = families.map((family) => check(family));
process.exitCode = good.every(Boolean) && good.length > 0 ? 0 : 1;
