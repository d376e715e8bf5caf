// /metrics, in the text format of Prometheus (version 0.0.4).
import type { Result } from '../monitor/protocol.js';
import { vmStates } from '../monitor/types.js';
import { version } from '../version.js';
import type { Supervisor } from './supervisor.js';

type Labels = Readonly<Record<string, string | number>>;

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[];
}

function escapeLabel(value: string | number): string {
  return String(value).replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function format({ name, type, help, samples }: Family): string {
  const lines = samples.map(({ labels, value }) => `${name}${formatLabels(labels)} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
}

type Perf = Result<'perf.counters'>;

/** Those of our counters that people draw; monitor clients get all. */
const perCpu: readonly { readonly name: string; readonly key: string; readonly help: string }[] = [
  { name: 'beeline_vm_instructions_total', key: 'instructions', help: 'Guest instructions retired.' },
  { name: 'beeline_vm_tlb_misses_total', key: 'tlbMisses', help: 'Misses of the first-level TLB.' },
  { name: 'beeline_vm_exceptions_total', key: 'exceptions', help: 'Exceptions taken by the guest.' },
  { name: 'beeline_vm_interrupts_total', key: 'interrupts', help: 'Interrupts taken by the guest.' },
];

export async function metricsText(supervisor: Supervisor, clients: number): Promise<string> {
  const vms = supervisor.list();
  const perf = new Map<string, Perf>();
  await Promise.all(
    vms.map(async (vm) => {
      // One that is just ending has none.
      const counters = await vm.counters().catch(() => undefined);
      if (counters !== undefined) perf.set(vm.name, counters);
    }),
  );
  const one = (value: number) => [{ labels: {}, value }];
  const families: Family[] = [
    {
      name: 'beeline_info',
      type: 'gauge',
      help: 'Always 1; the version is a label.',
      samples: [{ labels: { version: version() }, value: 1 }],
    },
    { name: 'beeline_clients', type: 'gauge', help: 'Monitor connections.', samples: one(clients) },
    {
      name: 'beeline_vms',
      type: 'gauge',
      help: 'Guests by state.',
      samples: vmStates.map((state) => ({
        labels: { state },
        value: vms.filter((vm) => vm.record.state === state).length,
      })),
    },
    {
      name: 'beeline_vm_memory_bytes',
      type: 'gauge',
      help: 'Memory of each guest.',
      samples: vms.map((vm) => ({ labels: { vm: vm.name }, value: vm.record.memoryBytes })),
    },
    {
      name: 'beeline_vm_starts_total',
      type: 'counter',
      help: 'Starts of each guest.',
      samples: vms.map((vm) => ({ labels: { vm: vm.name }, value: vm.record.starts })),
    },
    {
      name: 'beeline_vm_console_bytes_total',
      type: 'counter',
      help: 'Bytes that each guest has written to its console.',
      samples: vms.map((vm) => ({ labels: { vm: vm.name }, value: vm.console.end() })),
    },
    ...perCpu.map(({ name, key, help }) => ({
      name,
      type: 'counter' as const,
      help,
      samples: [...perf].flatMap(([vm, { cpus }]) =>
        cpus.map((counters, cpu) => ({ labels: { vm, cpu }, value: counters[key] ?? 0 })),
      ),
    })),
    {
      name: 'beeline_vm_switches_total',
      type: 'counter',
      help: 'Switches out of translated code by cause.',
      samples: [...perf].flatMap(([vm, { switches }]) =>
        switches.flatMap((causes, cpu) =>
          Object.entries(causes).map(([cause, value]) => ({ labels: { vm, cpu, cause }, value })),
        ),
      ),
    },
  ];
  return families.map(format).join('');
}
