// Which machines give times that may be compared.
import { createHash } from 'node:crypto';
import { release } from 'node:os';
import { type Static, Type } from '@sinclair/typebox';
import { describeHost } from '../host.js';

export const FingerprintSchema = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{12}$', description: 'A digest of all the rest.' }),
    cpu: Type.String(),
    cores: Type.Integer({ minimum: 1 }),
    memoryGiB: Type.Integer({ minimum: 0 }),
    kernel: Type.String(),
    node: Type.String({ description: 'The major version.' }),
  },
  {
    description: 'The machine that measured. Its name is not in it: containers change theirs.',
    additionalProperties: false,
  },
);
export type Fingerprint = Static<typeof FingerprintSchema>;

/** For people. */
export function describeMachine({ id, cpu, cores, kernel }: Fingerprint): string {
  return `${id}: ${cpu}, ${cores} cores, Linux ${kernel}`;
}

export function machineFingerprint(): Fingerprint {
  const host = describeHost();
  const parts = {
    cpu: host.cpu,
    cores: host.cores,
    memoryGiB: Math.round(host.memory / 1024 ** 3),
    kernel: release(),
    node: process.versions.node.split('.')[0] ?? '',
  };
  return { id: createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12), ...parts };
}
