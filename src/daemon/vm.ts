// One guest as the daemon sees it: its record, its process while it has one, and what is to be done when that ends.
import { rmSync } from 'node:fs';
import { writeFileAtomically } from '../atomic-file.js';
import { BeelineError, messageOf } from '../errors.js';
import type { ConsoleSize } from '../monitor/domains/console.js';
import type { Points } from '../monitor/domains/cpu.js';
import type { Snapshot } from '../monitor/domains/snapshot.js';
import type { TraceRange, TraceSettings } from '../monitor/domains/trace.js';
import type { VmStatus } from '../monitor/domains/vm.js';
import type { EventData, EventName, Result } from '../monitor/protocol.js';
import type { StateCause, VmState } from '../monitor/types.js';
import type { BlockOrder, NativeBalloon } from '../native/addon.js';
import { ConsoleReader } from './console-store.js';
import type { LoggedEvent } from './event-log.js';
import { checkDisk, checkPaths, readDisk, realPaths } from './given-files.js';
import type { GuestEvent, MemoryBytes, MemoryRange, StartFile } from './guest/protocol.js';
import { GuestFolder, removeGuest } from './guest-folder.js';
import { type LaunchedGuest, launchGuest } from './guest-launcher.js';
import { GuestLink, type GuestParams } from './guest-link.js';
import type { GuestUser } from './guest-user.js';
import { JournalReader } from './journal-files.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';
import { consolePort, nativeConfig } from './vm-config.js';
import { applyEvent, type VmRecord, writeRecord } from './vm-record.js';

/** Lines of the console in a report of a crash. */
const reportedLines = 20;
const defaultRestartLimit = 5;
const longestRestartDelay = 60;
/** A run of this many seconds makes the next failure count as the first. */
const healthySeconds = 60;
/** How long a process may take to appear after the daemon that started it has died, in milliseconds. */
const appearanceLimit = 15_000;
/** Viewers are woken for what the console writes this often at most, in milliseconds. */
const consoleInterval = 10;
/** Counters that are no older are good for everybody who samples them, in milliseconds. */
const countersAge = 50;
/** How long a process may take to answer or to die, in milliseconds. */
const processGrace = 5000;
const pollInterval = 50;
/** How long a guest's process may take to write or read all of it, in milliseconds. */
const snapshotLimit = 600_000;
/** How long a machine may take to end when it is told to, in milliseconds. */
const endLimit = 10_000;

/** What a guest needs from its surroundings. */
export interface VmHost {
  readonly sandbox: boolean;
  /** Whose the processes of guests are. */
  readonly user: GuestUser | undefined;
  /** Throws what that user may not do with the files that the machine is made of; returns it with those that it may. */
  handOver(config: StartFile['config']): Promise<StartFile['config']>;
  /** Writes to the journal; the event comes back through apply(). */
  emit(vm: Vm, event: EventName, data: unknown, from?: { readonly time: string; readonly source: number }): void;
  /** Throws BEELINE_E_LIMIT when the host has no room for another guest. */
  admit(vm: Vm): void;
  log(level: 'info' | 'warn' | 'error', vm: string, message: string): void;
}

export interface VmListener {
  onConsole?(): void;
  onDeleted?(): void;
}

export interface StartOptions {
  /** Execute nothing yet. */
  readonly paused?: boolean;
  /** The file to go on from. */
  readonly snapshot?: string;
  /** Take the files for what they are now. */
  readonly acceptFiles?: boolean;
}

type Drive = NonNullable<StartFile['config']['drives']>[number];

