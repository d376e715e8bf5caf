// A guest in its own process: the machine, what it writes, and what becomes of it. Everything that must outlive the
// process goes to files before anybody is told.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { BeelineError, messageOf } from '../../errors.js';
import type { ConsoleSize } from '../../monitor/domains/console.js';
import type { Place, Points, Registers } from '../../monitor/domains/cpu.js';
import type { Disk } from '../../monitor/domains/disk.js';
import type { Card, ForwardChange, HostEnd, LinkChange } from '../../monitor/domains/network.js';
import type { VmForward } from '../../monitor/domains/vm.js';
import type { StateCause, VmState } from '../../monitor/types.js';
import type {
  Addon,
  BlockOrder,
  ExitReason,
  Forward,
  NativeBalloon,
  NativeDebuggerPoints,
  NativeHotBlocks,
  NativeMachine,
  NativeMachineConfig,
  NativeStats,
} from '../../native/addon.js';
import { type DebuggerHost, type DebuggerStop, MachineDebugger } from '../../vm/debugger.js';
import { createMachine, fromNative } from '../../vm/machine.js';
import { ConsoleWatcher } from '../../vm/matcher.js';
import type { PanicAction } from '../../vm/outcome.js';
import { describeMachine } from '../../vm/snapshot.js';
import { ConsoleWriter } from '../console-store.js';
import type { GuestFolder } from '../guest-folder.js';
import { JournalWriter } from '../journal-files.js';
import { GuestTrace } from './guest-trace.js';
import {
  type GuestEvent,
  type GuestNotice,
  guestJournalLimits,
  type MemoryBytes,
  type MemoryRange,
  type StartFile,
} from './protocol.js';

/** How long a panicking kernel may go on printing its last words, in milliseconds. */
const panicGrace = 2000;
/** How often counters are noted for a report of a crash, in milliseconds. */
const noteInterval = 10_000;
/** Guests that reset without end are told of this often, in milliseconds. */
const resetInterval = 1000;
/** How often bytes are offered again that the serial port did not take, in milliseconds. */
const retryInterval = 20;
/** Bytes that may wait for the guest beyond what the serial port holds. */
const largestBacklog = 256 * 1024;

function nativePoints({ breakpoints, watchpoints }: Points): NativeDebuggerPoints {
  return {
    breakpoints: breakpoints.map((address) => BigInt(address)),
    watchpoints: watchpoints.map(({ address, length, access }) => ({
      first: BigInt(address),
      last: BigInt.asUintN(64, BigInt(address) + BigInt(length - 1)),
      reads: access !== 'write',
      writes: access !== 'read',
    })),
  };
}

/** Addresses that are the default are empty in the core, and left out elsewhere. */
function nativeForward({ hostAddress = '', guestAddress = '', ...ports }: VmForward): Forward {
  return { hostAddress, guestAddress, ...ports };
}

function shownForward({ hostAddress, guestAddress, ...ports }: Forward): VmForward {
  return { ...ports, ...(hostAddress !== '' && { hostAddress }), ...(guestAddress !== '' && { guestAddress }) };
}

export interface GuestListener {
  tell(notice: GuestNotice): void;
  happened(event: GuestEvent): void;
  /** The guest has come to its end, and all about it is in files. */
  ended(): void;
}

export class Guest {
  readonly #folder: GuestFolder;
  readonly #listener: GuestListener;
  readonly #console: ConsoleWriter;
  readonly #journal: JournalWriter<GuestEvent>;
  #watcher = this.#watch();
  readonly #config: NativeMachineConfig;
  readonly #machine: NativeMachine;
  readonly #start: StartFile;
  readonly debugger: MachineDebugger;
  readonly trace: GuestTrace;
  #state: VmState = 'starting';
  /** What the monitor has set, and whose it is for the debugger. */
  #points: Points = { breakpoints: [], watchpoints: [] };
  readonly #monitorPoints = {};
  /** A CPU of a paused guest makes a step. */
  #steps = false;
  /** What to give as the cause when the machine stops because we ended it. */
  #ending: { readonly cause: StateCause; readonly detail: string } | undefined;
  #panicked = false;
  #panicAction: PanicAction;
  #lacksSpace = false;
  #hasRun = false;
  #panicTimer: NodeJS.Timeout | undefined;
  #noteTimer: NodeJS.Timeout | undefined;
  #resetTimer: NodeJS.Timeout | undefined;
  #resetsUntold = 0;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #retryTimer: NodeJS.Timeout | undefined;

