// Domain snapshot: whole guests in files, to go on with.
import { type Static, Type } from '@sinclair/typebox';
import { event, method } from '../declare.js';
import { closed, count, noResult, Time, VmName } from '../types.js';
import { VmStatus } from './vm.js';

export const SnapshotName = Type.String({
  pattern: '^[a-z0-9][a-z0-9_.-]*$',
  maxLength: 64,
  description: 'Name of a snapshot: small letters, digits and _ . - inside.',
});

export const Snapshot = Type.Object(
  { name: SnapshotName, bytes: count, savedAt: Time },
  { ...closed, description: 'A snapshot in the folder of its guest.' },
);
export type Snapshot = Static<typeof Snapshot>;

const params = Type.Object({ vm: VmName, name: SnapshotName }, closed);
const data = Type.Object({ name: SnapshotName }, closed);

export const snapshot = {
  description:
    'Whole guests in files: memory, CPUs, devices, and what drives with snapshot have been written. Other disks are not ' +
    'in the file: a snapshot is loaded only while they are as they were. Connections of user networks are not kept.',
  methods: {
    save: method({
      description:
        'Saves a running or paused guest, which stands still meanwhile. A snapshot of the same name is replaced.',
      role: 'control',
      params,
      result: Snapshot,
      errors: [
        'BEELINE_E_VM_UNKNOWN',
        'BEELINE_E_VM_STATE',
        'BEELINE_E_VM_PROCESS',
        'BEELINE_E_SNAPSHOT',
        'BEELINE_E_FILE_UNWRITABLE',
      ],
    }),
    load: method({
      description:
        'Lets a guest go on from a snapshot: in place, paused if it is paused; one that does not run is started. When the ' +
        'snapshot is refused a running guest goes on as it was.',
      role: 'control',
      params,
      result: VmStatus,
      errors: [
        'BEELINE_E_VM_UNKNOWN',
        'BEELINE_E_VM_STATE',
        'BEELINE_E_VM_PROCESS',
        'BEELINE_E_LIMIT',
        'BEELINE_E_SNAPSHOT',
        'BEELINE_E_SNAPSHOT_UNKNOWN',
        'BEELINE_E_FILE_CHANGED',
        'BEELINE_E_FILE_UNREADABLE',
        'BEELINE_E_FILE_USER',
        'BEELINE_E_STATE_FOLDER',
      ],
    }),
    list: method({
      description: 'The snapshots of a guest, the latest first.',
      role: 'view',
      params: Type.Object({ vm: VmName }, closed),
      result: Type.Object({ snapshots: Type.Array(Snapshot) }, closed),
      errors: ['BEELINE_E_VM_UNKNOWN'],
    }),
    delete: method({
      description: 'Deletes a snapshot.',
      role: 'control',
      params,
      result: noResult,
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_SNAPSHOT_UNKNOWN'],
    }),
  },
  events: {
    saved: event('A guest was saved.', data),
    loaded: event('A guest goes on from a snapshot.', data),
  },
  notices: {},
} as const;
