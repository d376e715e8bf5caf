// Records of the core's traces in words.
import type { TraceEvent } from '../monitor/domains/trace.js';
import { type TraceCategory, type TraceKind, traceKinds } from '../monitor/trace-limits.js';

const kindsOf: Readonly<Record<TraceCategory, readonly TraceKind[]>> = {
  exceptions: ['exception'],
  interrupts: ['interrupt', 'acknowledge'],
  returns: ['return'],
  calls: ['call'],
  sleeps: ['sleep', 'wake'],
  devices: ['deviceRead', 'deviceWrite'],
  maintenance: ['maintenance'],
  registers: ['register'],
};

/** What the core is to record: a bit a kind. */
export function kindBits(categories: readonly TraceCategory[]): number {
  return categories
    .flatMap((category) => kindsOf[category])
    .reduce((bits, kind) => bits | (1 << traceKinds.indexOf(kind)), 0);
}

/** ESR_EL1.EC, by the names of the core's ExceptionClass. */
const exceptionClasses: Readonly<Record<number, string>> = {
  0: 'unknown',
  1: 'wfx-trap',
  7: 'fp-access',
  14: 'illegal-execution',
  21: 'svc',
  24: 'system-register-trap',
  32: 'instruction-abort-lower',
  33: 'instruction-abort-same',
  34: 'pc-alignment',
  36: 'data-abort-lower',
  37: 'data-abort-same',
  38: 'sp-alignment',
  48: 'breakpoint-lower',
  49: 'breakpoint-same',
  50: 'software-step-lower',
  51: 'software-step-same',
  52: 'watchpoint-lower',
  53: 'watchpoint-same',
  60: 'brk',
};

/** Classes of exceptions that FAR_EL1 tells of. */
const setFar: ReadonlySet<number> = new Set([0x20, 0x21, 0x22, 0x24, 0x25, 0x34, 0x35]);

/** Without the bit of the 64-bit convention. */
const functions: Readonly<Record<number, string>> = {
  2147483648: 'SMCCC_VERSION',
  2147483649: 'SMCCC_ARCH_FEATURES',
  2214592512: 'PSCI_VERSION',
  2214592513: 'CPU_SUSPEND',
  2214592514: 'CPU_OFF',
  2214592515: 'CPU_ON',
  2214592516: 'AFFINITY_INFO',
  2214592518: 'MIGRATE_INFO_TYPE',
  2214592520: 'SYSTEM_OFF',
  2214592521: 'SYSTEM_RESET',
  2214592522: 'PSCI_FEATURES',
  2214592530: 'SYSTEM_RESET2',
};
const smc64 = 0x4000_0000n;

/** Of the board: first and last address. */
const devices: readonly (readonly [bigint, bigint, string])[] = [
  [0x0000_0000n, 0x07ff_ffffn, 'flash'],
  [0x0800_0000n, 0x0800_ffffn, 'gic-distributor'],
  [0x0801_0000n, 0x0801_ffffn, 'gic-cpu-interface'],
  [0x0802_0000n, 0x0802_0fffn, 'gic-v2m'],
  [0x0808_0000n, 0x0809_ffffn, 'gic-its'],
  [0x080a_0000n, 0x08ff_ffffn, 'gic-redistributor'],
  [0x0900_0000n, 0x0900_0fffn, 'pl011'],
  [0x0901_0000n, 0x0901_0fffn, 'pl031'],
  [0x0902_0000n, 0x0902_0017n, 'fw-cfg'],
  [0x0903_0000n, 0x0903_0fffn, 'pl061'],
  [0x0a00_0000n, 0x0a00_3fffn, 'virtio-mmio'],
  [0x1000_0000n, 0x3efe_ffffn, 'pci-memory'],
  [0x3eff_0000n, 0x3eff_ffffn, 'pci-ports'],
  [0x3f00_0000n, 0x3fff_ffffn, 'pci-configuration'],
  [0x80_0000_0000n, 0xff_ffff_ffffn, 'pci-memory'],
];

/** As the core's Maintenance::Kind numbers them. */
const operations = ['tlb-all', 'tlb-asid', 'tlb-va', 'tlb-va-all-asids', 'code-all', 'code-line'] as const;

const flag = 0x100n;
const hex = (value: bigint) => `0x${value.toString(16)}`;

function deviceAt(address: bigint): string {
  const found = devices.find(([first, last]) => address >= first && address <= last)?.[2];
  if (found === 'virtio-mmio') return `virtio-mmio.${(address - 0x0a00_0000n) / 0x200n}`;
  return found ?? 'nothing';
}

function maintenance(detail: bigint, operand: bigint) {
  const name = operations[Number(detail & 0xffn)] ?? 'unknown';
  const ofPage = name === 'tlb-va' || name === 'tlb-va-all-asids';
  // VA[55:12] is in the low 44 bits (TLBI VAE1).
  const page = BigInt.asUintN(64, BigInt.asIntN(44, operand) << 12n);
  return {
    name,
    ...((name === 'tlb-va' || name === 'tlb-asid') && { asid: Number(operand >> 48n) }),
    ...(ofPage && { address: hex(page) }),
    ...(name === 'code-line' && { address: hex(operand) }),
    remote: (detail & flag) !== 0n,
  };
}

type Words = readonly [bigint, bigint, bigint, bigint];

function describe(kind: TraceKind, detail: bigint, [a, b, c, d]: Words, registerName: (key: number) => string) {
  switch (kind) {
    case 'exception': {
      const exceptionClass = Number((a >> 26n) & 0x3fn);
      const name = exceptionClasses[exceptionClass] ?? 'unknown';
      const far = setFar.has(exceptionClass) ? { far: hex(c) } : {};
      return { name, fromEl: Number(detail & 3n), pc: hex(b), vector: hex(d), esr: hex(a), ...far };
    }
    case 'interrupt':
      return { name: (detail & flag) !== 0n ? 'fiq' : 'irq', fromEl: Number(detail & 3n), pc: hex(a), vector: hex(b) };
    case 'acknowledge':
      return { intid: Number(a) };
    case 'return':
      return { toEl: Number(detail & 3n), pc: hex(a), spsr: hex(b) };
    case 'call': {
      const name = functions[Number(BigInt.asUintN(32, a) & ~smc64)];
      return { ...(name !== undefined && { name }), function: hex(a), arguments: [hex(b), hex(c)], result: hex(d) };
    }
    case 'sleep':
    case 'wake':
      return { name: (detail & flag) !== 0n ? 'wfe' : 'wfi' };
    case 'deviceRead':
    case 'deviceWrite':
      return { name: deviceAt(a), address: hex(a), bytes: Number(b), value: hex(c), refused: (detail & flag) !== 0n };
    case 'maintenance':
      return maintenance(detail, a);
    case 'register':
      return { name: registerName(Number(a)), value: hex(b) };
  }
}

/** Words of a record: CPU, number, time, kind, detail, and four of its own. */
const recordWords = 9;

export function traceEvents(records: BigUint64Array, registerName: (key: number) => string): TraceEvent[] {
  const events: TraceEvent[] = [];
  for (let at = 0; at + recordWords <= records.length; at += recordWords) {
    const [cpu = 0n, number = 0n, time = 0n, kind = 0n, detail = 0n, a = 0n, b = 0n, c = 0n, d = 0n] = records.subarray(
      at,
      at + recordWords,
    );
    const name = traceKinds[Number(kind)];
    if (name === undefined) continue;
    const own = describe(name, detail, [a, b, c, d], registerName);
    events.push({ cpu: Number(cpu), number: Number(number), time: Number(time), kind: name, ...own });
  }
  return events;
}
