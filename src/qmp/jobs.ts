// Work that goes on after its command has been answered, in QEMU's terms (QMP Reference Manual, Jobs).
import { messageOf } from '../errors.js';
import type { EventName, JobStatus, Returns } from './commands.js';
import { refused } from './errors.js';

/** What nobody dismisses stays, up to so many. */
const mostJobs = 64;

type Job = Returns<'query-jobs'>[number];

export class Jobs {
  readonly #event: (name: EventName, data: object) => void;
  readonly #jobs = new Map<string, Job>();

  constructor(event: (name: EventName, data: object) => void) {
    this.#event = event;
  }

  list(): Job[] {
    return [...this.#jobs.values()];
  }

  /** Throws what is wrong with the job; what becomes of it is told by events and list(). */
  start(id: string, type: Job['type'], work: () => Promise<void>): void {
    if (!/^[A-Za-z][A-Za-z0-9_.-]*$/.test(id)) throw refused(`Invalid job ID '${id}'`);
    if (this.#jobs.has(id)) throw refused(`Job ID '${id}' already in use`);
    if (this.#jobs.size >= mostJobs) throw refused(`there are ${mostJobs} jobs; dismiss those that have concluded`);
    this.#jobs.set(id, { id, type, status: 'created', 'current-progress': 0, 'total-progress': 1 });
    for (const status of ['created', 'running'] as const) this.#enter(id, { status });
    void this.#run(id, work);
  }

  async #run(id: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      for (const status of ['waiting', 'pending'] as const) this.#enter(id, { status, 'current-progress': 1 });
      this.#enter(id, { status: 'concluded' });
    } catch (error) {
      this.#enter(id, { status: 'aborting' });
      this.#enter(id, { status: 'concluded', error: messageOf(error) });
    }
  }

  #enter(id: string, change: Partial<Job> & { readonly status: JobStatus }): void {
    const job = this.#jobs.get(id);
    if (job !== undefined) this.#jobs.set(id, { ...job, ...change });
    this.#event('JOB_STATUS_CHANGE', { id, status: change.status });
  }

  dismiss(id: string): void {
    if (this.#find(id).status !== 'concluded') throw this.#refusal(id, 'dismiss');
    this.#jobs.delete(id);
    this.#event('JOB_STATUS_CHANGE', { id, status: 'null' });
  }

  /** What has begun is done before anybody could end it. */
  cancel(id: string): never {
    throw this.#refusal(id, 'cancel');
  }

  #find(id: string): Job {
    const job = this.#jobs.get(id);
    if (job === undefined) throw refused('Job not found');
    return job;
  }

  #refusal(id: string, verb: string): Error {
    return refused(`Job '${id}' in state '${this.#find(id).status}' cannot accept command verb '${verb}'`);
  }
}
