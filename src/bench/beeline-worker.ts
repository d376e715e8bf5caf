// One guest in a process of its own, so that a guest that hangs can be killed and takes nobody along. Its serial port is
// on standard input and output; its counters are told on request. With counted guest time it tells output and counters
// together, whenever the machine takes input, and the machine goes on when the answer has come: so everything happens at
// the same instruction in every run. Started by beeline-guest.ts.
import { messageOf } from '../errors.js';
import type { Counters, NativeMachineConfig } from '../native/addon.js';
import { loadAddon } from '../native/loader.js';
import { Session } from '../vm/session.js';

export type Request =
  | { readonly kind: 'start'; readonly config: NativeMachineConfig }
  | { readonly kind: 'counters' }
  /** The answer to what `waits`. `input`: latin1. */
  | { readonly kind: 'exchanged'; readonly input: string };

export interface Usage {
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
}

/** On request, and by itself when the guest has ended. */
export interface Reply {
  /** Sums over all CPUs. */
  readonly counters: Counters;
  /** Of this process so far: what it ended with is nowhere else. */
  readonly usage?: Usage;
  /** Counted guest time: what was written since the reply before, latin1. */
  readonly output?: string;
  /** Counted guest time: nothing goes on until the answer. */
  readonly waits?: boolean;
  /** Why there is no machine. */
  readonly refused?: string;
}

let session: Session | undefined;
let endExchange: () => void = () => undefined;
let held: Buffer[] = [];

/** Throws BeelineError when the machine cannot be made. */
function start(config: NativeMachineConfig): void {
  const isCounted = config.icount !== undefined;
  const started = new Session(loadAddon(), {
    config,
    sends: [],
    until: undefined,
    timeout: undefined,
    output: (data) => (isCounted ? held.push(Buffer.from(data)) : process.stdout.write(data)),
    paused: () => undefined,
    ...(isCounted && { exchange }),
  });
  session = started;
  process.stdin.on('data', (data) => started.write(data));
  started.run().then(
    ({ outcome }) => {
      process.stderr.write(`${outcome.reason} ${outcome.detail}\n`);
      tell({}, () => process.exit(outcome.status));
    },
    (error: unknown) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
}

function exchange(done: () => void): void {
  endExchange = done;
  tell({ waits: true });
}

function tell(more: Pick<Reply, 'waits' | 'refused'> = {}, done: () => void = () => undefined): void {
  const counters: Record<string, number> = {};
  const add = (name: string, value: number) => {
    counters[name] = (counters[name] ?? 0) + value;
  };
  const stats = session?.stats();
  for (const cpu of stats?.cpus ?? []) for (const [name, value] of Object.entries(cpu)) add(name, value);
  for (const cpu of stats?.switches ?? [])
    for (const [cause, count] of Object.entries(cpu)) add(`switch-${cause}`, count);
  const output = Buffer.concat(held).toString('latin1');
  held = [];
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const usage = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMemoryBytes: maxRSS * 1024 };
  process.send?.(
    { counters, usage, ...(output !== '' && { output }), ...more } satisfies Reply,
    undefined,
    undefined,
    done,
  );
}

process.on('message', (request: Request) => {
  switch (request.kind) {
    case 'start':
      try {
        start(request.config);
      } catch (error) {
        // Whoever started us ends us, having read that: an exit could overtake it.
        tell({ refused: messageOf(error) });
      }
      break;
    case 'counters':
      tell();
      break;
    case 'exchanged':
      if (request.input !== '') session?.write(Buffer.from(request.input, 'latin1'));
      endExchange();
      break;
  }
});
// Whoever started us is gone.
process.on('disconnect', () => process.exit(1));
