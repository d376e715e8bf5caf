// How a run can end, and what that means for the exit status.
import { ExitStatus } from '../errors.js';

export type EndReason = 'poweroff' | 'until' | 'reset' | 'timeout' | 'panic' | 'quit' | 'signal' | 'failure' | 'job';

/** What follows a panic of the kernel, in QEMU's words; shutdown and exit-failure end the run alike. */
export const panicActions = ['pause', 'shutdown', 'exit-failure', 'none'] as const;
export type PanicAction = (typeof panicActions)[number];

export interface Outcome {
  readonly reason: EndReason;
  /** A few words more, such as the signal's name; may be empty. */
  readonly detail: string;
  readonly status: number;
}

const statuses: Readonly<Record<EndReason, number>> = {
  poweroff: ExitStatus.ok,
  until: ExitStatus.ok,
  reset: ExitStatus.guestReset,
  timeout: ExitStatus.timeout,
  panic: ExitStatus.guestPanic,
  quit: ExitStatus.interrupted,
  signal: ExitStatus.interrupted,
  failure: ExitStatus.failure,
  job: ExitStatus.ok,
};

const words: Readonly<Record<EndReason, string>> = {
  poweroff: 'guest powered off',
  until: '--until matched',
  reset: 'guest reset',
  timeout: 'timeout',
  panic: 'guest kernel panicked',
  quit: 'quit by',
  signal: 'stopped by',
  failure: 'the machine failed:',
  job: 'the commands ended',
};

/** `status` overrides the reason's own, as signals other than SIGINT and jobs do. */
export function outcome(reason: EndReason, detail = '', status = statuses[reason]): Outcome {
  return { reason, detail, status };
}

export function describeOutcome({ reason, detail }: Outcome): string {
  return detail === '' ? words[reason] : `${words[reason]} ${detail}`;
}
