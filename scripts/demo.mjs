// npm run demo: boots debian-busybox, asks the guest who it is, and powers it off.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'src', 'cli', 'main.js');
const prompt = 'beeline:.*# $';
const args = [
  'run',
  'debian-busybox',
  '--timeout',
  '300',
  '--send',
  `${prompt}=uname -a\\n`,
  '--send',
  `${prompt}=poweroff -f\\n`,
];
const child = spawn(process.execPath, [cli, ...args], { stdio: 'inherit' });
// The child is told by the terminal, or by us; either way it ends the guest and its status is ours.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (status, signal) => process.exit(status ?? (signal === null ? 1 : 128)));
