// Starts guests of Beeline's own.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Counters, NativeMachineConfig } from '../native/addon.js';
import { projectRoot } from '../paths.js';
import type { Reply, Request } from './beeline-worker.js';
import type { GuestFiles } from './guest-files.js';
import { GuestProcess } from './guest-process.js';

export interface BeelineVariant {
  readonly tier: string;
  /** Techniques that are switched off. */
  readonly disable: readonly string[];
  readonly cpuModel: NativeMachineConfig['cpuModel'];
}

const worker = join(projectRoot, 'dist/src/bench/beeline-worker.js');
const memoryBytes = 1024 ** 3;
/** How long a machine may take to tell its counters, in milliseconds. */
const patience = 2000;

export class BeelineGuest extends GuestProcess {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    super(child);
    this.#child = child;
  }

  /** None when the machine does not answer. */
  counters(): Promise<Counters> {
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

export function startBeeline({ tier, disable, cpuModel }: BeelineVariant, files: GuestFiles, cpus: number) {
  const config: NativeMachineConfig = {
    memoryBytes,
    cpus,
    cpuModel,
    gicVersion: 3,
    ...files,
    dtb: '',
    firmware: '',
    firmwareVars: '',
    loads: [],
    drives: [],
    networks: [],
    ports: [],
    noReboot: true,
    tier: tier === 'direct' ? 'direct' : 'interpreter',
    disable,
    verify: false,
    perfMap: false,
    keepDetails: false,
  };
  const child = fork(worker, [], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'], detached: true });
  child.send({ kind: 'start', config } satisfies Request);
  return new BeelineGuest(child);
}
