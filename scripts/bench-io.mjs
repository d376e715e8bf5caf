// Disk and network throughput of a guest under Beeline and under QEMU, in turns: npm run bench:io -- [ROUNDS [SECONDS]]
// BEELINE_QEMU names the QEMU to compare with.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { cpioArchive } from '../dist/src/images/cpio.js';

const here = dirname(fileURLToPath(import.meta.url));
const cli = join(here, '../dist/src/cli/main.js');
const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 2);
const qemu = process.env.BEELINE_QEMU ?? 'qemu-system-aarch64';
const diskBytes = 256 * 1024 * 1024;

/** Servers for the guests: one that sends without end, one that takes. */
function serve(handler) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    handler(socket);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function sendForever(socket) {
  const chunk = Buffer.alloc(256 * 1024);
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

/** The console's RESULT lines, by name. */
function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...env } });
    let console = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), 300_000);
    child.stdout.on('data', (data) => {
      console += data;
    });
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      const results = [...console.matchAll(/^RESULT (\S+) (\S+)\r?$/gm)].map(([, name, value]) => [
        name,
        Number(value),
      ]);
      if (results.length !== 8) reject(new Error(`${command} did not come to its end:\n${console.slice(-2000)}`));
      else resolve(Object.fromEntries(results));
    });
  });
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function main() {
  const folder = mkdtempSync(join(process.env.TMPDIR ?? tmpdir(), 'beeline-io-'));
  const source = await serve(sendForever);
  const sink = await serve((socket) => socket.resume());
  try {
    const path = (...words) => execFileSync(process.execPath, [cli, 'image', 'path', 'debian-busybox', ...words]);
    const [kernel, initrd] = [path('--kernel'), path('--initrd')].map((text) => text.toString().trim());
    const binary = join(folder, 'io');
    execFileSync('aarch64-linux-gnu-gcc', ['-O2', '-static', '-o', binary, join(here, '../bench/micro/io.c')]);
    const script = [
      '#!/bin/busybox sh',
      'export PATH=/sbin:/bin',
      'busybox mount -t proc proc /proc; busybox mount -t sysfs sysfs /sys; busybox mount -t devtmpfs devtmpfs /dev',
      'busybox --install -s /bin',
      'modprobe virtio_mmio; modprobe virtio_blk; modprobe virtio_net',
      'ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0',
      `/io ${seconds} ${source.address().port} ${sink.address().port}`,
      'poweroff -f',
    ].join('\n');
    const files = [
      { type: 'file', path: 'io', mode: 0o755, data: readFileSync(binary) },
      { type: 'file', path: 'measure', mode: 0o755, data: Buffer.from(`${script}\n`) },
    ];
    const ramDisk = join(folder, 'initrd');
    writeFileSync(ramDisk, Buffer.concat([readFileSync(initrd), gzipSync(cpioArchive(files))]));
    const disk = join(folder, 'disk');
    writeFileSync(disk, Buffer.alloc(diskBytes, 1));
    const append = 'console=ttyAMA0 quiet rdinit=/measure';
    const subjects = {
      qemu: () =>
        run(qemu, [
          ...['-M', 'virt,gic-version=3', '-cpu', 'neoverse-n1', '-m', '1G', '-display', 'none', '-serial', 'stdio'],
          ...['-monitor', 'none', '-kernel', kernel, '-initrd', ramDisk, '-append', append, '-no-reboot'],
          ...['-drive', `file=${disk},format=raw,if=none,id=disk`, '-device', 'virtio-blk-device,drive=disk'],
          ...['-netdev', 'user,id=net', '-device', 'virtio-net-device,netdev=net'],
        ]),
      beeline: () =>
        run(process.execPath, [
          ...[cli, 'run', '--quiet', '--kernel', kernel, '--initrd', ramDisk, '--append', append],
          ...['--drive', `${disk},format=raw`, '--net', 'user'],
        ]),
    };
    const results = { qemu: [], beeline: [] };
    for (let round = 1; round <= rounds; round++) {
      for (const [name, measure] of Object.entries(subjects)) {
        results[name].push(await measure());
        process.stderr.write(`round ${round}: ${name} ${JSON.stringify(results[name].at(-1))}\n`);
      }
    }
    const version = execFileSync(qemu, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    process.stdout.write(`${cpus()[0]?.model}, ${cpus().length} CPUs; ${version.split('\n')[0]}; `);
    process.stdout.write(`medians of ${rounds} rounds of ${seconds} s\n\n`);
    process.stdout.write('| | QEMU | Beeline | Beeline / QEMU |\n|---|---:|---:|---:|\n');
    for (const name of Object.keys(results.qemu[0])) {
      const theirs = median(results.qemu.map((one) => one[name]));
      const ours = median(results.beeline.map((one) => one[name]));
      process.stdout.write(`| ${name} | ${theirs.toFixed(0)} | ${ours.toFixed(0)} | ${(ours / theirs).toFixed(2)} |\n`);
    }
  } finally {
    source.close();
    sink.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
