// Debian's own test material inside a guest: python3's tests of floating point, and openssl speed, of which QEMU's
// figures are shown too (BEELINE_QEMU, else qemu-system-aarch64).
//   npm run test:debian [-- --folder F] [--seconds N]
// The folder keeps the packages and the root that is made of them.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PrivateApt } from '../dist/src/images/private-apt.js';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join(homedir(), '.cache/beeline/debian-material') },
    seconds: { type: 'string', default: '2' },
  },
});
const { folder } = values;
const project = join(dirname(fileURLToPath(import.meta.url)), '..');
const tests = ['test_float', 'test_math', 'test_cmath', 'test_decimal', 'test_struct'];
const ciphers = ['aes-128-gcm', 'sha256'];
const [root, initrd, kernel] = ['root', 'initrd.gz', 'vmlinuz'].map((name) => join(folder, name));

/** @param {string} command @param {string[]} args */
const run = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'inherit'], ...options });

/** What the guest's first process does. */
const init = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev; /bin/busybox mkdir -p /tmp /dev/shm
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
what=$(/bin/busybox sed -n 's/.*material=\\([a-z]*\\).*/\\1/p' /proc/cmdline)
echo "begin $what"
if [ "$what" = python ]; then
  for t in ${tests.join(' ')}; do python3 -m test $t >/tmp/out 2>&1 && echo "passed $t" || { echo "FAILED $t"; /bin/busybox tail -n 30 /tmp/out; }; done
else
  for c in ${ciphers.join(' ')}; do openssl speed -mr -seconds ${values.seconds} -bytes 8192 -evp $c 2>/dev/null | /bin/busybox grep '^+F:'; done
fi
echo "end $what"
/bin/busybox poweroff -f
`;

async function makeRoot() {
  if (existsSync(initrd)) return;
  mkdirSync(folder, { recursive: true });
  rmSync(root, { recursive: true, force: true });
  const release = run('sh', ['-c', '. /etc/os-release; echo $VERSION_CODENAME']).trim();
  const apt = await PrivateApt.open(join(folder, 'apt'), 'arm64');
  const python = (await apt.show('python3')).depends.find((name) => /^python3\.\d+$/.test(name)) ?? '';
  const packages = ['python3', `lib${python}-testsuite`, 'openssl', 'busybox-static'];
  for (const record of await apt.plan(packages, release)) {
    const { file } = await apt.download(record);
    run('dpkg-deb', ['-x', file, root]);
  }
  const linux = await apt.show((await apt.show('linux-image-cloud-arm64')).depends[0] ?? '');
  const unpacked = await apt.unpack(await apt.download(linux), ['boot/vmlinuz-*']);
  run('sh', ['-c', `cp ${unpacked}/boot/vmlinuz-* ${kernel}`]);
  writeFileSync(join(root, 'init'), init, { mode: 0o755 });
  for (const name of ['proc', 'sys', 'dev', 'tmp']) mkdirSync(join(root, name), { recursive: true });
  run('sh', ['-c', `cd ${root} && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > ${initrd}`]);
}

/** What a guest printed that was told to do `what`. @param {string} program @param {string[]} args @param {string} what */
function boot(program, args, what) {
  const result = spawnSync(program, args, { encoding: 'utf8', input: '', timeout: 3_600_000, maxBuffer: 1 << 28 });
  if (result.stdout?.includes(`end ${what}`)) return result.stdout.replace(/\r/g, '');
  throw new Error(`${program}: ${result.error ?? ''}${result.stdout}${result.stderr}`);
}

const commandLine = (/** @type {string} */ what) => `console=ttyAMA0 quiet rdinit=/init material=${what}`;

function beeline(/** @type {string} */ what) {
  const files = ['--kernel', kernel, '--initrd', initrd, '--append', commandLine(what)];
  const program = join(project, 'build/native/beeline_boot');
  return boot(program, [...files, '--tier', 'direct', '--memory', '2048', '--timeout', '3600'], what);
}

function qemu(/** @type {string} */ what) {
  const files = ['-kernel', kernel, '-initrd', initrd, '-append', commandLine(what)];
  const machine = ['-M', 'virt,gic-version=3', '-cpu', 'cortex-a57', '-m', '2048', '-nographic', '-nic', 'none'];
  return boot(process.env.BEELINE_QEMU ?? 'qemu-system-aarch64', [...machine, ...files], what);
}

/** Bytes a second of each cipher. @param {string} output */
const speeds = (output) => ciphers.map((_, i) => Number([...output.matchAll(/^\+F:.*:([0-9.]+)$/gm)][i]?.[1]));

await makeRoot();
const begun = Date.now();
const python = beeline('python');
const passed = tests.filter((test) => python.includes(`passed ${test}`));
console.log(
  `python3 in the guest, ${((Date.now() - begun) / 1000).toFixed(0)} s: ${passed.length} of ${tests.length} pass (${passed.join(', ')})`,
);
if (passed.length !== tests.length) console.log(python);

const [ours, theirs] = [speeds(beeline('openssl')), speeds(qemu('openssl'))];
for (const [i, cipher] of ciphers.entries()) {
  const [mine = 0, other = 0] = [ours[i], theirs[i]];
  console.log(
    `openssl speed ${cipher}, 8 KiB: ${(mine / 1e6).toFixed(1)} MB/s, QEMU ${(other / 1e6).toFixed(1)} MB/s, ${(mine / other).toFixed(2)} times`,
  );
}
process.exitCode = passed.length === tests.length ? 0 : 1;
