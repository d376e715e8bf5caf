// beeline doctor: what this host offers and lacks.
import { accessSync, constants, mkdirSync, statfsSync } from 'node:fs';
import { ExitStatus, messageOf, systemCode } from '../errors.js';
import { describeHost, hasCommand } from '../host.js';
import { formatBytes } from '../memory-size.js';
import { findAddon, loadAddon } from '../native/loader.js';
import { cacheRoot } from '../paths.js';

export interface Finding {
  readonly ok: boolean;
  /** Whether guests cannot run without it. */
  readonly needed: boolean;
  readonly text: string;
  /** Empty when ok, or when the text says it. */
  readonly remedy: string;
}

const oldestNode = 20;
/** The default guest has 1 GiB, compiling the core takes as much; firmware keeps some of 2 GiB back. */
const leastMemory = 1.8 * 1024 * 1024 * 1024;
/** What the default image and its building take. */
const leastSpace = 512 * 1024 * 1024;

function finding(ok: boolean, needed: boolean, text: string, remedy: string): Finding {
  return { ok, needed, text, remedy: ok ? '' : remedy };
}

function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return finding(major >= oldestNode, true, `Node ${process.version}`, `install Node ${oldestNode} or newer`);
}

function checkPlatform(): Finding {
  const ok = process.platform === 'linux' && process.arch === 'x64';
  return finding(ok, true, `${process.platform} on ${process.arch}`, 'use Linux on x86-64');
}

function checkAddon(): Finding[] {
  try {
    const addon = loadAddon();
    return [
      finding(true, true, `native core ${findAddon()}`, ''),
      ...addon
        .hostFeatures()
        .map(({ name, present, use }) => finding(present, false, `CPU feature ${name}: ${use}`, 'not needed to run')),
    ];
  } catch (error) {
    // The message has the remedy already.
    return [finding(false, true, messageOf(error), '')];
  }
}

function checkCache(): Finding {
  const path = cacheRoot();
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK);
    const { bavail, bsize } = statfsSync(path);
    const free = bavail * bsize;
    return finding(
      free >= leastSpace,
      true,
      `cache folder ${path} with ${formatBytes(free)} free`,
      `free ${formatBytes(leastSpace)}, or point XDG_CACHE_HOME elsewhere`,
    );
  } catch (error) {
    const detail = systemCode(error) ?? messageOf(error);
    return finding(
      false,
      true,
      `cache folder ${path} (${detail})`,
      'point XDG_CACHE_HOME at a folder you may write to',
    );
  }
}

interface Tool {
  readonly command: string;
  readonly package: string;
  readonly use: string;
}

const tools: readonly Tool[] = [
  { command: 'apt-get', package: 'apt', use: 'the image debian-busybox' },
  { command: 'dpkg-deb', package: 'dpkg', use: 'the image debian-busybox' },
  { command: 'tar', package: 'tar', use: 'the image debian-busybox' },
  { command: 'xz', package: 'xz-utils', use: 'the image debian-13' },
  { command: 'aarch64-linux-gnu-gcc', package: 'gcc-aarch64-linux-gnu', use: 'the bare-metal guests' },
  { command: 'make', package: 'make', use: 'the bare-metal guests and the native core' },
  { command: 'g++', package: 'g++', use: 'building the native core' },
  { command: 'cmake', package: 'cmake', use: 'building the native core' },
  { command: 'qemu-aarch64', package: 'qemu-user', use: 'the differential tests' },
  { command: 'dtc', package: 'device-tree-compiler', use: 'the tests' },
];

export function examineHost(): Finding[] {
  const host = describeHost();
  return [
    checkNode(),
    checkPlatform(),
    finding(true, true, `${host.cores} cores of ${host.cpu}`, ''),
    finding(
      host.memory >= leastMemory,
      true,
      `${formatBytes(host.memory)} of memory`,
      'give guests less with --memory',
    ),
    finding(true, true, '/dev/kvm is not needed: guests are emulated', ''),
    ...checkAddon(),
    checkCache(),
    ...tools.map((tool) =>
      finding(
        hasCommand(tool.command),
        false,
        `${tool.command} for ${tool.use}`,
        `run: apt-get install --no-install-recommends ${tool.package}`,
      ),
    ),
  ];
}

export function doctor(): number {
  const findings = examineHost();
  for (const { ok, text, remedy } of findings) {
    process.stdout.write(`${ok ? 'ok   ' : 'lacks'}  ${text}${remedy === '' ? '' : `; ${remedy}`}\n`);
  }
  return findings.some(({ ok, needed }) => needed && !ok) ? ExitStatus.failure : ExitStatus.ok;
}