const living: ReadonlySet<VmState> = new Set<VmState>(['starting', 'running', 'paused']);

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export class Vm {
  readonly folder: GuestFolder;
  readonly console: ConsoleReader;
  readonly #host: VmHost;
  readonly #events: JournalReader<GuestEvent>;
  readonly #listeners = new Set<VmListener>();
  #record: VmRecord;
  #link: GuestLink | undefined;
  #launched: LaunchedGuest | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #consoleTimer: NodeJS.Timeout | undefined;
  #consoleSeenAt = 0;
  #sample: { readonly at: number; readonly counters: Promise<Result<'perf.counters'>> } | undefined;
  /** Of consoles, by their place among the ports. */
  readonly #sizes = new Map<number, ConsoleSize>();
  #queue: Promise<unknown> = Promise.resolve();
  #stateWaiters = new Set<() => void>();
  #closing = false;

  constructor(host: VmHost, folder: string, record: VmRecord) {
    this.#host = host;
    this.#record = record;
    this.folder = new GuestFolder(folder);
    this.console = new ConsoleReader(this.folder.console);
    this.#events = new JournalReader(this.folder.events);
  }

  get record(): VmRecord {
    return this.#record;
  }

  get name(): string {
    return this.#record.name;
  }

  get isLiving(): boolean {
    return living.has(this.#record.state);
  }

  status(): VmStatus {
    const { name, id, state, cause, detail, since, createdAt, startedAt, restarts, panicked } = this.#record;
    const { memoryBytes, cpus, config, haltedCpus = [] } = this.#record;
    const pid = this.isLiving ? (this.#process()?.pid ?? null) : null;
    const consoleEnd = this.console.end();
    return {
      ...{ name, id, state, cause, detail, since, createdAt, startedAt, pid, restarts, panicked },
      ...{ memoryBytes, cpus, haltedCpus, consoleEnd, config },
    };
  }

  addListener(listener: VmListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes an event of the journal into the record. */
  apply(event: LoggedEvent): void {
    this.#record = applyEvent(this.#record, event);
    this.#save();
    for (const waiter of this.#stateWaiters) waiter();
  }

  #save(): void {
    try {
      writeRecord(this.folder.record, this.#record);
    } catch (error) {
      this.#host.log('error', this.name, `its record cannot be written: ${messageOf(error)}`);
    }
  }

  #change(changes: Partial<VmRecord>): void {
    this.#record = { ...this.#record, ...changes };
    this.#save();
  }

  /** One after the other: starts, stops and deletions of a guest. */
  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  // ---- Starting -----------------------------------------------------------------------------------------------------

  start(cause: StateCause, options: StartOptions = {}): Promise<void> {
    return this.#exclusively(() => this.#start(cause, options));
  }

  async #start(cause: StateCause, { paused = false, snapshot, acceptFiles = false }: StartOptions): Promise<void> {
    if (this.isLiving) throw this.#refusal('started', 'stop it first');
    await this.#endLastProcess();
    const machine = await this.#host.handOver(nativeConfig(this.#record.config));
    const config = { ...machine, ...(snapshot !== undefined && { snapshot }) };
    const backing = this.#settleFiles(config.drives ?? [], acceptFiles);
    this.#host.admit(this);
    clearTimeout(this.#restartTimer);
    const start = this.#record.starts + 1;
    const endOnPanic = this.#record.config.restart !== undefined && this.#record.config.restart.when !== 'never';
    const { id } = this.#record;
    const { sandbox, user } = this.#host;
    const file: StartFile = { name: this.name, id, start, paused, endOnPanic, sandbox, backing, config };
    writeFileAtomically(this.folder.start, JSON.stringify(file));
    this.folder.removeClaimsBefore(start);
    rmSync(this.folder.counters, { force: true });
    this.#change({ starts: start, memoryBytes: config.memoryBytes, cpus: config.cpus, process: null });
    this.#enter('starting', cause);
    const launched = launchGuest(this.folder, this.name, { sandbox, user });
    this.#launched = launched;
    this.#change({ process: (launched.pid === undefined ? undefined : identify(launched.pid)) ?? null });
    try {
      await launched.ready;
    } catch (error) {
      launched.kill();
      await launched.ended;
      this.drain();
      if (this.isLiving) this.#enter('crashed', 'failure', messageOf(error));
      this.#settle();
      throw error;
    }
    try {
      await this.#connect();
    } catch {
      // It has ended already; its journal tells how.
      await this.#onProcessGone(start);
    }
    for (const [port, size] of this.#sizes)
      this.#link?.request('resizeConsole', { port, ...size }).catch(() => undefined);
    if (this.#record.state === 'starting') await this.#untilState((state) => state !== 'starting', processGrace);
  }

  /** The files below the drives. What the guest's own files were when it first started is kept, and is what they may be. */
  #settleFiles(drives: readonly Drive[], accept: boolean): string[] {
    const paths = realPaths(this.#record.config);
    const now = drives.map(readDisk);
    const own = new Set(this.#record.config.drives?.map(({ path }) => path));
    const known = accept ? [] : (this.#record.disks ?? []);
    if (this.#host.sandbox) {
      if (!accept) checkPaths(this.name, this.#record.paths ?? {}, paths);
      for (const disk of now) {
        const before = known.find(({ path }) => path === disk.path);
        if (before !== undefined) checkDisk(this.name, before, disk);
      }
    }
    if (known.length === 0) this.#change({ disks: now.filter(({ path }) => own.has(path)) });
    if (accept || this.#record.paths === undefined) this.#change({ paths });
    return now.flatMap(({ backing }) => backing);
  }

  /** A process that has told of its end and lives on has no business with what the next one is given. */
  async #endLastProcess(): Promise<void> {
    const identity = this.#process();
    const deadline = Date.now() + processGrace;
    while (identity !== undefined && isAlive(identity)) {
      if (Date.now() > deadline) process.kill(identity.pid, 'SIGKILL');
      await sleep(10);
    }
  }

  /**
   * Of the latest start. What the daemon has noted counts: the claim lies where the process writes, and is asked only when the
   * daemon has died before it could note anything.
   */
  #process(): ProcessIdentity | undefined {
    return this.#record.process ?? this.folder.readClaim(this.#record.starts)?.process ?? undefined;
  }

  async #connect(): Promise<void> {
    const start = this.#record.starts;
    this.#link = await GuestLink.open(this.folder.socket, this.name, {
      onNotice: (notice) => {
        if (notice === 'event') this.drain();
        else this.#onConsole();
      },
      onClose: () => {
        this.#link = undefined;
        if (!this.#closing) void this.#onLinkClosed(start);
      },
    });
    this.drain();
    this.#lookAtConsole();
  }

  // ---- Following ----------------------------------------------------------------------------------------------------

  /** At once, and then no more often than the interval says. */
  #onConsole(): void {
    if (this.#consoleTimer !== undefined) return;
    const wait = this.#consoleSeenAt + consoleInterval - performance.now();
    if (wait <= 0) this.#lookAtConsole();
    else this.#consoleTimer = setTimeout(() => this.#lookAtConsole(), wait);
  }

  #lookAtConsole(): void {
    clearTimeout(this.#consoleTimer);
    this.#consoleTimer = undefined;
    this.#consoleSeenAt = performance.now();
    this.console.end();
    for (const listener of this.#listeners) listener.onConsole?.();
  }

  /** Takes what the guest's process has written to its journal into ours. */
  drain(): void {
    for (;;) {
      const events = this.#events.read(this.#record.source, 200);
      const first = events[0];
      if (first === undefined) break;
      const lost = first.seq - this.#record.source - 1;
      if (lost > 0) {
        this.#host.emit(this, 'vm.lost', { count: lost }, { time: first.time, source: first.seq - 1 });
      }
      for (const { seq, time, event, data } of events) {
        this.#host.emit(this, event as EventName, data, { time, source: seq });
      }
    }
    if (!this.isLiving && !this.#record.settled && this.#launched === undefined && this.#link === undefined)
      this.#settle();
  }

  async #onLinkClosed(start: number): Promise<void> {
    const identity = this.#process();
    const deadline = Date.now() + processGrace;
    while (identity !== undefined && isAlive(identity) && Date.now() < deadline) await sleep(pollInterval);
    if (this.#closing || start !== this.#record.starts) return;
    if (identity !== undefined && isAlive(identity)) {
      // Its socket is closed, so nobody can reach it any more.
      process.kill(identity.pid, 'SIGKILL');
      while (isAlive(identity)) await sleep(pollInterval);
    }
    await this.#onProcessGone(start);
  }

  async #onProcessGone(start: number): Promise<void> {
    if (start !== this.#record.starts) return;
    const launched = this.#launched;
    const detail = launched === undefined ? 'its process disappeared' : await launched.ended;
    this.#launched = undefined;
    this.drain();
    this.#lookAtConsole();
    if (this.isLiving) this.#enter('crashed', 'killed', detail);
    this.#settle();
  }

  /** Once for each end: reports a crash and asks the restart policy. */
  #settle(): void {
    if (this.#record.settled || this.isLiving) return;
    this.#launched = undefined;
    if (this.#record.state === 'crashed') {
      const crash: EventData<'vm.crashed'> = {
        detail: this.#record.detail,
        lastLines: this.console.lastLines(reportedLines),
        counters: this.folder.readCounters() ?? null,
      };
      this.#host.emit(this, 'vm.crashed', crash);
      this.#host.log('error', this.name, `the guest crashed: ${crash.detail}`);
    }
    this.#askPolicy();
    this.#change({ settled: true });
  }

  #askPolicy(): void {
    const { config, cause, stopAsked, startedAt, since } = this.#record;
    const policy = config.restart;
    if (policy === undefined || policy.when === 'never' || stopAsked || cause === 'request') return;
    const isFailure = cause === 'killed' || cause === 'failure' || cause === 'panic';
    if (!isFailure && policy.when !== 'always') return;
    const lasted = startedAt === null ? 0 : (Date.parse(since) - Date.parse(startedAt)) / 1000;
    const attempt = lasted >= healthySeconds ? 1 : this.#record.restarts + 1;
    if (attempt > (policy.limit ?? defaultRestartLimit)) {
      this.#host.log('warn', this.name, `it is not started again after ${attempt - 1} restarts in a row`);
      return;
    }
    const delaySeconds = Math.min(2 ** (attempt - 1), longestRestartDelay);
    this.#host.emit(this, 'vm.restart', { attempt, delaySeconds });
    this.#restartIn(delaySeconds);
  }

  #restartIn(seconds: number): void {
    clearTimeout(this.#restartTimer);
    this.#restartTimer = setTimeout(() => {
      if (!this.#record.restartPending) return;
      this.start('policy').catch((error: unknown) => {
        this.#change({ restartPending: false });
        this.#host.log('error', this.name, `it could not be started again: ${messageOf(error)}`);
      });
    }, seconds * 1000);
  }

  // ---- Finding again ------------------------------------------------------------------------------------------------

  /** After a start of the daemon: whether the guest runs, as far as can be told at once. The rest happens by itself. */
  recover(): boolean {
    this.drain();
    if (!this.isLiving) {
      this.#settle();
      if (this.#record.restartPending) this.#restartIn(1);
      return false;
    }
    const identity = this.#process();
    void this.#exclusively(() => this.#recover());
    return identity !== undefined && isAlive(identity);
  }

  async #recover(): Promise<void> {
    const start = this.#record.starts;
    const deadline = Date.now() + appearanceLimit;
    let claim = this.folder.readClaim(start);
    while (claim === undefined && Date.now() < deadline) {
      await sleep(pollInterval);
      claim = this.folder.readClaim(start);
    }
    if (claim === undefined && !this.folder.claim(start, { process: null })) claim = this.folder.readClaim(start);
    const isClaimed = claim !== undefined && claim.process !== null;
    const identity = isClaimed ? this.#process() : undefined;
    while (identity !== undefined && isAlive(identity)) {
      try {
        await this.#connect();
        this.#host.log('info', this.name, `found again as process ${identity.pid}`);
        return;
      } catch {
        // Not listening yet, or dying.
        await sleep(pollInterval);
      }
    }
    await this.#onProcessGone(start);
  }

  // ---- What clients ask for -----------------------------------------------------------------------------------------

  /** Rejects with BEELINE_E_VM_STATE when there is no process. */
  async ask(method: 'pause' | 'resume' | 'reset' | 'powerdown', action: string): Promise<void> {
    await this.#linkFor(action).request(method, {});
    this.drain();
  }

  async write(bytes: Uint8Array): Promise<number> {
    const base64 = Buffer.from(bytes).toString('base64');
    return (await this.#linkFor('typed to').request('write', { base64 })).written;
  }

  /** It keeps the size when it is started again. */
  async resizeConsole(size: ConsoleSize, console?: number): Promise<void> {
    const port = consolePort(this.name, this.#record.config, console);
    this.#sizes.set(port, size);
    if (this.isLiving) await this.#link?.request('resizeConsole', { port, ...size });
  }

  /** Rejects for one that does not run. */
  async counters() {
    return this.#linkFor('measured').request('counters', {});
  }

  /** The same for all who ask within a moment. */
  sampledCounters(): Promise<Result<'perf.counters'>> {
    const now = performance.now();
    if (this.#sample === undefined || now - this.#sample.at > countersAge) {
      this.#sample = { at: now, counters: this.counters() };
    }
    return this.#sample.counters;
  }

  registers(cpu: number) {
    return this.#linkFor('looked into').request('registers', { cpu });
  }

  async read(range: MemoryRange): Promise<string> {
    return (await this.#linkFor('read').request('read', range)).base64;
  }

  dump(name: string) {
    return this.#linkFor('dumped').request('dump', { name }, snapshotLimit);
  }

  disks() {
    return this.#linkFor('asked for its disks').request('disks', {});
  }

  hotBlocks(top: number, by: BlockOrder) {
    return this.#linkFor('asked for its blocks').request('hotBlocks', { top, by });
  }

  startTrace(settings: TraceSettings) {
    return this.#linkFor('traced').request('startTrace', settings);
  }

  async stopTrace(): Promise<void> {
    await this.#linkFor('traced').request('stopTrace', {});
  }

  traceStatus() {
    return this.#linkFor('traced').request('traceStatus', {});
  }

  /** Of one that has just ended, too, as long as its process is there. */
  readTrace(range: TraceRange) {
    return (this.#link ?? this.#linkFor('traced')).request('readTrace', range);
  }

  cards() {
    return this.#linkFor('asked for its network cards').request('cards', {});
  }

  async changeNetwork<M extends 'addForward' | 'removeForward' | 'setLink'>(method: M, change: GuestParams<M>) {
    const done = await this.#linkFor('given another network').request(method, change);
    this.drain();
    return done;
  }

  balloon(bytes?: number): Promise<NativeBalloon> {
    return this.#linkFor('asked about its memory').request('balloon', bytes === undefined ? {} : { bytes });
  }

  async writeMemory(bytes: MemoryBytes): Promise<number> {
    return (await this.#linkFor('written').request('writeMemory', bytes)).written;
  }

  async halt(cpu: number | undefined) {
    const places = await this.#linkFor('halted').request('halt', cpu === undefined ? {} : { cpu });
    this.drain();
    return places;
  }

  async releaseCpu(cpu: number): Promise<void> {
    await this.#linkFor('resumed').request('releaseCpu', { cpu });
    this.drain();
  }

  step(cpu: number, count: number) {
    return this.#linkFor('stepped').request('step', { cpu, count });
  }

  setBreakpoints(points: Points) {
    return this.#linkFor('given breakpoints').request('setBreakpoints', points);
  }

  breakpoints() {
    return this.#linkFor('asked').request('breakpoints', {});
  }

  async saveSnapshot(name: string): Promise<Snapshot> {
    const link = this.#linkFor('saved');
    await link.request('saveSnapshot', { path: this.folder.snapshot(name) }, snapshotLimit);
    const saved = this.folder.describeSnapshot(name);
    if (saved === undefined) throw this.#noSnapshot(name);
    this.#host.emit(this, 'snapshot.saved', { name });
    return saved;
  }

  async loadSnapshot(name: string): Promise<void> {
    if (this.folder.describeSnapshot(name) === undefined) throw this.#noSnapshot(name);
    const path = this.folder.snapshot(name);
    if (this.isLiving) await this.#linkFor('loaded').request('loadSnapshot', { path }, snapshotLimit);
    else await this.start('request', { snapshot: path });
    this.drain();
    this.#host.emit(this, 'snapshot.loaded', { name });
  }

  deleteSnapshot(name: string): void {
    if (this.folder.describeSnapshot(name) === undefined) throw this.#noSnapshot(name);
    rmSync(this.folder.snapshot(name), { force: true });
  }

  #noSnapshot(name: string): BeelineError {
    return new BeelineError('BEELINE_E_SNAPSHOT_UNKNOWN', { vm: this.name, name });
  }

  #linkFor(action: string): GuestLink {
    if (this.#link === undefined || !this.isLiving) throw this.#refusal(action, 'start it first');
    return this.#link;
  }

  #refusal(action: string, remedy: string): BeelineError {
    return new BeelineError('BEELINE_E_VM_STATE', { vm: this.name, action, state: this.#record.state, remedy });
  }

  async stop(seconds: number, force: boolean): Promise<void> {
    clearTimeout(this.#restartTimer);
    this.#change({ stopAsked: true, restartPending: false });
    await this.#exclusively(() => this.#stop(seconds, force));
  }

  async #stop(seconds: number, force: boolean): Promise<void> {
    const ended = (state: VmState) => !living.has(state);
    if (!this.isLiving) return;
    if (seconds > 0 && this.#record.state === 'running') {
      await this.ask('powerdown', 'stopped').catch(() => undefined);
      if (await this.#untilState(ended, seconds * 1000)) return this.#untilSettled();
    }
    if (!force) throw new BeelineError('BEELINE_E_VM_TIMEOUT', { vm: this.name, seconds });
    await this.#link?.request('stop', {}).catch(() => undefined);
    if (!(await this.#untilState(ended, endLimit))) {
      const identity = this.#process();
      if (identity !== undefined && isAlive(identity)) process.kill(identity.pid, 'SIGKILL');
      await this.#untilState(ended, endLimit);
    }
    return this.#untilSettled();
  }

  /** Until the process of a guest that has ended is gone, so that the next may come. */
  async #untilSettled(): Promise<void> {
    const deadline = Date.now() + processGrace;
    while (!this.#record.settled && Date.now() < deadline) await sleep(10);
  }

  #untilState(wanted: (state: VmState) => boolean, milliseconds: number): Promise<boolean> {
    if (wanted(this.#record.state)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (reached: boolean) => {
        clearTimeout(timer);
        this.#stateWaiters.delete(look);
        resolve(reached);
      };
      const look = () => {
        if (wanted(this.#record.state)) finish(true);
      };
      const timer = setTimeout(() => finish(false), milliseconds);
      this.#stateWaiters.add(look);
    });
  }

  /** Leaves nothing of the guest behind. It must not run. */
  async delete(force: boolean): Promise<void> {
    if (force) await this.stop(0, true);
    await this.#exclusively(async () => {
      if (this.isLiving) throw this.#refusal('deleted', 'stop it first, or use force');
      clearTimeout(this.#restartTimer);
      clearTimeout(this.#consoleTimer);
      this.#closing = true;
      this.#host.emit(this, 'vm.deleted', {});
      removeGuest(this.folder);
      for (const listener of this.#listeners) listener.onDeleted?.();
    });
  }

  /** The daemon ends; the guest goes on. */
  release(): void {
    this.#closing = true;
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#consoleTimer);
    this.#link?.close();
  }

  #enter(to: VmState, cause: StateCause, detail = ''): void {
    this.#host.emit(this, 'vm.state', { from: this.#record.state, to, cause, detail });
  }
}
