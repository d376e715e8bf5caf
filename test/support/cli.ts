// Runs the command line as a user does.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';

export const cliPath = join(projectRoot, 'dist/src/cli/main.js');

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Seconds after which it is killed. */
  readonly limit?: number;
  readonly onStart?: (pid: number) => void;
  /** Is given all of stdout so far. */
  readonly onOutput?: (stdout: string) => void;
  readonly signalAfterOutput?: { readonly pattern: RegExp; readonly signal: NodeJS.Signals };
}

export function beeline(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { env = {}, limit = 60, onStart, onOutput, signalAfterOutput } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cliPath, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onStart?.(child.pid ?? 0);
    let stdout = '';
    let stderr = '';
    let signalled = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), limit * 1000);
    const look = () => {
      if (signalAfterOutput === undefined || signalled) return;
      if (!signalAfterOutput.pattern.test(stdout + stderr)) return;
      signalled = true;
      child.kill(signalAfterOutput.signal);
    };
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
      onOutput?.(stdout);
      look();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
      look();
    });
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout, stderr });
    });
  });
}
