// beeline run --sandbox: the process gives up what its guest does not need, as the processes of a daemon's guests do. It
// finds out what that is, gives up the rest, and executes itself anew, since the limits are a thread's own.
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readDisk } from '../daemon/given-files.js';
import { machinePaths, makeFiles } from '../daemon/guest/allowed-paths.js';
import { BeelineError } from '../errors.js';
import { imageCache } from '../images/cache.js';
import type { Addon, AllowedPath, NativeMachineConfig } from '../native/addon.js';
import { cacheRoot } from '../paths.js';
import { hasJob } from './job-run.js';
import type { RunOptions } from './run.js';

/** Says which process is confined already: executing anew leaves a process its number. */
const marker = 'BEELINE_CONFINED';
const standardError = 2;

/** Writes files of names that are not known before, or beside those that are. */
export function checkSandbox(options: RunOptions): void {
  const given = [
    ['--copy-out', options.copyOut.length > 0],
    ['--snapshot-save', options.snapshotSave !== undefined],
    ['--perf-dump', options.perfDump !== undefined],
    ['--perf-map', options.perfMap],
  ] as const;
  const option = given.find(([, isGiven]) => isGiven)?.[0];
  if (option === undefined) return;
  const detail = 'it makes files, and --sandbox leaves no folder to make them in';
  throw new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy: 'leave one of the two out' });
}

/** For what the machine needs no name later on. Folders of runs that have ended are removed by the next. */
function temporaryFolder(): string {
  const all = join(cacheRoot(), 'run');
  mkdirSync(all, { recursive: true, mode: 0o700 });
  for (const pid of readdirSync(all)) {
    if (!existsSync(`/proc/${pid}`)) rmSync(join(all, pid), { recursive: true, force: true });
  }
  const own = join(all, String(process.pid));
  mkdirSync(own, { recursive: true, mode: 0o700 });
  return own;
}

/** Made here when it is missing: files are written to in place. */
function writable(path: string): AllowedPath {
  closeSync(openSync(path, 'a'));
  return { path, access: 'write' };
}

/** Node opens the terminal anew. */
function terminals(): AllowedPath[] {
  return [0, 1, 2].flatMap((descriptor): AllowedPath[] => {
    const path = readlinkSync(`/proc/self/fd/${descriptor}`);
    return path.startsWith('/dev/') ? [{ path, access: 'write' }] : [];
  });
}

function* outputPaths({ serial, stats, qmp, gdb }: RunOptions): Generator<AllowedPath> {
  if (stats !== undefined && stats !== '-') yield writable(stats);
  if (serial?.kind === 'file') yield writable(serial.path);
  const sockets = [...qmp, ...(gdb === undefined ? [] : [gdb]), ...(serial === undefined ? [] : [serial])];
  for (const socket of sockets) {
    if (socket.kind === 'unix') yield { path: dirname(socket.path), access: 'listen' };
  }
}

function inputPaths(options: RunOptions): AllowedPath[] {
  const { snapshotLoad, copyIn } = options;
  const read = [imageCache(), ...(snapshotLoad === undefined ? [] : [snapshotLoad]), ...copyIn.map(({ host }) => host)];
  return [
    ...read.map((path) => ({ path, access: 'read' as const })),
    // Packs what the commands of a job need, before programs are refused.
    ...(hasJob(options) ? ['/usr/bin/tar', '/bin/tar'].map((path) => ({ path, access: 'execute' as const })) : []),
  ];
}

/** Returns only in the process that is confined. Throws BEELINE_E_SANDBOX. */
export function confineRun(addon: Addon, options: RunOptions, config: NativeMachineConfig): void {
  if (process.env[marker] === String(process.pid)) return;
  makeFiles(config);
  const temporary = temporaryFolder();
  const paths: AllowedPath[] = [
    ...machinePaths(
      config,
      config.drives.flatMap((drive) => readDisk(drive).backing),
    ),
    ...inputPaths(options),
    ...outputPaths(options),
    ...terminals(),
    { path: temporary, access: 'own' },
  ];
  process.env[marker] = String(process.pid);
  process.env.TMPDIR = temporary;
  delete process.env.NODE_EXTRA_CA_CERTS;
  const [, program = '', ...words] = process.argv;
  const command = [process.execPath, ...process.execArgv, realpathSync(program), ...words];
  const error = addon.confineAndExecute(paths, command, standardError);
  const detail = error === 'ENOSYS' || error === 'EOPNOTSUPP' ? 'the kernel has no Landlock' : error;
  throw new BeelineError('BEELINE_E_SANDBOX', { detail });
}

/** Once files are open and sockets listen. */
export function filterRun(addon: Addon, { networks }: NativeMachineConfig): void {
  const error = addon.filterSystemCalls(networks.some(({ kind, restrict }) => kind === 'user' && !restrict));
  if (error !== '') throw new BeelineError('BEELINE_E_SANDBOX', { detail: error });
}
