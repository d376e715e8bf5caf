// human-monitor-command: the commands of QEMU's monitor that people and scripts use most, in its words.
import type { NativeCpuState, NativeStats } from '../native/addon.js';
import { driveName, nodeName } from './blocks.js';
import type { QmpHost } from './host.js';

type Handler = (host: QmpHost, words: readonly string[], cpu: number) => string;

interface Command {
  readonly usage: string;
  readonly help: string;
  readonly run: Handler;
}

const hex = (value: string, digits: number) => BigInt(value).toString(16).padStart(digits, '0');

function describeCpu(cpu: number, state: NativeCpuState | undefined): string {
  if (state === undefined) return `\nCPU#${cpu}\n (off)\n`;
  const cells = [` PC=${hex(state.pc, 16)}`];
  for (const [index, value] of state.x.entries()) {
    cells.push(`X${String(index).padStart(2, '0')}=${hex(value, 16)}`);
  }
  cells.push(` SP=${hex(state.sp, 16)}`);
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += 3) lines.push(cells.slice(at, at + 3).join(' '));
  const pstate = Number(BigInt(state.pstate) & 0xffff_ffffn);
  const flags = [...'NZCV'].map((flag, index) => ((pstate >>> (31 - index)) & 1 ? flag : '-')).join('');
  const level = `EL${state.el}${pstate & 1 ? 'h' : 't'}`;
  return `\nCPU#${cpu}\n${lines.join('\n')}\nPSTATE=${hex(state.pstate, 8)} ${flags} ${level}\n`;
}

function registers(host: QmpHost, words: readonly string[], cpu: number): string {
  const all = Array.from({ length: host.config.cpus }, (_unused, index) => index);
  const wanted = words[0] === '-a' ? all : [cpu];
  return host.debugger.whileStill(() =>
    wanted.map((index) => describeCpu(index, host.debugger.registers(index))).join(''),
  );
}

/** Translated code, for info jit and x-query-jit. */
export function describeJit({ direct, cpus }: NativeStats): string {
  const sum = (name: string) => direct.reduce((total, counters) => total + (counters[name] ?? 0), 0);
  const [blocks, instructions, bytes] = [sum('blocks'), sum('instructions'), sum('bytes')];
  const flushes = cpus.reduce((total, counters) => total + (counters.tlbFlushes ?? 0), 0);
  const average = (value: number) => (blocks === 0 ? 0 : Math.round(value / blocks));
  return [
    'Translation buffer state:',
    `gen code size       ${bytes}`,
    `TB count            ${blocks}`,
    `TB avg target size  ${average(4 * instructions)} bytes`,
    `TB avg host size    ${average(bytes)} bytes`,
    `direct jump count   ${sum('links')}`,
    '',
    'Statistics:',
    `TB evict count      ${sum('evicted')}`,
    `TB invalidate count ${sum('invalidated')}`,
    `TLB flushes         ${flushes}`,
    '',
  ].join('\n');
}

const sizes: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };
const mostExamined = 4096;

