// All guests of a daemon.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BeelineError } from '../errors.js';
import { formatBytes } from '../memory-size.js';
import type { VmConfig } from '../monitor/domains/vm.js';
import type { EventName } from '../monitor/protocol.js';
import type { Limits } from './config.js';
import type { DaemonLog } from './daemon-log.js';
import type { EventLog, LoggedEvent } from './event-log.js';
import type { StartFile } from './guest/protocol.js';
import { checkGuestFiles, checkSurroundings, mayRead } from './guest-access.js';
import { GuestFolder, removeGuest } from './guest-folder.js';
import { type GuestUser, letPass } from './guest-user.js';
import { HandedImages } from './handed-images.js';
import { recoveryOf, takeOverRecords } from './old-records.js';
import { Vm, type VmHost } from './vm.js';
import { nativeConfig } from './vm-config.js';
import { applyEvent, newRecord, readRecord, type VmRecord, writeRecord } from './vm-record.js';

export interface SupervisorOptions {
  readonly limits: Limits;
  readonly sandbox: boolean;
  /** undefined: guests' processes are the daemon's own. */
  readonly user: GuestUser | undefined;
}

export class Supervisor implements VmHost {
  readonly #folder: string;
  readonly #limits: Limits;
  /** Whether guests' processes give up what their guests do not need. */
  readonly sandbox: boolean;
  readonly user: GuestUser | undefined;
  readonly #images: HandedImages;
  readonly #events: EventLog;
  readonly #log: DaemonLog;
  readonly #vms = new Map<string, Vm>();

