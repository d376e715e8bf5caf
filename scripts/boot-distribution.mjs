// From the start of the process to the login prompt of an image with a disk: Beeline and QEMU (BEELINE_QEMU, else
// qemu-system-aarch64) in turn, with the same kernel, initial RAM disk, disk, memory and CPU.
//   node scripts/boot-distribution.mjs [IMAGE] [ROUNDS]
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFolder } from '../dist/src/images/cache.js';
import { findImage } from '../dist/src/images/catalogue.js';

const [name = 'debian-12', rounds = '3'] = process.argv.slice(2);
const { login, append = '' } = findImage(name).definition;
const folder = cachedFolder(name);
const cli = join(dirname(fileURLToPath(import.meta.url)), '../dist/src/cli/main.js');
const qemu = process.env.BEELINE_QEMU ?? 'qemu-system-aarch64';

/** Seconds until the prompt. @param {string} command @param {string[]} args @returns {Promise<number>} */
function boot(command, args) {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const prompt = new RegExp(login?.prompt ?? 'login: $');
    let text = '';
    /** @type {number | undefined} */
    let seconds;
    child.stdout.on('data', (data) => {
      text += data;
      if (seconds !== undefined || !prompt.test(text)) return;
      seconds = (performance.now() - begun) / 1000;
      child.kill('SIGTERM');
    });
    child.on('error', reject);
    child.on('exit', () => {
      if (seconds === undefined) reject(new Error(`${command}: no login prompt\n${text.slice(-2000)}`));
      else resolve(seconds);
    });
  });
}

const subjects = {
  beeline: () => boot(process.execPath, [cli, 'run', name, '--quiet']),
  qemu: () =>
    boot(qemu, [
      ...[
        '-M',
        'virt,gic-version=3',
        '-cpu',
        'neoverse-n1',
        '-m',
        '1G',
        '-nodefaults',
        '-nographic',
        '-serial',
        'stdio',
      ],
      ...['-nic', 'none', '-kernel', join(folder, 'vmlinuz'), '-initrd', join(folder, 'initrd.img'), '-append', append],
      ...['-drive', `if=none,id=disk,format=qcow2,snapshot=on,file=${join(folder, 'disk.qcow2')}`],
      ...['-device', 'virtio-blk-device,drive=disk'],
    ]),
};

/** @param {number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
/** @type {{ beeline: number[], qemu: number[] }} */
const seconds = { beeline: [], qemu: [] };
for (let round = 0; round < Number(rounds); round++) {
  seconds.beeline.push(await subjects.beeline());
  seconds.qemu.push(await subjects.qemu());
  const [ours = 0, theirs = 0] = [seconds.beeline.at(-1), seconds.qemu.at(-1)];
  console.log(
    `round ${round + 1}: Beeline ${ours.toFixed(2)} s, QEMU ${theirs.toFixed(2)} s, ${(ours / theirs).toFixed(2)}`,
  );
}
const [ours, theirs] = [median(seconds.beeline), median(seconds.qemu)];
console.log(`medians: Beeline ${ours.toFixed(2)} s, QEMU ${theirs.toFixed(2)} s, ${(ours / theirs).toFixed(2)}`);
