// Runs the guest that installs a system, and reads from its console how far it is.
import { BeelineError, messageOf } from '../errors.js';
import { getLog } from '../log.js';
import type { Drive, NativeMachineConfig } from '../native/addon.js';
import { loadAddon } from '../native/loader.js';
import { ToolError } from '../process.js';
import { plainMachine } from '../vm/machine.js';
import { outcome } from '../vm/outcome.js';
import { Session } from '../vm/session.js';

export interface Installation {
  readonly kernel: string;
  readonly initrd: string;
  /** Raw files. */
  readonly disks: readonly string[];
  readonly signal: AbortSignal;
  readonly report: (text: string) => void;
}

const memoryBytes = 2 ** 31;
/** Seconds; a slow host takes a few minutes. */
const timeout = 3600;
/** How much of the console is kept to say why it failed, in characters. */
const kept = 4096;

/** The lines "install: STEP" of a console; "install: done" is the last of a success. */
export class InstallerConsole {
  readonly #report: (text: string) => void;
  readonly #decoder = new TextDecoder();
  #line = '';
  #others = '';
  #done = false;

  constructor(report: (text: string) => void) {
    this.#report = report;
  }

  push(data: Uint8Array): void {
    const lines = (this.#line + this.#decoder.decode(data, { stream: true })).split('\n');
    this.#line = lines.pop() ?? '';
    for (const whole of lines) {
      const line = whole.trimEnd();
      const step = /^install: (.*)$/.exec(line)?.[1];
      if (step === 'done') this.#done = true;
      else if (step !== undefined) {
        if (step !== 'failed') this.#report(step);
      } else if (line !== '') this.#others = `${this.#others}${line}\n`.slice(-kept);
    }
  }

  get isDone(): boolean {
    return this.#done;
  }

  /** What best says why it failed: the last error, or else the last lines. */
  get complaint(): string {
    const lines = this.#others.trimEnd().split('\n');
    const error = lines.findLast((line) => /\b(error|cannot|failed|not found)\b/i.test(line));
    return error ?? lines.at(-1) ?? '';
  }
}

function drive(path: string): Drive {
  return { path, format: 'raw', readonly: false, snapshot: false, at: '', serial: '', aio: 'auto' };
}

/** Throws ToolError when the guest does not say that it is done. */
export async function runInstaller(installation: Installation): Promise<void> {
  const { kernel, initrd, disks, signal, report } = installation;
  // One CPU: dpkg does one thing at a time.
  const config: NativeMachineConfig = {
    ...plainMachine,
    memoryBytes,
    kernel,
    initrd,
    append: 'console=ttyAMA0 quiet',
    drives: disks.map(drive),
  };
  const console = new InstallerConsole(report);
  const log = await getLog();
  const session = new Session(loadAddon(), {
    config,
    sends: [],
    until: undefined,
    timeout,
    output: (data) => {
      log?.debug({ text: Buffer.from(data).toString() }, 'console of the installing guest');
      console.push(data);
    },
    paused: (reason) => {
      const error = new BeelineError('BEELINE_E_DISK_FULL', { path: disks[0] ?? '' }, reason);
      session.finish(outcome('failure', messageOf(error)));
    },
  });
  const abort = () => session.finish(outcome('signal'));
  signal.addEventListener('abort', abort);
  try {
    const result = await session.run();
    signal.throwIfAborted();
    if (result.outcome.reason === 'poweroff' && console.isDone) return;
    const detail = console.complaint || result.outcome.detail;
    throw new ToolError('the installing guest', undefined, `ended (${result.outcome.reason}): ${detail}`);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
