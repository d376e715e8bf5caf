// Runs a tool and gives back what it printed.
import { spawn } from 'node:child_process';
import { systemCode } from './errors.js';

export class ToolError extends Error {
  /** The exit status, or undefined when the tool could not be started or a signal ended it. */
  readonly status: number | undefined;
  /** The line of its output that best says why. */
  readonly reason: string;

  /** Whether there is no such tool. */
  readonly isMissing: boolean;

  constructor(command: string, status: number | undefined, reason: string, isMissing = false) {
    super(`${command}: ${reason}`);
    this.name = 'ToolError';
    this.status = status;
    this.reason = reason;
    this.isMissing = isMissing;
  }
}

export interface ToolOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Ends the tool with SIGTERM; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** What tools say when a file system is full; the last is GNU tar's way. */
export const diskFull = /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/;

/** apt marks errors with E:, make with ***, compilers with error:; otherwise the last line counts. */
function reasonFrom(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const telling =
    lines.find((line) => diskFull.test(line)) ??
    lines.find((line) => /^E:|\*\*\*|\berror:/i.test(line)) ??
    lines.at(-1) ??
    'it failed without a word';
  return telling.trim();
}

/** Resolves with standard output. */
export function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const { cwd, env, signal, onLine } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const child = spawn(command, args, {
      cwd,
      env: { ...(env ?? process.env), LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own process group: Ctrl-C on the terminal reaches us, and we end the tool in order.
      detached: true,
    });
    const stdout: Buffer[] = [];
    let stderr = '';
    let line = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout.push(data);
      if (onLine === undefined) return;
      const lines = (line + data.toString()).split('\n');
      line = lines.pop() ?? '';
      for (const whole of lines) onLine(whole);
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr = (stderr + data.toString()).slice(-16384);
    });
    const abort = () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    };
    signal?.addEventListener('abort', abort);
    child.on('error', (error) => {
      signal?.removeEventListener('abort', abort);
      const missing = 'code' in error && error.code === 'ENOENT';
      reject(new ToolError(command, undefined, missing ? 'not installed' : error.message, missing));
    });
    child.on('close', (status, endedBy) => {
      signal?.removeEventListener('abort', abort);
      const text = Buffer.concat(stdout).toString();
      if (signal?.aborted) reject(signal.reason);
      else if (status === 0) resolve(text);
      else if (endedBy !== null) reject(new ToolError(command, undefined, `ended by ${endedBy}`));
      else reject(new ToolError(command, status ?? undefined, reasonFrom(stderr === '' ? text : stderr)));
    });
  });
}

/** Whether there is a process with that id. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}
