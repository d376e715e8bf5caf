// One guest in a process of its own, so that a guest that hangs can be killed and takes nobody along. Its serial port is
// on standard input and output; its counters are told on request. Started by beeline-guest.ts.
import type { Counters, NativeMachineConfig } from '../native/addon.js';
import { loadAddon } from '../native/loader.js';
import { Session } from '../vm/session.js';

export type Request = { readonly kind: 'start'; readonly config: NativeMachineConfig } | { readonly kind: 'counters' };

/** Sums over all CPUs: on request, and by itself when the guest has ended. */
export interface Reply {
  readonly counters: Counters;
}

let session: Session | undefined;

function start(config: NativeMachineConfig): void {
  const started = new Session(loadAddon(), {
    config,
    sends: [],
    until: undefined,
    timeout: undefined,
    output: (data) => process.stdout.write(data),
    paused: () => undefined,
  });
  session = started;
  process.stdin.on('data', (data) => started.write(data));
  started.run().then(
    ({ outcome }) => {
      process.stderr.write(`${outcome.reason} ${outcome.detail}\n`);
      tellCounters(() => process.exit(outcome.status));
    },
    (error: unknown) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
}

function tellCounters(done: () => void = () => undefined): void {
  const counters: Record<string, number> = {};
  const add = (name: string, value: number) => {
    counters[name] = (counters[name] ?? 0) + value;
  };
  const stats = session?.stats();
  for (const cpu of stats?.cpus ?? []) for (const [name, value] of Object.entries(cpu)) add(name, value);
  for (const cpu of stats?.switches ?? [])
    for (const [cause, count] of Object.entries(cpu)) add(`switch-${cause}`, count);
  process.send?.({ counters } satisfies Reply, undefined, undefined, done);
}

process.on('message', (request: Request) => {
  if (request.kind === 'start') start(request.config);
  else tellCounters();
});
// Whoever started us is gone.
process.on('disconnect', () => process.exit(1));
