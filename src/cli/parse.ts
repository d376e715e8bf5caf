// Turns the text of options into values; every failure names the option and the remedy.
import { BeelineError, messageOf } from '../errors.js';
import type { GdbAddress } from '../gdb/server.js';
import type { Copy } from '../job/job.js';
import type { Drive, RawLoad } from '../native/addon.js';
import type { QmpAddress } from '../qmp/server.js';
import type { Reply } from '../vm/matcher.js';

/** What the core takes. GICv2 has eight CPU interfaces. */
export const maximumCpus = { 2: 8, 3: 64 } as const;

export function parseCpus(text: string): number {
  const cpus = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(cpus) || cpus < 1) {
    throw new BeelineError('BEELINE_E_CPUS', {
      detail: `${text} is not a number of CPUs`,
      remedy: `give 1 to ${maximumCpus[3]}`,
    });
  }
  return cpus;
}

export function checkCpus(cpus: number, gic: 2 | 3): void {
  if (cpus <= maximumCpus[gic]) return;
  const more = gic === 2 && cpus <= maximumCpus[3] ? ', or choose --gic 3' : '';
  throw new BeelineError('BEELINE_E_CPUS', {
    detail: `GICv${gic} serves at most ${maximumCpus[gic]} CPUs, not ${cpus}`,
    remedy: `give 1 to ${maximumCpus[gic]}${more}`,
  });
}

/** a, b or c */
function anyOf(choices: readonly string[]): string {
  return [choices.slice(0, -1).join(', '), ...choices.slice(-1)].filter((part) => part !== '').join(' or ');
}

export function parseChoice<T extends string>(option: string, choices: readonly T[], text: string): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option,
    detail: `${text === '' ? 'an empty value' : text} is not known`,
    remedy: `choose ${anyOf(choices)}`,
  });
}

/** In multi-line mode: ^ and $ match at line ends too. */
export function parseRegex(option: string, text: string): RegExp {
  if (text === '') {
    throw new BeelineError('BEELINE_E_REGEX', { option, regex: "''", detail: 'it is empty and would match at once' });
  }
  try {
    return new RegExp(text, 'gm');
  } catch (error) {
    const detail = messageOf(error).replace(/^Invalid regular expression: .*: /, '');
    throw new BeelineError('BEELINE_E_REGEX', { option, regex: text, detail }, error);
  }
}

/** REGEX=TEXT: cut at the first = that has no backslash before it. */
export function parseSend(text: string): Reply {
  const cut = /(?<!\\)(?:\\\\)*=/.exec(text);
  if (cut === null) {
    throw new BeelineError('BEELINE_E_OPTION_VALUE', {
      option: '--send',
      detail: `${text} has no = between REGEX and TEXT`,
      remedy: "write it as 'REGEX=TEXT', with \\= for an = in REGEX",
    });
  }
  const at = cut.index + cut[0].length - 1;
  const regex = parseRegex('--send', text.slice(0, at).replaceAll('\\=', '='));
  return { regex, text: unescapeText(text.slice(at + 1)) };
}

const simpleEscapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' };

/** \n \r \t \\ and \xNN (a byte); the rest as UTF-8. */
function unescapeText(text: string): Uint8Array {
  const bytes: Uint8Array[] = [];
  for (const [token] of text.matchAll(/\\x[0-9a-f]{2}|\\.|[^\\]+|\\$/gis)) {
    if (!token.startsWith('\\')) {
      bytes.push(Buffer.from(token));
      continue;
    }
    const plain = simpleEscapes[token[1] ?? ''];
    if (plain !== undefined) bytes.push(Buffer.from(plain));
    else if (/^\\x../i.test(token)) bytes.push(Uint8Array.of(Number.parseInt(token.slice(2), 16)));
    else {
      throw new BeelineError('BEELINE_E_OPTION_VALUE', {
        option: '--send',
        detail: `TEXT has an unknown escape ${token}`,
        remedy: 'use \\n, \\r, \\t, \\\\ or \\xNN',
      });
    }
  }
  return Buffer.concat(bytes);
}

