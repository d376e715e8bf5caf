// What --exec, --copy-in and --copy-out add to a run.
import { BeelineError } from '../errors.js';
import type { BuiltImage } from '../images/ensure.js';
import { type Copy, Job, usualLogin } from '../job/job.js';
import type { Drive } from '../native/addon.js';
import type { Reply } from '../vm/matcher.js';
import { outcome } from '../vm/outcome.js';
import type { Session, SessionResult } from '../vm/session.js';
import { checkReadable } from './files.js';

export interface JobRunOptions {
  readonly exec: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly copyIn: readonly Copy[];
  readonly copyOut: readonly Copy[];
}

/** How long the guest may take to power off once its commands are through, in milliseconds. */
const powerOffGrace = 90_000;
/** How many of the console's last characters tell why a job did not end. */
const kept = 2000;

export function hasJob({ exec, copyIn, copyOut }: JobRunOptions): boolean {
  return exec.length > 0 || copyIn.length > 0 || copyOut.length > 0;
}

export function checkJob(options: JobRunOptions, others: { readonly until: boolean; readonly send: boolean }): void {
  const refuse = (option: string, detail: string, remedy: string) => {
    throw new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy });
  };
  if (!hasJob(options)) {
    if (options.env.length > 0) refuse('--env', 'it is for the commands of --exec', 'give some, or leave it out');
    return;
  }
  const given = others.until ? '--until' : others.send ? '--send' : undefined;
  if (given !== undefined) refuse(given, '--exec reads and types at the console itself', 'leave one of the two out');
  for (const { host } of options.copyIn) checkReadable('--copy-in', host, { folders: true });
}

export class JobRun {
  readonly #job: Job;
  readonly #keepsDisks: boolean;
  readonly #login: BuiltImage['login'];
  readonly #decoder = new TextDecoder();
  #console = '';
  #status: number | undefined;
  #grace: NodeJS.Timeout | undefined;

  private constructor(job: Job, image: BuiltImage | undefined, drives: readonly Drive[]) {
    this.#job = job;
    this.#login = image?.login;
    this.#keepsDisks = drives.some(({ readonly, snapshot }) => !readonly && !snapshot);
  }

  /** `drives`: what the machine has without the job. Call close() in the end. */
  static async prepare(
    options: JobRunOptions,
    image: BuiltImage | undefined,
    drives: readonly Drive[],
  ): Promise<JobRun> {
    const { exec: commands, env: environment, copyIn, copyOut } = options;
    return new JobRun(await Job.prepare({ commands, environment, copyIn, copyOut }), image, drives);
  }

  get drives(): readonly Drive[] {
    return this.#job.drives;
  }

  get replies(): readonly Reply[] {
    return this.#job.replies(this.#login ?? usualLogin);
  }

  /** Takes what the console shows. */
  console(data: Uint8Array): void {
    this.#console = (this.#console + this.#decoder.decode(data, { stream: true })).slice(-kept);
  }

  /** Runs the session, and prints what the commands print. */
  async run(session: Session): Promise<SessionResult> {
    const output = {
      stdout: (data: Buffer) => process.stdout.write(data),
      stderr: (data: Buffer) => process.stderr.write(data),
    };
    const stop = this.#job.follow(output, (status) => {
      this.#status = status;
      // Disks that are thrown away need no orderly end.
      const end = () => session.finish(outcome('job', '', status));
      if (this.#keepsDisks) this.#grace = setTimeout(end, powerOffGrace);
      else end();
    });
    let result: SessionResult;
    try {
      result = await session.run();
    } finally {
      stop();
      clearTimeout(this.#grace);
    }
    const { reason, detail } = result.outcome;
    if (this.#status !== undefined && (reason === 'poweroff' || reason === 'reset' || reason === 'job')) {
      await this.#job.takeCopies();
      return { ...result, outcome: outcome('job', '', this.#status) };
    }
    const tail = this.#console.replace(/\r/g, '').trimEnd().split('\n').slice(-20);
    process.stderr.write(
      `${tail.join('\n')}\nbeeline: the commands have not ended; above are the console's last lines\n`,
    );
    if (reason !== 'poweroff' && reason !== 'reset') return result;
    return { ...result, outcome: outcome('failure', detail || 'it ended before the commands did') };
  }

  close(): void {
    this.#job.close();
  }
}
