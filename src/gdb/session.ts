// One gdb: what it asks of a machine, packet by packet (gdb manual, appendix E). All CPUs are threads of one process, and
// all stop together. Nothing is written to guest memory for a breakpoint.
import type { NativeDebuggerAction } from '../native/addon.js';
import type { DebuggerStop, MachineDebugger, Watchpoint } from '../vm/debugger.js';
import { encodePacket, type Incoming, PacketReader, packetSize } from './packets.js';
import { coreRegisters, fromHex, type GdbRegister, gdbRegisters, targetDescription, toHex } from './registers.js';

const ok = 'OK';
const unsupported = '';
/** The system's numbers for: no such entry, no memory at the address, not a valid request, no room. */
const noEntry = 'E02';
const noMemory = 'E14';
const notValid = 'E22';
const noRoom = 'E28';

const interruptSignal = '02';
const trapSignal = '05';
const mostPoints = 1000;
const longestWatch = 1n << 20n;
/** Of memory in one answer: two digits a byte. */
const longestRead = packetSize / 2 - 16;

export interface GdbOutput {
  send(data: Buffer): void;
  close(): void;
}

interface Watch extends Watchpoint {
  /** How gdb names it in a stop reply. */
  readonly report: 'watch' | 'rwatch' | 'awatch';
}

function hexText(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex');
}

function address(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

function size(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9a-fA-F]{1,8}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

const isHex = (text: string) => text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text);

export class GdbSession {
  readonly #debugger: MachineDebugger;
  readonly #output: GdbOutput;
  readonly #reader = new PacketReader();
  readonly #forgetStops: () => void;
  #acknowledges = true;
  #acknowledgesNext = true;
  #namesProcesses = false;
  /** What to send again when it is not understood. */
  #last: Buffer | undefined;
  /** Of registers and memory, by CPU. */
  #selected = 0;
  #isPhysical = false;
  /** gdb waits for a stop reply. */
  #waits = false;
  #stop: DebuggerStop = { cpu: 0, kind: 'pause', address: 0n };
  #breakpoints = new Set<bigint>();
  #watches = new Map<string, Watch>();
  #changed = true;
  #ended = false;

  constructor(machineDebugger: MachineDebugger, output: GdbOutput) {
    this.#debugger = machineDebugger;
    this.#output = output;
    this.#forgetStops = machineDebugger.onStop((stop) => this.#stopped(stop));
    machineDebugger.pause();
  }

