// A job: commands that a guest runs by itself from power-on to power-off, with files copied in and out.
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { BeelineError, messageOf } from '../errors.js';
import type { Drive } from '../native/addon.js';
import { runTool } from '../process.js';
import type { Reply } from '../vm/matcher.js';
import { agentScript, jobDisks, quoteForShell, startLine } from './agent.js';
import { MarkedStream, RecordReader } from './record-reader.js';

/** Files on their way between host and guest. */
export interface Copy {
  readonly host: string;
  readonly guest: string;
}

export interface JobOptions {
  /** Run one after the other; the first that fails ends the job. */
  readonly commands: readonly string[];
  readonly environment: readonly (readonly [name: string, value: string])[];
  readonly copyIn: readonly Copy[];
  readonly copyOut: readonly Copy[];
}

export interface JobOutput {
  readonly stdout: (data: Buffer) => void;
  readonly stderr: (data: Buffer) => void;
}

/** How somebody logs in who needs no password; regular expressions of prompts. */
export interface Login {
  readonly prompt?: string;
  readonly name?: string;
  readonly shell: string;
}

/** What images without a word about it are taken to have. */
export const usualLogin: Login = { prompt: 'login: $', name: 'root', shell: '# $' };

/** How often to look for output, in milliseconds. */
const pollInterval = 20;
/** Of the disks for output, in bytes; only what is written takes space. */
const outputSize = 2 ** 37;
/** A disk has whole sectors. */
const sectorSize = 512;

function disk(path: string, serial: string, readonly = false): Drive {
  return { path, format: 'raw', readonly, snapshot: false, at: '', serial, aio: 'auto' };
}

export class Job {
  readonly #options: JobOptions;
  readonly #folder: string;
  readonly #mark = randomBytes(16).toString('hex');

  private constructor(options: JobOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Puts everything together that the guest is given. Call close() in the end. */
  static async prepare(options: JobOptions): Promise<Job> {
    const folder = mkdtempSync(join(process.env.TMPDIR || '/var/tmp', 'beeline-job-'));
    const job = new Job(options, folder);
    try {
      await job.#writeMaterial();
      for (const path of [job.#output, job.#error, ...options.copyOut.map((_, index) => job.#copy(index))]) {
        writeFileSync(path, '');
        truncateSync(path, outputSize);
      }
    } catch (error) {
      job.close();
      throw error;
    }
    return job;
  }

  get #archive(): string {
    return join(this.#folder, 'material.tar');
  }

  get #output(): string {
    return join(this.#folder, 'stdout');
  }

  get #error(): string {
    return join(this.#folder, 'stderr');
  }

  #copy(index: number): string {
    return join(this.#folder, `copy-${index}`);
  }

  async #writeMaterial(): Promise<void> {
    const { commands, environment, copyIn, copyOut } = this.#options;
    const stage = join(this.#folder, 'material');
    for (const name of ['commands', 'copy', 'out']) mkdirSync(join(stage, name), { recursive: true });
    const write = (name: string, text: string) => writeFileSync(join(stage, name), text);
    const exports = environment.map(([name, value]) => `export ${name}=${quoteForShell(value)}\n`);
    write('agent', agentScript);
    write('mark', this.#mark);
    write('environment', exports.join(''));
    // Numbers of one width sort as they are.
    for (const [index, command] of commands.entries()) write(`commands/${1000 + index}`, `${command}\n`);
    for (const [index, { guest }] of copyIn.entries()) write(`copy/${1000 + index}.to`, guest);
    for (const [index, { guest }] of copyOut.entries()) write(`out/${index}.from`, guest);

    const owner = ['--owner=0', '--group=0', '--numeric-owner'];
    await runTool('tar', ['-c', '-f', this.#archive, ...owner, '-C', stage, '.']);
    for (const [index, { host }] of copyIn.entries()) {
      const path = resolve(host);
      // Names of files and hard links get the folder in front, targets of symbolic links do not.
      const transform = `--transform=s,^\\./,copy/${1000 + index}/,S`;
      const args = ['-r', '-f', this.#archive, ...owner, transform, `./${basename(path)}`];
      // A confined process may enter the folder, but not look into it, as tar would with -C.
      await runTool('tar', args, { cwd: dirname(path) });
    }
    const size = statSync(this.#archive).size;
    truncateSync(this.#archive, Math.ceil(size / sectorSize) * sectorSize);
  }

  /** To be added to the machine, behind its other disks. */
  get drives(): Drive[] {
    return [
      disk(this.#archive, jobDisks.material, true),
      disk(this.#output, jobDisks.output),
      disk(this.#error, jobDisks.error),
      ...this.#options.copyOut.map((_, index) => disk(this.#copy(index), jobDisks.copy(index))),
    ];
  }

  /** What to type, and when. */
  replies(login: Login): Reply[] {
    const reply = (pattern: string, text: string) => ({ regex: new RegExp(pattern, 'gm'), text: Buffer.from(text) });
    const { prompt, name, shell } = login;
    return [...(prompt === undefined ? [] : [reply(prompt, `${name ?? 'root'}\n`)]), reply(shell, startLine)];
  }

  /** Passes output on as it comes, and calls `ended` once all of it is there. Returns what stops it. */
  follow(output: JobOutput, ended: (status: number) => void): () => void {
    const streams = (
      [
        [this.#output, output.stdout],
        [this.#error, output.stderr],
      ] as const
    ).map(([path, write]) => ({ reader: new RecordReader(path), stream: new MarkedStream(this.#mark, write) }));
    let over = false;
    const poll = () => {
      if (over) return;
      for (const { reader, stream } of streams) {
        for (let data = reader.next(); data !== undefined; data = reader.next()) stream.push(data);
      }
      const [status] = streams.map(({ stream }) => stream.status);
      if (status === undefined || streams.some(({ stream }) => stream.status === undefined)) return;
      over = true;
      ended(status);
    };
    const timer = setInterval(poll, pollInterval);
    return () => {
      clearInterval(timer);
      poll();
      for (const { reader } of streams) reader.close();
    };
  }

  /** Puts what came out in place; the guest has to have written all of it. */
  async takeCopies(): Promise<void> {
    for (const [index, { host, guest }] of this.#options.copyOut.entries()) {
      const target = join(this.#folder, `out-${index}`);
      mkdirSync(target);
      try {
        await runTool('tar', ['-x', '-f', this.#copy(index), '-C', target, '--no-same-owner']);
        const name = basename(guest);
        const isFolder = host.endsWith('/') || statSync(host, { throwIfNoEntry: false })?.isDirectory() === true;
        if (isFolder) mkdirSync(host, { recursive: true });
        const to = isFolder ? join(host, name) : host;
        cpSync(join(target, name), to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      } catch (error) {
        throw new BeelineError('BEELINE_E_OUTPUT', { path: host, detail: messageOf(error) }, error);
      }
    }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
