// A daemon of its own for a test, with a folder of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDaemonFile } from '../../src/daemon/daemon-file.js';
import { readTokens, type Tokens } from '../../src/daemon/tokens.js';
import type { MonitorClient } from '../../src/monitor/client.js';
import { connect } from '../../src/monitor/connect.js';
import { beeline, type CliOptions, type CliResult, cliPath } from './cli.js';
import { TemporaryFolder } from './temporary.js';

/** Looks again and again, until it finds something or the time is over. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = 30,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export class TestDaemon {
  readonly state: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;
  #log = '';
  readonly #clients: MonitorClient[] = [];

  /** `folder` must not outlast the test. */
  constructor(folder: string, ...args: string[]) {
    this.state = join(folder, 'state');
    this.#args = args;
  }

  async start(env: NodeJS.ProcessEnv = {}): Promise<void> {
    const args = ['daemon', '--state', this.state, '--listen', 'unix', '--listen', 'tcp:127.0.0.1:0', ...this.#args];
    const child = spawn(process.execPath, [cliPath, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    child.stderr.on('data', (data: Buffer) => {
      this.#log += data.toString();
    });
    await eventually(
      'the daemon is ready',
      () => {
        if (child.exitCode !== null) throw new Error(`the daemon ended: ${this.#log}`);
        return readDaemonFile(this.state)?.pid === child.pid;
      },
      30,
    );
  }

  /** What it has logged, all starts together. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get socket(): string {
    return join(this.state, 'socket');
  }

  /** ws://127.0.0.1:PORT */
  get url(): string {
    return readDaemonFile(this.state)?.addresses.find((address) => address.startsWith('ws://')) ?? '';
  }

  get tokens(): Tokens {
    return readTokens(this.state);
  }

  /** Closed by destroy(), if not before. */
  async client(): Promise<MonitorClient> {
    const client = await connect({ kind: 'unix', path: this.socket });
    this.#clients.push(client);
    return client;
  }

  cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return beeline(args, { ...options, env: { ...options.env, BEELINE_STATE: this.state } });
  }

  /** Ends it as SIGTERM or SIGKILL do; guests go on. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Ends it and every guest. */
  async destroy(): Promise<void> {
    await this.end('SIGKILL');
    for (const client of this.#clients) client.close();
    const guests = join(this.state, 'guests');
    if (!existsSync(guests)) return;
    for (const name of readdirSync(guests)) {
      for (const file of readdirSync(join(guests, name)).filter((file) => /^process\.\d+\.json$/.test(file))) {
        const claim = JSON.parse(readFileSync(join(guests, name, file), 'utf8')) as { process: { pid: number } | null };
        if (claim.process === null) continue;
        try {
          process.kill(claim.process.pid, 'SIGKILL');
        } catch {
          // It has ended.
        }
      }
    }
  }
}

/**
 * Call in a describe block: every test gets a daemon that runs, in a new folder, which is returned. `take` is given it, and
 * does what else is to be done before each test.
 */
export function daemonForEachTest(
  take: (daemon: TestDaemon) => Promise<void> | void,
  ...args: string[]
): TemporaryFolder {
  let daemon: TestDaemon | undefined;
  const folder = new TemporaryFolder(() => daemon?.destroy());
  beforeEach(async () => {
    daemon = new TestDaemon(folder.path, ...args);
    await daemon.start();
    await take(daemon);
  });
  return folder;
}