  push(bytes: Buffer): void {
    for (const incoming of this.#reader.push(bytes)) {
      if (this.#ended) return;
      this.#take(incoming);
    }
  }

  /** gdb has gone, or is to: its stops go, and the guest goes on. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#forgetStops();
    this.#debugger.setPoints(this, undefined);
    if (!this.#waits && this.#debugger.isPaused) this.#debugger.resume([]);
  }

  /** The guest has ended. */
  exited(status: number): void {
    if (this.#ended) return;
    if (this.#waits) this.#send(`W${status.toString(16).padStart(2, '0')}`);
    this.#ended = true;
    this.#forgetStops();
    this.#output.close();
  }

  #take(incoming: Incoming): void {
    switch (incoming.kind) {
      case 'interrupt':
        this.#debugger.pause();
        return;
      case 'acknowledged':
        return;
      case 'noise':
        this.end();
        this.#output.close();
        return;
      case 'refused':
        if (this.#last !== undefined && this.#acknowledges) this.#output.send(this.#last);
        return;
      case 'damaged':
        if (this.#acknowledges) this.#output.send(Buffer.from('-'));
        return;
      case 'packet': {
        if (this.#acknowledges) this.#output.send(Buffer.from('+'));
        const reply = this.#answer(incoming.data);
        if (reply !== undefined && !this.#ended) this.#send(reply);
        this.#acknowledges = this.#acknowledgesNext;
        this.#reader.checks = this.#acknowledges;
      }
    }
  }

  #send(data: Buffer | string): void {
    this.#last = encodePacket(data);
    this.#output.send(this.#last);
  }

  /** undefined: there is no answer, or it comes later. */
  #answer(data: Buffer): Buffer | string | undefined {
    const text = data.toString('latin1');
    const rest = text.slice(1);
    switch (text[0]) {
      case '?':
        return this.#stopReply();
      case 'H':
        return this.#select(rest);
      case 'T':
        return this.#threadOf(rest) === undefined ? noEntry : ok;
      case 'g':
        return this.#readCore();
      case 'G':
        return this.#writeCore(rest);
      case 'p':
        return this.#readOne(rest);
      case 'P':
        return this.#writeOne(rest);
      case 'm':
        return this.#readMemory(rest);
      case 'M':
        return this.#writeHex(rest);
      case 'X':
        return this.#writeBinary(data);
      case 'Z':
        return this.#insert(rest);
      case 'z':
        return this.#remove(rest);
      case 'c':
      case 's':
        return this.#resumeFrom(rest, text[0] === 's');
      case 'C':
      case 'S':
        return this.#resumeFrom(rest.split(';')[1] ?? '', text[0] === 'S');
      case 'D':
        this.#send(ok);
        this.end();
        this.#output.close();
        return undefined;
      case 'k':
        this.#kill();
        return undefined;
      case 'v':
        return this.#multiLetter(text);
      case 'q':
      case 'Q':
        return this.#query(text);
      default:
        return unsupported;
    }
  }

  #multiLetter(text: string): string | undefined {
    if (text === 'vCont?') return 'vCont;c;C;s;S';
    if (text.startsWith('vCont;')) return this.#continue(text.slice('vCont;'.length));
    if (text === 'vKill' || text.startsWith('vKill;')) {
      this.#send(ok);
      this.#kill();
      return undefined;
    }
    return unsupported;
  }

  #query(text: string): string | undefined {
    const [name = ''] = text.split(/[:,;]/, 1);
    const rest = text.slice(name.length + 1);
    switch (name) {
      case 'qSupported':
        this.#namesProcesses = rest.split(';').includes('multiprocess+');
        return (
          `PacketSize=${packetSize.toString(16)};qXfer:features:read+;vContSupported+;QStartNoAckMode+` +
          (this.#namesProcesses ? ';multiprocess+' : '')
        );
      case 'QStartNoAckMode':
        this.#acknowledgesNext = false;
        return ok;
      case 'qXfer':
        return this.#transfer(rest);
      case 'qC':
        return `QC${this.#thread(this.#selected)}`;
      case 'qAttached':
        return '1';
      case 'qfThreadInfo':
        return `m${Array.from({ length: this.#debugger.cpus }, (_unused, cpu) => this.#thread(cpu)).join(',')}`;
      case 'qsThreadInfo':
        return 'l';
      case 'qThreadExtraInfo':
        return this.#threadInfo(rest);
      case 'qSymbol':
        return ok;
      case 'qRcmd':
        return isHex(rest) ? this.#command(Buffer.from(rest, 'hex').toString('utf8').trim()) : notValid;
      case 'qqemu.PhyMemMode':
        return this.#isPhysical ? '1' : '0';
      case 'Qqemu.PhyMemMode':
        if (rest !== '0' && rest !== '1') return notValid;
        this.#isPhysical = rest === '1';
        return ok;
      default:
        return unsupported;
    }
  }

  #transfer(text: string): string {
    const match = /^features:read:([^:]*):([0-9a-fA-F]{1,8}),([0-9a-fA-F]{1,8})$/.exec(text);
    if (match === null) return unsupported;
    if (match[1] !== 'target.xml') return 'E00';
    const from = Number.parseInt(match[2] ?? '', 16);
    const part = targetDescription.slice(from, from + Math.min(Number.parseInt(match[3] ?? '', 16), longestRead));
    return (from + part.length < targetDescription.length ? 'm' : 'l') + part;
  }

  // ---- threads: CPU n is thread n + 1 of process 1 ----

  #thread(cpu: number): string {
    const number = (cpu + 1).toString(16).padStart(2, '0');
    return this.#namesProcesses ? `p01.${number}` : number;
  }

  /** 'all', or a CPU; 0 stands for any. undefined: there is no such thread. */
  #threadOf(text: string): number | 'all' | undefined {
    const match = /^(?:p(-1|[0-9a-fA-F]{1,8}))?\.?(-1|[0-9a-fA-F]{1,8})?$/.exec(text);
    if (match === null || text === '') return undefined;
    const process = match[1];
    if (process !== undefined && process !== '-1' && Number.parseInt(process, 16) > 1) return undefined;
    const thread = match[2] ?? '-1';
    if (process === '-1' || thread === '-1') return 'all';
    const number = Number.parseInt(thread, 16);
    if (number === 0) return this.#selected;
    return number <= this.#debugger.cpus ? number - 1 : undefined;
  }