  /** Throws BeelineError when the machine cannot be made. */
  constructor(addon: Addon, folder: GuestFolder, start: StartFile, listener: GuestListener) {
    this.#folder = folder;
    this.#start = start;
    this.#panicAction = start.endOnPanic ? 'shutdown' : 'none';
    this.#listener = listener;
    this.#console = new ConsoleWriter(folder.console);
    this.#journal = new JournalWriter(folder.events, guestJournalLimits);
    const { drives = [], networks = [], balloon = 'none', shares = [], ports = [] } = start.config;
    this.#config = { ...start.config, drives, networks, balloon, shares, ports };
    this.#machine = createMachine(addon, this.#config, {
      onSerial: (data) => this.#onSerial(data),
      onPause: (reason) => {
        this.#lacksSpace = true;
        this.#halted('guest', reason, { cpu: 0, kind: 'pause', address: 0n });
      },
      onGuestReset: (count) => this.#onGuestReset(count),
      onDebuggerStop: (cpu, kind, address) => this.#halted('debugger', kind, { cpu, kind, address }),
      onExit: (reason, detail) => this.#onExit(reason, detail),
    });
    this.debugger = new MachineDebugger(this.#machine, start.config.cpus, this.#debuggerHost());
    this.trace = new GuestTrace(start.name, this.#machine, {
      registerName: (key) => addon.systemRegisterName(key),
      whileStill: (change) => this.#whileStill('traced', change),
    });
  }

  get state(): VmState {
    return this.#state;
  }

  #debuggerHost(): DebuggerHost {
    const guest = this;
    return {
      get isPaused() {
        return guest.#state !== 'running' && !guest.#steps;
      },
      pause: () => {
        if (this.#state !== 'running' && !this.#steps) return;
        this.#machine.pause();
        this.#halted('debugger', '', { cpu: 0, kind: 'pause', address: 0n });
      },
      resume: (actions) => {
        if (this.#state !== 'paused') return;
        this.#machine.debuggerResume(actions);
        // A step is over before anybody could make use of the news.
        this.#steps = !actions.includes('run') && actions.includes('step');
        if (!this.#steps) this.#enter('running', 'debugger');
      },
      kill: () => this.stop('debugger'),
    };
  }

  #halted(cause: StateCause, detail: string, stop: DebuggerStop): void {
    this.#steps = false;
    if (this.#state === 'running') this.#enter('paused', cause, detail);
    if (stop.kind !== 'pause' && stop.kind !== 'step') this.#tellStop(stop);
    this.debugger.stopped(stop);
  }

  get panicked(): boolean {
    return this.#panicked;
  }

  /** false: it was started paused and has executed nothing yet. */
  get hasRun(): boolean {
    return this.#hasRun;
  }

  begin(): void {
    if (this.#start.paused) this.#machine.pause();
    this.#machine.start();
    this.#enter(this.#start.paused ? 'paused' : 'running', 'request');
    this.#note();
    this.#noteTimer = setInterval(() => this.#note(), noteInterval);
  }

  pause(): void {
    this.#mustRun('paused');
    if (this.#state === 'paused' && !this.#steps) return;
    this.#machine.pause();
    this.#halted('request', '', { cpu: 0, kind: 'pause', address: 0n });
  }

  resume(): void {
    this.#mustRun('resumed');
    if (this.#state === 'running') return;
    this.#steps = false;
    this.debugger.letGo();
    this.#enter('running', 'request');
  }

  reset(): void {
    this.#mustRun('reset');
    this.#tellResets();
    this.#machine.reset();
    this.#bootAnew();
    this.#record('vm.reset', { cause: 'request', count: 1 });
  }

  /** `name`: to be told of; without one, whoever asks tells. */
  async saveSnapshot(path: string, name?: string): Promise<void> {
    this.#mustRun('saved');
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      await this.#machine.saveSnapshot(path, describeMachine(this.#config));
    } catch (error) {
      throw fromNative(error);
    }
    if (name !== undefined) this.#record('snapshot.saved', { name });
  }

  async loadSnapshot(path: string, name?: string): Promise<void> {
    this.#mustRun('loaded');
    try {
      await this.#machine.loadSnapshot(path);
    } catch (error) {
      throw fromNative(error);
    }
    this.#bootAnew();
    if (name !== undefined) this.#record('snapshot.loaded', { name });
  }

  powerdown(): void {
    this.#mustRun('powered down');
    this.#machine.powerdown();
    this.#record('vm.powerdown', {});
  }

  /** The machine's exit follows. */
  stop(cause: StateCause, detail = ''): void {
    this.#ending ??= { cause, detail };
    this.#machine.stop();
  }

  write(bytes: Uint8Array): number {
    this.#mustRun('typed to');
    if (this.#unsentBytes + bytes.length > largestBacklog) {
      throw new BeelineError('BEELINE_E_CONSOLE_FULL', { vm: this.#start.name });
    }
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    if (this.#retryTimer === undefined) this.#sendWaiting();
    return bytes.length;
  }

  /** `port` is its place in the config. */
  resizeConsole(port: number, { columns, rows }: ConsoleSize): void {
    this.#mustRun('given another size');
    this.#machine.resizeConsole(port, columns, rows);
  }

  stats(): NativeStats {
    return this.#machine.stats();
  }

  get drives(): readonly { readonly path: string }[] {
    return this.#start.config.drives ?? [];
  }

  disks(): Disk[] {
    const { drives: all } = this.#machine.stats();
    return this.#config.drives.flatMap(({ path, readonly, snapshot }, index) => {
      const stats = all[index];
      return stats === undefined ? [] : [{ path, readonly, snapshot, ...stats }];
    });
  }

  /** The device tree that the guest has. */
  dtb(): Buffer {
    return this.#machine.dtb();
  }

  /** What follows when its kernel panics. */
  get panicAction(): PanicAction {
    return this.#panicAction;
  }

  setPanicAction(action: PanicAction): void {
    this.#panicAction = action;
  }

  setReboot(mayReboot: boolean): void {
    this.#machine.setNoReboot(!mayReboot);
  }

  /** It has paused since the host had no room for what it writes. */
  get lacksSpace(): boolean {
    return this.#lacksSpace;
  }

  counters() {
    const { elapsedSeconds, cpus, direct, switches, board } = this.#machine.stats();
    return { elapsedSeconds, cpus, direct, switches, board };
  }

  hotBlocks(top: number, by: BlockOrder): NativeHotBlocks {
    this.#mustRun('asked for its blocks');
    if (!this.#config.keepDetails) throw new BeelineError('BEELINE_E_BLOCKS_UNCOUNTED', { vm: this.#start.name });
    if (this.#steps) throw this.#refusal('asked for its blocks', 'wait for the step to end');
    const hot = this.debugger.whileStill(() => this.#machine.hotBlocks(top, by));
    if (hot === undefined) throw this.#refusal('asked for its blocks', 'it has just ended; start it again');
    return hot;
  }

  #whileStill(action: string, change: () => boolean): void {
    this.#mustRun(action);
    if (this.#steps) throw this.#refusal(action, 'wait for the step to end');
    if (!this.debugger.whileStill(change)) throw this.#refusal(action, 'it has just ended; start it again');
  }

  /** Of a paused guest, or of a CPU that is halted alone. */
  registers(cpu: number): Registers {
    const isAlone = this.#state === 'running' && this.debugger.held.includes(cpu);
    if (!isAlone) this.#mustBePaused('looked into', cpu);
    const state = isAlone ? this.#stateOfHeld(cpu) : this.#machine.cpuState(cpu);
    if (state === undefined) throw new BeelineError('BEELINE_E_CPU_OFF', { vm: this.#start.name, cpu });
    return state;
  }

  /** At least one byte. */
  read({ address, length, space, cpu }: MemoryRange): Buffer {
    const isVirtual = space !== 'physical';
    if (isVirtual) this.#mustBePaused('read by virtual addresses', cpu ?? 0);
    else this.#mustRun('read');
    const bytes = this.#machine.readMemory(BigInt(address), length, isVirtual ? (cpu ?? 0) : undefined);
    if (bytes.length > 0) return bytes;
    throw new BeelineError('BEELINE_E_ADDRESS', { space: isVirtual ? 'virtual' : 'physical', address });
  }

  #tellStop({ cpu, kind, address }: DebuggerStop): void {
    const pc = this.#machine.cpuState(cpu)?.pc ?? '0x0';
    const at = kind === 'breakpoint' ? null : `0x${address.toString(16)}`;
    this.#record('cpu.stopped', { cpu, reason: kind, pc, address: at });
  }

  cards(): Card[] {
    const all = this.#machine.networks();
    return this.#config.networks.flatMap(({ kind, restrict, interface: name, bus }, index) => {
      const card = all[index];
      if (card === undefined) return [];
      const { mac, linkUp, forwards } = card;
      return {
        kind,
        mac,
        bus: bus ?? 'mmio',
        link: linkUp ? 'up' : 'down',
        restrict,
        interface: kind === 'tap' ? name : null,
        forwards: forwards.map(shownForward),
      };
    });
  }

  addForward({ card = 0, ...forward }: ForwardChange): void {
    this.#mustHaveCard(card);
    const failure = this.#machine.addForward(card, nativeForward(forward));
    if (failure !== undefined) throw new BeelineError('BEELINE_E_FORWARD', failure);
    this.#record('network.forwardAdded', { card, ...forward });
  }

  removeForward({ card = 0, ...end }: HostEnd): void {
    this.#mustHaveCard(card);
    if (!this.#machine.removeForward(card, nativeForward({ ...end, guestPort: 0 }))) {
      const { protocol, hostPort: port, hostAddress: address = '0.0.0.0' } = end;
      throw new BeelineError('BEELINE_E_FORWARD_UNKNOWN', { vm: this.#start.name, protocol, port, address });
    }
    this.#record('network.forwardRemoved', { card, ...end });
  }

  setLink({ card = 0, link }: LinkChange): void {
    this.#mustHaveCard(card);
    const isNew = this.#machine.networks()[card]?.linkUp !== (link === 'up');
    this.#machine.setLink(card, link === 'up');
    if (isNew) this.#record('network.link', { card, link });
  }

  #mustHaveCard(card: number): void {
    this.#mustRun('given another network');
    if (card < this.#config.networks.length) return;
    throw new BeelineError('BEELINE_E_CARD_UNKNOWN', { vm: this.#start.name, card });
  }

  setBalloon(bytes: number): boolean {
    return this.#machine.setBalloon(bytes);
  }

  balloonBytes(): number | undefined {
    return this.#machine.balloon()?.bytes;
  }

  balloon(bytes?: number): NativeBalloon {
    this.#mustRun('asked about its memory');
    if (bytes !== undefined) this.#machine.setBalloon(bytes);
    const balloon = this.#machine.balloon();
    if (balloon === undefined) throw new BeelineError('BEELINE_E_BALLOON', { vm: this.#start.name });
    return balloon;
  }

  /** At least one byte. */
  writeMemory({ address, base64, space, cpu }: MemoryBytes): number {
    const isVirtual = space !== 'physical';
    if (isVirtual) this.#mustBePaused('written by virtual addresses', cpu ?? 0);
    else this.#mustRun('written');
    const bytes = Buffer.from(base64, 'base64');
    const written = this.#machine.writeMemory(BigInt(address), bytes, isVirtual ? (cpu ?? 0) : undefined);
    if (written > 0) return written;
    throw new BeelineError('BEELINE_E_ADDRESS', { space: isVirtual ? 'virtual' : 'physical', address });
  }

  /** All of it, or one CPU alone. */
  halt(cpu: number | undefined): Place[] {
    if (cpu !== undefined) return [this.#haltAlone(cpu)];
    this.pause();
    return Array.from({ length: this.debugger.cpus }, (_unused, index) => this.#placeOf(index));
  }

  #haltAlone(cpu: number): Place {
    this.#mustHave(cpu);
    this.#mustRun('halted');
    if (this.#steps) throw this.#refusal('halted', 'wait for the step to end');
    const isNew = this.debugger.hold(cpu);
    const pc = this.#stateOfHeld(cpu)?.pc ?? null;
    if (isNew) this.#record('cpu.halted', { cpu, pc });
    return { cpu, pc };
  }

  /** Ends what halt() of one CPU did. */
  release(cpu: number): void {
    this.#mustHave(cpu);
    this.#mustRun('resumed');
    if (this.#steps) throw this.#refusal('resumed', 'wait for the step to end');
    if (this.debugger.release(cpu)) this.#record('cpu.resumed', { cpu });
  }

  /** It stands still, but registers can be read only while all do. */
  #stateOfHeld(cpu: number) {
    return this.debugger.whileStill(() => this.#machine.cpuState(cpu));
  }

  #placeOf(cpu: number): Place {
    return { cpu, pc: this.#machine.cpuState(cpu)?.pc ?? null };
  }

  async step(cpu: number, count: number): Promise<Place> {
    for (let done = 0; done < count; done++) {
      this.#mustBePaused('stepped', cpu);
      if (this.#steps) throw this.#refusal('stepped twice at once', 'wait for the first step to end');
      if (this.#machine.cpuState(cpu) === undefined) {
        throw new BeelineError('BEELINE_E_CPU_OFF', { vm: this.#start.name, cpu });
      }
      // Steps need somebody whose points they go by, be there none.
      this.debugger.setPoints(this.#monitorPoints, nativePoints(this.#points));
      await new Promise<void>((resolve) => {
        const forget = this.debugger.onStop(() => {
          forget();
          resolve();
        });
        const actions = Array.from({ length: this.debugger.cpus }, (_unused, index) =>
          index === cpu ? ('step' as const) : ('hold' as const),
        );
        this.debugger.resume(actions);
      });
    }
    return this.#placeOf(cpu);
  }

  setPoints(points: Points): void {
    this.#mustRun('given breakpoints');
    this.#points = points;
    const isEmpty = points.breakpoints.length + points.watchpoints.length === 0;
    this.debugger.setPoints(this.#monitorPoints, isEmpty ? undefined : nativePoints(points));
  }

  points(): Points {
    return this.#points;
  }

  #mustHave(cpu: number): void {
    if (cpu < this.#start.config.cpus) return;
    throw new BeelineError('BEELINE_E_CPU_UNKNOWN', { vm: this.#start.name, cpu });
  }

  #mustBePaused(action: string, cpu: number): void {
    this.#mustHave(cpu);
    if (this.#state !== 'paused') throw this.#refusal(action, 'pause it first');
  }

  #mustRun(action: string): void {
    if (this.#state === 'running' || this.#state === 'paused') return;
    throw this.#refusal(action, 'start it first');
  }

  #refusal(action: string, remedy: string): BeelineError {
    return new BeelineError('BEELINE_E_VM_STATE', { vm: this.#start.name, action, state: this.#state, remedy });
  }

  #sendWaiting(): void {
    this.#retryTimer = undefined;
    while (this.#state === 'running' || this.#state === 'paused') {
      const next = this.#unsent[0];
      if (next === undefined) return;
      const taken = this.#machine.serialWrite(next);
      this.#unsentBytes -= taken;
      if (taken < next.length) {
        this.#unsent[0] = next.subarray(taken);
        this.#retryTimer = setTimeout(() => this.#sendWaiting(), retryInterval);
        return;
      }
      this.#unsent.shift();
    }
  }

  #onSerial(data: Uint8Array): void {
    this.#console.write(data);
    this.#listener.tell('console');
    this.#watcher.push(data);
  }

  /** For panics of one boot. */
  #watch(): ConsoleWatcher {
    return new ConsoleWatcher([], undefined, {
      onSend: () => undefined,
      onUntil: () => undefined,
      onPanic: () => this.#onPanic(),
      onPanicEnd: () => this.#actOnPanic(),
    });
  }

  #onPanic(): void {
    this.#panicked = true;
    this.#record('vm.panicked', {});
    if (this.#panicAction !== 'none') this.#panicTimer = setTimeout(() => this.#actOnPanic(), panicGrace);
  }

  #actOnPanic(): void {
    clearTimeout(this.#panicTimer);
    if (this.#state !== 'running' && this.#state !== 'paused') return;
    if (this.#panicAction === 'pause') this.pause();
    else if (this.#panicAction !== 'none') this.stop('panic');
  }

  #onExit(reason: ExitReason, detail: string): void {
    clearInterval(this.#noteTimer);
    clearTimeout(this.#panicTimer);
    clearTimeout(this.#retryTimer);
    this.#tellResets();
    clearTimeout(this.#resetTimer);
    this.#note();
    const cause = this.#ending?.cause ?? this.#causeOf(reason);
    const words = this.#ending?.detail ?? (reason === 'internal_error' ? detail : '');
    this.#enter(cause === 'failure' ? 'crashed' : 'stopped', cause, words);
    // Nobody waits for a step any more.
    this.debugger.stopped({ cpu: 0, kind: 'pause', address: 0n });
    this.#console.close();
    this.#journal.close();
    this.#listener.ended();
  }

  #causeOf(reason: ExitReason): StateCause {
    if (reason === 'stopped' || reason === 'internal_error') return 'failure';
    if (this.#panicked) return 'panic';
    return reason === 'reset' ? 'reset' : 'guest';
  }

  #enter(to: VmState, cause: StateCause, detail = ''): void {
    const from = this.#state;
    this.#state = to;
    this.#hasRun ||= to === 'running';
    if (to === 'running') this.#lacksSpace = false;
    this.#record('vm.state', { from, to, cause, detail });
  }

  #record(event: string, data: object): void {
    const record = { seq: this.#journal.nextSeq, time: new Date().toISOString(), event, data };
    try {
      this.#journal.append(record);
    } catch (error) {
      process.stderr.write(`${record.time} the event ${event} cannot be kept: ${messageOf(error)}\n`);
    }
    this.#listener.tell('event');
    this.#listener.happened(record);
  }

  #onGuestReset(count: number): void {
    this.#resetsUntold += count;
    this.#bootAnew();
    if (this.#resetTimer === undefined) this.#tellResets();
  }

  #tellResets(): void {
    clearTimeout(this.#resetTimer);
    this.#resetTimer = undefined;
    if (this.#resetsUntold === 0) return;
    this.#record('vm.reset', { cause: 'guest', count: this.#resetsUntold });
    this.#resetsUntold = 0;
    this.#resetTimer = setTimeout(() => this.#tellResets(), resetInterval);
  }

  #bootAnew(): void {
    this.#panicked = false;
    clearTimeout(this.#panicTimer);
    this.#watcher = this.#watch();
    // The kernel that comes now would wait for them.
    for (const cpu of this.debugger.held) this.release(cpu);
  }

  #note(): void {
    const { elapsedSeconds, cpus, board } = this.#machine.stats();
    const instructions = cpus.reduce((sum, counters) => sum + (counters.instructions ?? 0), 0);
    try {
      this.#folder.writeCounters({ at: new Date().toISOString(), elapsedSeconds, instructions, board });
    } catch (error) {
      process.stderr.write(`counters cannot be noted: ${messageOf(error)}\n`);
      // Nobody can find a guest without its folder any more, neither to use it nor to end it.
      if (!existsSync(this.#folder.path)) this.stop('killed', 'its folder is gone');
    }
  }
}