/** The longest that a timer of the runtime can wait, in seconds. */
const longestTimeout = 2_147_483;

export function parseTimeout(text: string): number {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && seconds <= longestTimeout) return seconds;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--timeout',
    detail: `${text} is not a number of seconds above 0`,
    remedy: `give seconds, at most ${longestTimeout}`,
  });
}

/** Entries of a block; the core counts them in 32 bits. */
export function parseTranslateAfter(text: string): number {
  const entries = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (entries <= 0xffff_ffff) return entries;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--translate-after',
    detail: `${text === '' ? 'an empty value' : text} is not a number of entries`,
    remedy: 'give a whole number; 0 translates everything at once',
  });
}

/** log2 of nanoseconds; the core knows the bounds. */
export function parseIcountShift(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--icount-shift',
    detail: `${text === '' ? 'an empty value' : text} is not a whole number`,
    remedy: 'give the power of two of the nanoseconds that an instruction takes',
  });
}

/** How many lines to print. */
export function parseTop(text: string): number {
  const lines = /^\d+$/.test(text) ? Number(text) : 0;
  if (lines > 0 && Number.isSafeInteger(lines)) return lines;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--top',
    detail: `${text === '' ? 'an empty value' : text} is not a number of blocks`,
    remedy: 'give 1 or more',
  });
}

/** A whole number of at least `minimum`. */
export function parseCount(option: string, minimum: number, text: string, most?: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count) && count >= minimum && (most === undefined || count <= most)) return count;
  if (most !== undefined) {
    const detail = `${text === '' ? 'an empty value' : text} is none from ${minimum} to ${most}`;
    throw new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy: 'give one of these' });
  }
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option,
    detail: `${text === '' ? 'an empty value' : text} is not a number`,
    remedy: `give ${minimum} or more`,
  });
}

export type SerialTarget =
  | { readonly kind: 'stdio' | 'none' }
  | { readonly kind: 'file'; readonly path: string }
  /** A Unix socket: one that somebody listens on, or, with `server`, one to listen on. */
  | { readonly kind: 'unix'; readonly path: string; readonly server: boolean };

export function parseSerial(text: string): SerialTarget {
  if (text === 'stdio' || text === 'none') return { kind: text };
  if (text.startsWith('file:') && text.length > 5) return { kind: 'file', path: text.slice(5) };
  const socket = /^unix:(.+?)(,server)?$/.exec(text);
  if (socket?.[1] !== undefined) return { kind: 'unix', path: socket[1], server: socket[2] !== undefined };
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--serial',
    detail: `${text} is not known`,
    remedy: 'choose stdio, file:PATH, unix:PATH[,server] or none',
  });
}

/** NAME=VALUE, or NAME for what it is here. */
export function parseEnv(text: string, env: NodeJS.ProcessEnv = process.env): readonly [name: string, value: string] {
  const [, name = '', , value] = /^([A-Za-z_][A-Za-z0-9_]*)(=(.*))?$/s.exec(text) ?? [];
  const found = value ?? env[name];
  if (name !== '' && found !== undefined) return [name, found];
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--env',
    detail: name === '' ? `${text} does not begin with the name of a variable` : `${name} has no value here`,
    remedy: 'write it as NAME=VALUE',
  });
}

function copyError(option: string, text: string, form: string): BeelineError {
  const remedy = `write it as ${form}, with an absolute path in the guest`;
  return new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail: `${text} is not two paths`, remedy });
}

/** HOST:GUEST, cut at the last colon before a slash. */
export function parseCopyIn(text: string): Copy {
  const [, host, guest] = /^(.+):(\/[^\0]*)$/s.exec(text) ?? [];
  if (host === undefined || guest === undefined) throw copyError('--copy-in', text, 'HOST:GUEST');
  return { host, guest };
}