  #select(rest: string): string {
    const thread = this.#threadOf(rest.slice(1));
    if (thread === undefined) return noEntry;
    // Which threads to resume, 'c' says; vCont says it itself.
    if (rest[0] === 'g' && thread !== 'all') this.#selected = thread;
    return rest[0] === 'g' || rest[0] === 'c' ? ok : notValid;
  }

  #threadInfo(text: string): string {
    const cpu = this.#threadOf(text);
    if (cpu === undefined || cpu === 'all') return noEntry;
    const state = this.#debugger.registers(cpu);
    return hexText(`CPU#${cpu} [${state === undefined ? 'off' : `EL${state.el}`}]`);
  }

  // ---- registers ----

  #readCore(): string {
    return coreRegisters.map((register) => this.#digits(register)).join('');
  }

  /** Of a CPU that is off nothing is known. */
  #digits(register: GdbRegister): string {
    const state = this.#debugger.registers(this.#selected);
    return state === undefined ? 'xx'.repeat(register.bytes) : toHex(register.read(state), register.bytes);
  }

  #writeCore(text: string): string {
    if (!isHex(text)) return notValid;
    let offset = 0;
    for (const { name, bytes } of coreRegisters) {
      const digits = text.slice(offset, offset + bytes * 2);
      if (digits.length < bytes * 2) return notValid;
      if (!this.#debugger.writeRegister(this.#selected, name, fromHex(digits))) return notValid;
      offset += bytes * 2;
    }
    return ok;
  }

  #readOne(text: string): string {
    const register = gdbRegisters[size(text) ?? -1];
    return register === undefined ? notValid : this.#digits(register);
  }

  #writeOne(text: string): string {
    const [number, digits = ''] = text.split('=');
    const register = gdbRegisters[size(number) ?? -1];
    if (register === undefined || !isHex(digits) || digits.length !== register.bytes * 2) return notValid;
    return this.#debugger.writeRegister(this.#selected, register.name, fromHex(digits)) ? ok : notValid;
  }

  // ---- memory ----

  get #space(): number | undefined {
    return this.#isPhysical ? undefined : this.#selected;
  }

  #readMemory(text: string): string {
    const [from, length] = text.split(',');
    const at = address(from);
    const count = size(length);
    if (at === undefined || count === undefined) return notValid;
    if (count === 0) return '';
    const bytes = this.#debugger.read(at, Math.min(count, longestRead), this.#space);
    return bytes.length === 0 ? noMemory : bytes.toString('hex');
  }

  #writeHex(text: string): string {
    const [where = '', digits = ''] = text.split(':');
    return isHex(digits) ? this.#write(where, Buffer.from(digits, 'hex')) : notValid;
  }

  #writeBinary(data: Buffer): string {
    const colon = data.indexOf(':');
    if (colon < 0) return notValid;
    return this.#write(data.toString('latin1', 1, colon), data.subarray(colon + 1));
  }

  #write(where: string, data: Buffer): string {
    const [from, length] = where.split(',');
    const at = address(from);
    if (at === undefined || size(length) !== data.length) return notValid;
    return this.#debugger.write(at, data, this.#space) === data.length ? ok : noMemory;
  }

  // ---- stops ----

  #insert(text: string): string {
    const [type = '', where, kind] = text.split(/[,;]/);
    const at = address(where);
    const length = address(kind);
    if (at === undefined || length === undefined) return notValid;
    if (this.#breakpoints.size + this.#watches.size >= mostPoints) return noRoom;
    switch (type) {
      case '0':
      case '1':
        if (at % 4n !== 0n) return notValid;
        this.#breakpoints.add(at);
        break;
      case '2':
      case '3':
      case '4': {
        if (length === 0n || length > longestWatch || at + length > 1n << 64n) return notValid;
        const report = ({ '2': 'watch', '3': 'rwatch', '4': 'awatch' } as const)[type];
        const last = at + length - 1n;
        this.#watches.set(text, { first: at, last, reads: type !== '2', writes: type !== '3', report });
        break;
      }
      default:
        return unsupported;
    }
    this.#changed = true;
    return ok;
  }

  #remove(text: string): string {
    const [type = '', where] = text.split(/[,;]/);
    const at = address(where);
    if (at === undefined || !/^[0-4]$/.test(type)) return type === '' ? notValid : unsupported;
    if (type === '0' || type === '1') this.#breakpoints.delete(at);
    else this.#watches.delete(text);
    this.#changed = true;
    return ok;
  }

  // ---- going on ----

  #resumeFrom(where: string, steps: boolean): string | undefined {
    if (where !== '') {
      const pc = address(where);
      if (pc === undefined || !this.#debugger.writeRegister(this.#selected, 'pc', pc)) return notValid;
    }
    return this.#continue(steps ? `s:${this.#thread(this.#selected)};c` : 'c');
  }

  /** vCont: the first action that names a CPU is its; a CPU that none names stays where it is. */
  #continue(text: string): string | undefined {
    const actions = Array<NativeDebuggerAction>(this.#debugger.cpus).fill('hold');
    const named = Array<boolean>(this.#debugger.cpus).fill(false);
    for (const part of text.split(';')) {
      const [action = '', thread = '-1'] = part.split(':');
      const which = this.#threadOf(thread);
      const does = /^c$|^C[0-9a-fA-F]{2}$/.test(action)
        ? 'run'
        : /^s$|^S[0-9a-fA-F]{2}$/.test(action)
          ? 'step'
          : undefined;
      if (does === undefined || which === undefined) return notValid;
      for (let cpu = 0; cpu < actions.length; cpu++) {
        if (named[cpu] || (which !== 'all' && which !== cpu)) continue;
        named[cpu] = true;
        actions[cpu] = does;
      }
    }
    if (!named.includes(true)) return notValid;
    if (this.#changed) {
      this.#changed = false;
      this.#debugger.setPoints(this, { breakpoints: [...this.#breakpoints], watchpoints: [...this.#watches.values()] });
    }
    this.#waits = true;
    this.#debugger.resume(actions);
    return undefined;
  }

  #stopped(stop: DebuggerStop): void {
    this.#stop = stop;
    this.#selected = stop.cpu;
    if (!this.#waits) return;
    this.#waits = false;
    this.#send(this.#stopReply());
  }

  #stopReply(): string {
    const { cpu, kind, address: at } = this.#stop;
    if (kind === 'pause') return `T${interruptSignal}thread:${this.#thread(cpu)};`;
    return `T${trapSignal}${this.#watchReport(kind, at)}thread:${this.#thread(cpu)};`;
  }

  #watchReport(kind: DebuggerStop['kind'], at: bigint): string {
    if (kind !== 'read' && kind !== 'write') return '';
    for (const { first, last, reads, writes, report } of this.#watches.values()) {
      if (at >= first && at <= last && (kind === 'read' ? reads : writes)) return `${report}:${at.toString(16)};`;
    }
    return '';
  }

  #kill(): void {
    this.#ended = true;
    this.#forgetStops();
    this.#debugger.kill();
    this.#output.close();
  }

  /** What "monitor" of gdb sends. */
  #command(text: string): string {
    switch (text) {
      case 'help':
        return hexText(
          'help     these words\ncpus     where each CPU is\nphys     memory by physical addresses\nvirt     memory by virtual addresses\n',
        );
      case 'cpus':
        return hexText(this.#listCpus());
      case 'phys':
      case 'virt':
        this.#isPhysical = text === 'phys';
        return ok;
      default:
        return hexText(`unknown: ${text}; try: monitor help\n`);
    }
  }

  #listCpus(): string {
    const lines = Array.from({ length: this.#debugger.cpus }, (_unused, cpu) => {
      const state = this.#debugger.registers(cpu);
      return state === undefined ? `CPU ${cpu} off` : `CPU ${cpu} EL${state.el} pc ${state.pc} sp ${state.sp}`;
    });
    return `${lines.join('\n')}\n`;
  }
}
