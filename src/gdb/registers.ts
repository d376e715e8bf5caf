// The registers as gdb numbers them, and the description that says so (org.gnu.gdb.aarch64.core and .fpu).
import type { NativeCpuState } from '../native/addon.js';

export interface GdbRegister {
  readonly name: string;
  readonly bytes: number;
  readonly feature: 'core' | 'fpu' | 'system';
  read(state: NativeCpuState): bigint;
}

function general(): GdbRegister[] {
  return Array.from({ length: 31 }, (_unused, index) => ({
    name: `x${index}`,
    bytes: 8,
    feature: 'core' as const,
    read: (state) => BigInt(state.x[index] ?? 0),
  }));
}

function vectors(): GdbRegister[] {
  return Array.from({ length: 32 }, (_unused, index) => ({
    name: `v${index}`,
    bytes: 16,
    feature: 'fpu' as const,
    read: (state) => BigInt(state.v[index] ?? 0),
  }));
}

/** Those that the monitor shows as well, read only. */
export const systemRegisterNames = [
  'SCTLR_EL1',
  'CPACR_EL1',
  'TTBR0_EL1',
  'TTBR1_EL1',
  'TCR_EL1',
  'MAIR_EL1',
  'ESR_EL1',
  'FAR_EL1',
  'ELR_EL1',
  'SPSR_EL1',
  'VBAR_EL1',
  'PAR_EL1',
  'TPIDR_EL0',
  'TPIDRRO_EL0',
  'TPIDR_EL1',
  'CONTEXTIDR_EL1',
  'CNTKCTL_EL1',
  'CNTV_CTL_EL0',
  'CNTV_CVAL_EL0',
  'MDSCR_EL1',
  'SP_EL0',
  'SP_EL1',
  'MPIDR_EL1',
] as const;

export const gdbRegisters: readonly GdbRegister[] = [
  ...general(),
  { name: 'sp', bytes: 8, feature: 'core', read: (state) => BigInt(state.sp) },
  { name: 'pc', bytes: 8, feature: 'core', read: (state) => BigInt(state.pc) },
  { name: 'cpsr', bytes: 4, feature: 'core', read: (state) => BigInt(state.pstate) },
  ...vectors(),
  { name: 'fpsr', bytes: 4, feature: 'fpu', read: (state) => BigInt(state.fpsr) },
  { name: 'fpcr', bytes: 4, feature: 'fpu', read: (state) => BigInt(state.fpcr) },
  ...systemRegisterNames.map((name) => ({
    name,
    bytes: 8,
    feature: 'system' as const,
    read: (state: NativeCpuState) => BigInt(state.system[name] ?? 0),
  })),
];

/** What `g` and `G` carry. */
export const coreRegisters = gdbRegisters.filter(({ feature }) => feature === 'core');

/** Little-endian hexadecimal digits. */
export function toHex(value: bigint, bytes: number): string {
  const buffer = Buffer.alloc(bytes);
  let rest = value;
  for (let i = 0; i < bytes; i++, rest >>= 8n) buffer[i] = Number(rest & 0xffn);
  return buffer.toString('hex');
}

export function fromHex(text: string): bigint {
  let value = 0n;
  for (const byte of [...Buffer.from(text, 'hex')].reverse()) value = (value << 8n) | BigInt(byte);
  return value;
}

const coreTypes = `<flags id="cpsr_flags" size="4">
<field name="SP" start="0" end="0"/><field name="EL" start="2" end="3"/>
<field name="F" start="6" end="6"/><field name="I" start="7" end="7"/><field name="A" start="8" end="8"/><field name="D" start="9" end="9"/>
<field name="IL" start="20" end="20"/><field name="SS" start="21" end="21"/><field name="PAN" start="22" end="22"/><field name="UAO" start="23" end="23"/>
<field name="V" start="28" end="28"/><field name="C" start="29" end="29"/><field name="Z" start="30" end="30"/><field name="N" start="31" end="31"/>
</flags>
`;

const fpuTypes = `<vector id="doubles" type="ieee_double" count="2"/><vector id="singles" type="ieee_single" count="4"/>
<vector id="longs" type="uint64" count="2"/><vector id="ints" type="uint32" count="4"/>
<vector id="shorts" type="uint16" count="8"/><vector id="bytes" type="uint8" count="16"/>
<union id="vector_register"><field name="f64" type="doubles"/><field name="f32" type="singles"/><field name="u64" type="longs"/>
<field name="u32" type="ints"/><field name="u16" type="shorts"/><field name="u8" type="bytes"/><field name="u128" type="uint128"/></union>
`;

function typeOf({ name, bytes, feature }: GdbRegister): string {
  if (name === 'sp') return ' type="data_ptr"';
  if (name === 'pc') return ' type="code_ptr"';
  if (name === 'cpsr') return ' type="cpsr_flags"';
  if (bytes === 16) return ' type="vector_register"';
  return feature === 'core' ? '' : ` type="uint${bytes * 8}"`;
}

function featureText(feature: GdbRegister['feature'], name: string, types: string): string {
  const lines = gdbRegisters.flatMap((register, number) => {
    if (register.feature !== feature) return [];
    const group = feature === 'system' ? ' group="system"' : '';
    return [
      `<reg name="${register.name}" bitsize="${register.bytes * 8}" regnum="${number}"${typeOf(register)}${group}/>`,
    ];
  });
  return `<feature name="${name}">\n${types}${lines.join('\n')}\n</feature>\n`;
}

export const targetDescription = `<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0">
<architecture>aarch64</architecture>
${featureText('core', 'org.gnu.gdb.aarch64.core', coreTypes)}${featureText('fpu', 'org.gnu.gdb.aarch64.fpu', fpuTypes)}${featureText('system', 'org.beeline.aarch64.system', '')}</target>
`;
