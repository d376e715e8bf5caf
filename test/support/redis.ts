// A Redis for a test, and workers of it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { cliPath } from './cli.js';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export class TestRedis {
  readonly #folder: string;
  #port = 0;
  #server: ChildProcess | undefined;
  readonly #workers: ChildProcess[] = [];
  /** What the workers said. */
  log = '';
  #onLog: (log: string) => void = () => undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** Once, when the workers have measured so many. */
  afterPairs(count: number, body: () => void): void {
    this.#onLog = (log) => {
      if ((log.match(/: head done/g) ?? []).length < count) return;
      this.#onLog = () => undefined;
      body();
    };
  }

  /** Also after stop(): at the same port, without anything that it held. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePort();
    const args = ['--port', String(this.#port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#folder];
    const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      let text = '';
      server.stdout.on('data', (data: Buffer) => {
        text += data.toString();
        if (text.includes('Ready to accept connections')) resolve();
      });
      server.on('error', reject);
      server.on('exit', () => reject(new Error(`redis-server ended: ${text}`)));
    });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  }

  /** Resolves when it has begun to work. */
  worker(env: NodeJS.ProcessEnv, ...options: string[]): Promise<ChildProcess> {
    return this.#worker([], env, options);
  }

  /** The same; it sees another kernel than the one that runs here, as it is told it is Linux 2.6. */
  otherMachine(env: NodeJS.ProcessEnv, ...options: string[]): Promise<ChildProcess> {
    return this.#worker(['setarch', '--uname-2.6'], env, options);
  }

  async #worker(wrapper: readonly string[], env: NodeJS.ProcessEnv, options: readonly string[]): Promise<ChildProcess> {
    const [command = '', ...args] = [
      ...[...wrapper, process.execPath, cliPath],
      ...['bench', 'worker', '--queue', this.url, ...options],
    ];
    const child = spawn(command, args, {
      // Killed, they leave something behind.
      env: { ...process.env, TMPDIR: this.#folder, ...env },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    this.#workers.push(child);
    let text = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (data: Buffer) => {
        text += data.toString();
        this.log += data.toString();
        this.#onLog(this.log);
        if (text.includes('worker on machine')) resolve();
      });
      child.on('exit', (status) => reject(new Error(`the worker ended with ${status}: ${text}`)));
    });
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.#workers) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await this.stop();
  }
}
