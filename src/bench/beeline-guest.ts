// Starts guests of Beeline's own.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Counters, NativeMachineConfig } from '../native/addon.js';
import { projectRoot } from '../paths.js';
import { plainMachine } from '../vm/machine.js';
import type { Reply, Request, Usage } from './beeline-worker.js';
import type { GuestFiles } from './guest-files.js';
import { GuestProcess } from './guest-process.js';

export interface BeelineVariant {
  readonly tier: string;
  /** Techniques that are switched off. */
  readonly disable: readonly string[];
  readonly cpuModel: NativeMachineConfig['cpuModel'];
}

const worker = 'dist/src/bench/beeline-worker.js';
/** How long a machine may take to tell its counters, in milliseconds. */
const patience = 2000;

export class BeelineGuest extends GuestProcess {
  readonly #child: ChildProcess;
  readonly #isCounted: boolean;
  #last: Counters | undefined;
  #lastUsage: Usage | undefined;
  /** Counted guest time: what waits for the next exchange. */
  #input = '';

  constructor(child: ChildProcess, isCounted: boolean) {
    super(child);
    this.#child = child;
    this.#isCounted = isCounted;
    child.on('message', (reply: Reply) => this.#receive(reply));
    // A Beeline from before there were exchanges.
    const cannotCount = () => this.console.end('this Beeline cannot be run with counted time', 'refused');
    if (isCounted) child.stdout?.once('data', cannotCount);
  }

  #receive({ counters, usage, output = '', waits = false, refused }: Reply): void {
    if (refused !== undefined) this.console.end(refused, 'refused');
    this.#last = counters;
    this.#lastUsage = usage;
    this.console.push(Buffer.from(output, 'latin1'));
    if (!waits) return;
    // Whoever waits for the output answers before the next turn of the event loop.
    setImmediate(() => {
      const input = this.#input;
      this.#input = '';
      this.#child.send({ kind: 'exchanged', input } satisfies Request, () => undefined);
    });
  }

  override send(text: string): void {
    if (this.#isCounted) this.#input += Buffer.from(text).toString('latin1');
    else super.send(text);
  }

  /** Once what it had to tell has arrived, too. */
  override async status(): Promise<number | null> {
    const status = await super.status();
    if (this.#child.connected) await new Promise((resolve) => this.#child.once('disconnect', resolve));
    return status;
  }

  /** What it told last: after it has ended by itself, those of its end. */
  get lastCounters(): Counters | undefined {
    return this.#last;
  }

  /** The same of what its process has used. */
  get lastUsage(): Usage | undefined {
    return this.#lastUsage;
  }

  /** None when the machine does not answer. With counted guest time: those of the last output. */
  counters(): Promise<Counters> {
    if (this.#isCounted) return Promise.resolve(this.#last ?? {});
    return new Promise((resolve) => {
      const finish = (counters: Counters) => {
        clearTimeout(timer);
        this.#child.off('message', onMessage);
        resolve(counters);
      };
      const onMessage = (reply: Reply) => finish(reply.counters);
      const timer = setTimeout(() => finish({}), patience);
      this.#child.on('message', onMessage);
      this.#child.send({ kind: 'counters' } satisfies Request, (error) => {
        if (error !== null) finish({});
      });
    });
  }
}

/** In a process of its own, which `core` of the host confines; `root` is the clone whose Beeline runs it. */
export function startMachine(config: NativeMachineConfig, root: string, core?: number): BeelineGuest {
  const confined =
    core === undefined ? {} : { execPath: 'taskset', execArgv: ['--cpu-list', String(core), process.execPath] };
  const child = fork(join(root, worker), [], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'], detached: true, ...confined });
  child.send({ kind: 'start', config } satisfies Request, () => undefined);
  return new BeelineGuest(child, config.icount !== undefined);
}

export function startBeeline({ tier, disable, cpuModel }: BeelineVariant, files: GuestFiles, cpus: number) {
  const engine = tier === 'direct' ? 'direct' : 'interpreter';
  return startMachine({ ...plainMachine, ...files, cpus, cpuModel, tier: engine, disable }, projectRoot);
}
