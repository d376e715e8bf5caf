// Starts the process of a guest. It is its own session, so that it outlives the daemon.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BeelineError, isErrorCode } from '../errors.js';
import { accepts } from '../monitor/validation.js';
import { Readiness, readinessDescriptor } from './guest/protocol.js';
import type { GuestFolder } from './guest-folder.js';
import { type GuestUser, handOver } from './guest-user.js';

const entry = fileURLToPath(new URL('./guest/main.js', import.meta.url));
/** Becomes the other. */
const confinedEntry = fileURLToPath(new URL('./guest/confine.js', import.meta.url));

/** How long the process may take until its guest runs, in milliseconds. */
const readinessLimit = 60_000;
/** Node's heap holds no guest memory; a small one is collected early. */
const heapMebibytes = 64;

export interface LaunchedGuest {
  /** undefined: it could not be started. */
  readonly pid: number | undefined;
  /** Resolves when the guest runs; rejects with why it does not. */
  readonly ready: Promise<void>;
  /** In words, how the process ended. */
  readonly ended: Promise<string>;
  kill(): void;
}

export interface LaunchOptions {
  readonly sandbox: boolean;
  /** undefined: as this process. */
  readonly user: GuestUser | undefined;
}

export function launchGuest(folder: GuestFolder, vm: string, { sandbox, user }: LaunchOptions): LaunchedGuest {
  const log = openSync(folder.log, 'a', 0o600);
  ftruncateSync(log);
  if (user !== undefined) handOver(folder.path, user);
  let child: ChildProcess;
  try {
    const program = sandbox ? confinedEntry : entry;
    child = spawn(process.execPath, [`--max-old-space-size=${heapMebibytes}`, program, folder.path], {
      cwd: folder.path,
      detached: true,
      ...(user !== undefined && { uid: user.uid, gid: user.gid }),
      stdio: ['ignore', log, log, 'pipe'],
      env: {
        ...process.env,
        NOTIFY_SOCKET: undefined,
        LISTEN_FDS: undefined,
        LISTEN_PID: undefined,
        NODE_EXTRA_CA_CERTS: undefined,
      },
    });
  } finally {
    closeSync(log);
  }
  child.unref();
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started (${error.message})`));
    child.once('exit', (status, signal) => resolve(signal === null ? `exit status ${status}` : `killed by ${signal}`));
  });
  return {
    pid: child.pid,
    ready: waitUntilReady(child, vm, ended),
    ended,
    kill: () => child.kill('SIGKILL'),
  };
}

async function waitUntilReady(child: ChildProcess, vm: string, ended: Promise<string>): Promise<void> {
  const failed = (detail: string) => new BeelineError('BEELINE_E_VM_PROCESS', { vm, detail });
  const pipe = child.stdio[readinessDescriptor] as Readable;
  let text = '';
  pipe.on('data', (data: Buffer) => {
    if (text.length < 65_536) text += data.toString();
  });
  pipe.on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  const answer = await Promise.race([
    new Promise<'told'>((resolve) => pipe.once('close', () => resolve('told'))),
    new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), readinessLimit);
    }),
  ]);
  clearTimeout(timer);
  if (answer === 'late') throw failed(`it did not begin within ${readinessLimit / 1000} s`);
  if (text === '') throw failed(await ended);
  let readiness: unknown;
  try {
    readiness = JSON.parse(text);
  } catch {
    throw failed('it does not say whether it has begun');
  }
  if (!accepts(Readiness, readiness)) throw failed('it does not say whether it has begun');
  if (readiness.ready) return;
  const { code, details } = readiness;
  throw isErrorCode(code) ? new BeelineError(code, details) : failed(code);
}