/** /COUNT FORMAT SIZE, such as /4xw or /2gx; FORMAT is x or d. */
function examine(host: QmpHost, words: readonly string[], cpu: number | undefined): string {
  const [format, address] = words[0]?.startsWith('/') ? [words[0], words[1]] : ['', words[0]];
  const match = /^\/?(\d*)([xdubhwg]*)$/.exec(format);
  if (match === null || !/^(0x[0-9a-f]{1,16}|\d{1,19})$/i.test(address ?? '')) return 'invalid char in expression\n';
  const count = Number(match[1] === '' ? 1 : match[1]);
  const letters = [...(match[2] ?? '')];
  const size = sizes[letters.find((letter) => letter in sizes) ?? 'w'] ?? 4;
  const isDecimal = letters.includes('d') || letters.includes('u');
  if (count * size > mostExamined) return `at most ${mostExamined} bytes at once\n`;
  const begin = BigInt(address ?? '0');
  const bytes = host.debugger.whileStill(() => host.debugger.read(begin, count * size, cpu));
  const perLine = 16 / size;
  const lines: string[] = [];
  for (let line = 0; line * size * perLine < count * size; line++) {
    const values: string[] = [];
    for (let at = line * perLine; at < Math.min(count, (line + 1) * perLine); at++) {
      const piece = bytes.subarray(at * size, (at + 1) * size);
      if (piece.length < size) return [...lines, 'Cannot access memory\n'].join('\n');
      const value = BigInt(`0x${Buffer.from(piece).reverse().toString('hex')}`);
      values.push(isDecimal ? value.toString() : `0x${value.toString(16).padStart(2 * size, '0')}`);
    }
    const place = BigInt.asUintN(64, begin + BigInt(line * perLine * size));
    lines.push(`${place.toString(16).padStart(16, '0')}: ${values.join(' ')}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function blocks(host: QmpHost): string {
  const { drives } = host.stats();
  return host.config.drives
    .map((drive, index) => {
      const writes = drive.readonly ? ', read-only' : '';
      const format = drives[index]?.format ?? 'raw';
      return `${driveName(index)} (${nodeName(index)}): ${drive.path} (${format}${writes})\n    Cache mode:       writeback\n`;
    })
    .join('\n');
}

function status({ runState }: QmpHost): string {
  if (runState === 'running') return 'VM status: running\n';
  return `VM status: paused${runState === 'paused' ? '' : ` (${runState})`}\n`;
}

const infos: Readonly<Record<string, Omit<Command, 'usage'>>> = {
  block: { help: 'show block devices', run: (host) => blocks(host) },
  chardev: {
    help: 'show the character devices',
    run: ({ chardevs }) => chardevs.map(({ label, filename }) => `${label}: filename=${filename}\n`).join(''),
  },
  cpus: {
    help: 'show infos for each CPU',
    run: ({ config }, _words, current) =>
      Array.from({ length: config.cpus }, (_unused, cpu) => {
        return `${cpu === current ? '*' : ' '} CPU #${cpu}: thread_id=${process.pid}\n`;
      }).join(''),
  },
  jit: { help: 'show dynamic compiler info', run: (host) => describeJit(host.stats()) },
  kvm: { help: 'show KVM information', run: () => 'kvm support: not compiled\n' },
  name: { help: 'show the current VM name', run: ({ name }) => (name === undefined ? '' : `${name}\n`) },
  registers: { help: 'show the cpu registers (-a: of all CPUs)', run: registers },
  status: { help: 'show the current VM status (running|paused)', run: status },
  uuid: { help: 'show the current VM UUID', run: ({ uuid }) => `${uuid}\n` },
};

function info(host: QmpHost, words: readonly string[], cpu: number): string {
  const [name, ...rest] = words;
  if (name === undefined) {
    return Object.entries(infos)
      .map(([known, { help: words }]) => `info ${known}  -- ${words}\n`)
      .join('');
  }
  const found = Object.hasOwn(infos, name) ? infos[name] : undefined;
  return found?.run(host, rest, cpu) ?? `unknown command: 'info ${name}'\n`;
}

function doing(action: (host: QmpHost) => void): Handler {
  return (host) => {
    action(host);
    return '';
  };
}

const commands: Readonly<Record<string, Command>> = {
  cont: { usage: 'cont|c', help: 'resume emulation', run: doing((host) => host.resume()) },
  help: { usage: 'help|? [cmd]', help: 'show the help', run: (_host, words) => help(words) },
  info: { usage: 'info [subcommand]', help: 'show various information about the system state', run: info },
  quit: { usage: 'quit|q', help: 'quit the emulator', run: doing((host) => host.quit()) },
  stop: { usage: 'stop|s', help: 'stop emulation', run: doing((host) => host.pause()) },
  system_powerdown: {
    usage: 'system_powerdown',
    help: 'send system power down event',
    run: doing((host) => host.powerdown()),
  },
  system_reset: { usage: 'system_reset', help: 'reset the system', run: doing((host) => host.reset()) },
  x: { usage: 'x /fmt addr', help: "virtual memory dump starting at 'addr'", run: examine },
  xp: {
    usage: 'xp /fmt addr',
    help: "physical memory dump starting at 'addr'",
    run: (host, words) => examine(host, words, undefined),
  },
};
const aliases: Readonly<Record<string, string>> = { c: 'cont', '?': 'help', q: 'quit', s: 'stop' };

function help([name]: readonly string[]): string {
  const known = Object.entries(commands).filter(([command]) => name === undefined || command === name);
  return known.map(([, { usage, help: words }]) => `${usage} -- ${words}\n`).join('');
}

/** What the monitor prints. `version` is for `info version`. */
export function humanMonitor(host: QmpHost, line: string, cpu: number, version: string): string {
  // x and xp take their format with or without a blank before it.
  const [first = '', ...words] = line
    .trim()
    .replace(/^(xp?)\//, '$1 /')
    .split(/\s+/);
  if (first === '') return '';
  if (first === 'info' && words[0] === 'version') return `${version}\r\n`;
  const name = Object.hasOwn(aliases, first) ? (aliases[first] ?? first) : first;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) return `unknown command: '${first.slice(0, 100)}'\r\n`;
  return command.run(host, words, cpu).replaceAll('\n', '\r\n');
}
