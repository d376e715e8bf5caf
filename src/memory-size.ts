// Sizes of memory, as people write and read them.
import { BeelineError } from './errors.js';

const mebibyte = 1024 * 1024;

/** Guest memory comes in whole 2 MiB blocks, the unit in which kernels map it. */
export const memoryUnit = 2 * mebibyte;

const memoryScale: Readonly<Record<string, number>> = {
  '': mebibyte,
  K: 1024,
  M: mebibyte,
  G: 1024 * mebibyte,
  T: 1024 * 1024 * mebibyte,
};

/** Bytes; a number without a unit is MiB. */
export function parseMemory(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const remedy = 'give a multiple of 2 MiB such as 512M or 1G';
  if (match === null) throw new BeelineError('BEELINE_E_MEMORY', { detail: `${text} is not a size`, remedy });
  const bytes = Number(match[1]) * (memoryScale[(match[2] ?? '').toUpperCase()] ?? mebibyte);
  if (bytes === 0) throw new BeelineError('BEELINE_E_MEMORY', { detail: 'a guest without memory cannot run', remedy });
  if (!Number.isSafeInteger(bytes) || bytes % memoryUnit !== 0) {
    throw new BeelineError('BEELINE_E_MEMORY', { detail: `${text} is not a multiple of 2 MiB`, remedy });
  }
  return bytes;
}

/** Refuses more than the host has. */
export function checkHostMemory(bytes: number, hostBytes: number): void {
  if (bytes <= hostBytes) return;
  throw new BeelineError('BEELINE_E_MEMORY', {
    detail: `${formatBytes(bytes)} is more than this host's ${formatBytes(hostBytes)}`,
    remedy: 'give less',
  });
}

export function formatBytes(bytes: number): string {
  for (const [unit, scale] of [
    ['GiB', 1024 * mebibyte],
    ['MiB', mebibyte],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= scale) return `${Number((bytes / scale).toFixed(1))} ${unit}`;
  }
  return `${bytes} B`;
}
