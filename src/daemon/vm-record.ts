// What the daemon keeps about a guest in its folder. It follows from the events: each is applied exactly once, also when
// the daemon dies between writing one and writing this.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import { writeFileAtomically } from '../atomic-file.js';
import { VmConfig } from '../monitor/domains/vm.js';
import type { EventData } from '../monitor/protocol.js';
import { StateCause, VmName, VmState } from '../monitor/types.js';
import { accepts } from '../monitor/validation.js';
import type { LoggedEvent } from './event-log.js';
import { Disk, RealPaths } from './given-files.js';
import { ProcessIdentity } from './process-identity.js';

export const VmRecord = Type.Object({
  name: VmName,
  id: Type.String(),
  config: VmConfig,
  createdAt: Type.String(),
  state: VmState,
  cause: StateCause,
  detail: Type.String(),
  since: Type.String(),
  startedAt: Type.Union([Type.String(), Type.Null()]),
  panicked: Type.Boolean(),
  /** How often its process was started, for whatever cause. */
  starts: Type.Integer(),
  /** Restarts by policy since the last start that was asked for. */
  restarts: Type.Integer(),
  /** The policy has announced a restart that has not happened yet. */
  restartPending: Type.Boolean(),
  /** A client asked it to stop, so that whatever ends it is no reason to start it again. */
  stopAsked: Type.Boolean(),
  /** Its end has been dealt with: a crash reported, the policy asked. */
  settled: Type.Boolean(),
  /** It is being deleted: only the folder is still there. */
  deleted: Type.Boolean(),
  /** The last event of the journal that is in here. */
  applied: Type.Integer(),
  /** The last event of the guest's own that is in the journal. */
  source: Type.Integer(),
  /** What it takes of the host while it runs. */
  memoryBytes: Type.Integer(),
  cpus: Type.Integer(),
  /** CPUs that are halted alone. */
  haltedCpus: Type.Optional(Type.Array(Type.Integer())),
  /** The process of the latest start. */
  process: Type.Optional(Type.Union([ProcessIdentity, Type.Null()])),
  /** Its own drives when they were first handed over. */
  disks: Type.Optional(Type.Array(Disk)),
  /** Its own files, likewise. */
  paths: Type.Optional(RealPaths),
});
export type VmRecord = Static<typeof VmRecord>;

export function newRecord(name: string, config: VmConfig, needs: { memoryBytes: number; cpus: number }): VmRecord {
  const now = new Date().toISOString();
  return {
    name,
    id: randomUUID(),
    config,
    createdAt: now,
    state: 'created',
    cause: 'request',
    detail: '',
    since: now,
    startedAt: null,
    panicked: false,
    starts: 0,
    restarts: 0,
    restartPending: false,
    stopAsked: false,
    settled: true,
    deleted: false,
    applied: 0,
    source: 0,
    ...needs,
  };
}

/** undefined when there is none, or it is not one. */
export function readRecord(path: string): VmRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return accepts(VmRecord, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function writeRecord(path: string, record: VmRecord): void {
  writeFileAtomically(path, `${JSON.stringify(record, null, 2)}\n`);
}

export function applyEvent(record: VmRecord, event: LoggedEvent): VmRecord {
  if (event.seq <= record.applied) return record;
  const base = { ...record, applied: event.seq, source: Math.max(record.source, event.source ?? 0) };
  switch (event.event) {
    case 'vm.state':
      return applyState(base, event.time, event.data as EventData<'vm.state'>);
    case 'vm.panicked':
      return { ...base, panicked: true };
    case 'vm.reset':
      return { ...base, panicked: false };
    case 'vm.restart':
      return { ...base, restartPending: true, restarts: (event.data as EventData<'vm.restart'>).attempt };
    case 'cpu.halted':
      return { ...base, haltedCpus: [...without(base, event), cpuOf(event)].sort((a, b) => a - b) };
    case 'cpu.resumed':
      return { ...base, haltedCpus: without(base, event) };
    case 'vm.deleted':
      return { ...base, deleted: true };
    default:
      return base;
  }
}

const cpuOf = ({ data }: LoggedEvent) => (data as EventData<'cpu.resumed'>).cpu;

function without({ haltedCpus = [] }: VmRecord, event: LoggedEvent): number[] {
  return haltedCpus.filter((cpu) => cpu !== cpuOf(event));
}

function applyState(record: VmRecord, time: string, data: EventData<'vm.state'>): VmRecord {
  const next = { ...record, state: data.to, cause: data.cause, detail: data.detail, since: time };
  if (data.to === 'starting') {
    const restarts = data.cause === 'policy' ? record.restarts : 0;
    const fresh = { restartPending: false, stopAsked: false, settled: false, panicked: false, haltedCpus: [] };
    return { ...next, restarts, ...fresh };
  }
  return data.from === 'starting' && data.to !== 'crashed' ? { ...next, startedAt: time } : next;
}