/** GUEST:HOST, cut at the first colon. */
export function parseCopyOut(text: string): Copy {
  const [, guest, host] = /^(\/[^:\0]*[^:/\0]):(.+)$/s.exec(text) ?? [];
  if (host === undefined || guest === undefined) throw copyError('--copy-out', text, 'GUEST:HOST');
  return { host, guest };
}

/** What the guest can be told of a serial number (Virtio 1.2, 5.2.6). */
const longestSerial = 20;

function driveError(detail: string): BeelineError {
  const remedy =
    'write it as FILE[,format=raw|qcow2][,readonly][,snapshot][,at=SNAPSHOT][,serial=TEXT][,aio=io_uring|threads][,bus=mmio|pci], with ,, for a comma';
  return new BeelineError('BEELINE_E_OPTION_VALUE', { option: '--drive', detail, remedy });
}

function ownAddress(text: string): { kind: 'tcp'; host: string; port: number } | undefined {
  const match = /^tcp:(?:(127\.\d+\.\d+\.\d+|localhost)|\[(::1)\])?:(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return undefined;
  return { kind: 'tcp', host: match[1] ?? match[2] ?? '127.0.0.1', port };
}

/** tcp:HOST:PORT of this host's own, or unix:PATH: these protocols know no password, the network is not offered them. */
function parseHostAddress(option: string, text: string, remedy: string): GdbAddress {
  if (text.startsWith('unix:') && text.length > 5) return { kind: 'unix', path: text.slice(5) };
  const address = ownAddress(text);
  if (address !== undefined) return address;
  const detail = `${text} is none of this host's own addresses`;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy });
}

export function parseGdb(text: string): GdbAddress {
  return parseHostAddress(
    '--gdb',
    text,
    'give tcp:127.0.0.1:PORT or unix:PATH; from elsewhere, forward it with ssh -L',
  );
}

export function parseQmp(text: string): QmpAddress {
  if (text === 'stdio') return { kind: 'stdio' };
  return parseHostAddress('--qmp', text, 'give stdio, unix:PATH or tcp:127.0.0.1:PORT');
}

/** FILE and options behind commas; two commas are one of the text. */
export function parseDrive(text: string): Drive {
  const [path = '', ...parts] = text
    .replaceAll(',,', '\0')
    .split(',')
    .map((part) => part.replaceAll('\0', ','));
  if (path === '') throw driveError('there is no file');
  let drive: Drive = { path, format: 'probe', readonly: false, snapshot: false, at: '', serial: '', aio: 'auto' };
  const seen = new Set<string>();
  for (const part of parts) {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(part) ?? [];
    if (seen.has(name)) throw driveError(`${name} is given twice`);
    seen.add(name);
    if ((name === 'readonly' || name === 'snapshot') && (value ?? 'on') === 'on') drive = { ...drive, [name]: true };
    else if ((name === 'readonly' || name === 'snapshot') && value === 'off') continue;
    else if (name === 'format' && (value === 'raw' || value === 'qcow2')) drive = { ...drive, format: value };
    else if (name === 'at' && value !== undefined && value !== '') drive = { ...drive, at: value };
    else if (name === 'aio' && (value === 'io_uring' || value === 'threads')) drive = { ...drive, aio: value };
    else if (name === 'bus' && (value === 'mmio' || value === 'pci')) drive = { ...drive, bus: value };
    else if (
      name === 'serial' &&
      value !== undefined &&
      /^[\x20-\x7e]+$/.test(value) &&
      value.length <= longestSerial
    ) {
      drive = { ...drive, serial: value };
    } else throw driveError(`${part === '' ? 'an empty option' : part} is not known`);
  }
  return drive;
}

/** FILE@ADDRESS; the address in C's notation. */
export function parseLoad(text: string): RawLoad {
  const match = /^(.+)@(0x[0-9a-f]+|\d+)$/i.exec(text);
  const address = Number(match?.[2]);
  if (match?.[1] !== undefined && Number.isSafeInteger(address)) return { path: match[1], address };
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--load',
    detail: `${text} is not FILE@ADDRESS`,
    remedy: 'write for instance firmware.bin@0x40200000',
  });
}