  constructor(folder: string, { limits, sandbox, user }: SupervisorOptions, events: EventLog, log: DaemonLog) {
    this.#folder = folder;
    this.#limits = limits;
    this.sandbox = sandbox;
    this.user = user;
    this.#events = events;
    this.#log = log;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (user !== undefined) {
      letPass(folder);
      checkSurroundings(user, folder);
    }
    this.#images = new HandedImages(join(dirname(folder), 'images'));
    const old = takeOverRecords(folder, join(dirname(folder), 'records'));
    if (old.length > 0) log.info({ guests: old }, 'guests of an earlier version are taken over');
  }

  /** Finds the guests of earlier daemons again; returns how many of them run. */
  recover(): number {
    const records = this.#readRecords();
    const oldest = Math.min(this.#events.last, ...[...records.values()].map((record) => record.applied));
    for (let after = oldest; ; ) {
      const events = this.#events.read(after, 500);
      const last = events.at(-1);
      if (last === undefined) break;
      for (const event of events) this.#replay(records, event);
      after = last.seq;
    }
    let running = 0;
    const images = [...records.values()].flatMap(({ config }) => config.image?.split('/')[0] ?? []);
    this.#images.keepOnly(new Set(images)).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'images that no guest uses any more cannot be removed');
    });
    for (const [folder, record] of records) {
      if (record.deleted) {
        removeGuest(new GuestFolder(folder));
        continue;
      }
      const vm = new Vm(this, folder, record);
      this.#vms.set(vm.name, vm);
      if (record.applied === 0) this.emit(vm, 'vm.created', { config: record.config });
      if (vm.recover()) running++;
    }
    return running;
  }

  #readRecords(): Map<string, VmRecord> {
    const records = new Map<string, VmRecord>();
    for (const name of readdirSync(this.#folder)) {
      const folder = join(this.#folder, name);
      const guest = new GuestFolder(folder);
      const record = readRecord(guest.record);
      if (record !== undefined) records.set(folder, record);
      else this.#log.error({ folder }, `this folder is left alone: ${recoveryOf(guest)}`);
    }
    return records;
  }

  #replay(records: Map<string, VmRecord>, event: LoggedEvent): void {
    for (const [folder, record] of records) {
      if (event.vm?.id === record.id) records.set(folder, applyEvent(record, event));
    }
  }

  emit(vm: Vm, event: EventName, data: unknown, from?: { readonly time: string; readonly source: number }): void {
    const { name, id } = vm.record;
    const time = from?.time ?? new Date().toISOString();
    const source = from === undefined ? {} : { source: from.source };
    vm.apply(this.#events.append({ time, event, vm: { name, id }, data, ...source }));
    this.#log.info({ vm: name, event, data }, 'event');
  }

  admit(candidate: Vm): void {
    const living = [...this.#vms.values()].filter((vm) => vm.isLiving && vm !== candidate);
    const { memoryBytes, cpus } = nativeConfig(candidate.record.config);
    const memory = living.reduce((sum, vm) => sum + vm.record.memoryBytes, memoryBytes);
    if (memory > this.#limits.memoryBytes) {
      throw new BeelineError('BEELINE_E_LIMIT', {
        detail: `${candidate.name} with ${formatBytes(memoryBytes)} would bring the guests to ${formatBytes(memory)} of memory; the limit is ${formatBytes(this.#limits.memoryBytes)}`,
        remedy: 'stop another guest, or raise limits.memory',
      });
    }
    const allCpus = living.reduce((sum, vm) => sum + vm.record.cpus, cpus);
    if (allCpus > this.#limits.cpus) {
      throw new BeelineError('BEELINE_E_LIMIT', {
        detail: `${candidate.name} would bring the guests to ${allCpus} CPUs; the limit is ${this.#limits.cpus}`,
        remedy: 'stop another guest, or raise limits.cpus',
      });
    }
  }

  async handOver(config: StartFile['config']): Promise<StartFile['config']> {
    const { user } = this;
    if (user === undefined) return config;
    checkGuestFiles(user, config);
    return this.#images.handOver(config, (path) => mayRead(user, path));
  }

  log(level: 'info' | 'warn' | 'error', vm: string, message: string): void {
    this.#log[level]({ vm }, message);
  }

  find(name: string): Vm | undefined {
    return this.#vms.get(name);
  }

  /** Throws BEELINE_E_VM_UNKNOWN. */
  get(name: string): Vm {
    const vm = this.find(name);
    if (vm === undefined) throw new BeelineError('BEELINE_E_VM_UNKNOWN', { vm: name });
    return vm;
  }

  list(): Vm[] {
    return [...this.#vms.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  create(name: string, config: VmConfig): Vm {
    const folder = new GuestFolder(join(this.#folder, name));
    if (this.#vms.has(name) || existsSync(folder.path)) throw new BeelineError('BEELINE_E_VM_EXISTS', { vm: name });
    if (this.#vms.size >= this.#limits.guests) {
      throw new BeelineError('BEELINE_E_LIMIT', {
        detail: `there are ${this.#vms.size} guests already; the limit is ${this.#limits.guests}`,
        remedy: 'delete one, or raise limits.guests',
      });
    }
    const machine = nativeConfig(config);
    if (this.user !== undefined) checkGuestFiles(this.user, machine);
    const { memoryBytes, cpus } = machine;
    if (memoryBytes > this.#limits.memoryBytes || cpus > this.#limits.cpus) {
      throw new BeelineError('BEELINE_E_LIMIT', {
        detail: `${name} with ${formatBytes(memoryBytes)} and ${cpus} CPUs is more than the limits allow`,
        remedy: 'ask for less, or raise limits.memory and limits.cpus',
      });
    }
    const record = newRecord(name, config, { memoryBytes, cpus });
    // The folder comes last: a daemon that dies here leaves nothing that looks like a guest.
    writeRecord(folder.record, record);
    mkdirSync(folder.path, { mode: 0o700 });
    const vm = new Vm(this, folder.path, record);
    this.#vms.set(name, vm);
    this.emit(vm, 'vm.created', { config });
    return vm;
  }

  async delete(name: string, force: boolean): Promise<void> {
    await this.get(name).delete(force);
    this.#vms.delete(name);
  }

  /** The daemon ends; guests go on. */
  release(): void {
    for (const vm of this.#vms.values()) vm.release();
  }
}
