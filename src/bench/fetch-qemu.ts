// Fetches a recent QEMU to measure against, from the backports of this machine's own Debian mirror, without touching the
// host's packages.
//   npm run bench:qemu [-- FOLDER]
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { SourceFile } from '../images/apt-sources.js';
import { PrivateApt } from '../images/private-apt.js';
import { cacheRoot } from '../paths.js';
import { runTool, ToolError } from '../process.js';
import { addBackports, codenameFrom } from './backports.js';

const wanted = ['qemu-system-arm', 'qemu-system-common', 'qemu-system-data'];
const libraryFolder = 'usr/lib/x86_64-linux-gnu';

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Finds its libraries and firmware where they were unpacked. */
function launcher(folder: string): string {
  return `#!/bin/sh
export LD_LIBRARY_PATH="${folder}/${libraryFolder}:${folder}/usr/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "${folder}/usr/bin/qemu-system-aarch64" -L "${folder}/usr/share/qemu" "$@"
`;
}

async function fetchQemu(folder: string): Promise<string> {
  const codename = codenameFrom(readFileSync('/etc/os-release', 'utf8'));
  const work = mkdtempSync(join(tmpdir(), 'beeline-qemu-'));
  const part = `${folder}.${process.pid}.part`;
  try {
    say('Read the package lists');
    const apt = await PrivateApt.open(work, 'amd64', {
      status: '/var/lib/dpkg/status',
      sources: (own: SourceFile[]) => addBackports(own, codename),
    });
    // Other parts of QEMU would be upgraded with it only because the host's are older.
    const plan = (await apt.plan(wanted, `${codename}-backports`)).filter(
      ({ name }) => wanted.includes(name) || !name.startsWith('qemu'),
    );
    mkdirSync(part, { recursive: true });
    for (const item of plan) {
      say(`Fetch ${item.name} ${item.version}`);
      const { file } = await apt.download(item);
      await runTool('dpkg-deb', ['--extract', file, part]);
    }
    const command = join(part, 'qemu-system-aarch64');
    writeFileSync(command, launcher(folder), { mode: 0o755 });
    rmSync(folder, { recursive: true, force: true });
    renameSync(part, folder);
    return join(folder, 'qemu-system-aarch64');
  } finally {
    rmSync(work, { recursive: true, force: true });
    rmSync(part, { recursive: true, force: true });
  }
}

const folder = resolve(process.argv[2] ?? join(cacheRoot(), 'qemu'));
try {
  const command = await fetchQemu(folder);
  const version = (await runTool(command, ['--version'])).split('\n')[0];
  say(`${version}. To measure against it:`);
  process.stdout.write(`export BEELINE_QEMU=${command}\n`);
} catch (error) {
  say(`bench:qemu: ${error instanceof ToolError ? error.message : String(error)}`);
  process.exitCode = 1;
}
