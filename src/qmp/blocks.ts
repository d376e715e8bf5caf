// Drives in QMP's words.
import { statSync } from 'node:fs';
import type { Drive, NativeDriveStats } from '../native/addon.js';
import type { QmpEvent, Returns } from './commands.js';
import type { QmpHost } from './host.js';

type BlockNode = Returns<'query-named-block-nodes'>[number];
type BlockStats = Returns<'query-blockstats'>[number]['stats'];

/** The name of a drive as a device, counted from 0, as QEMU gives those without an id. */
export function driveName(index: number): string {
  return `virtio${index}`;
}

export function nodeName(index: number): string {
  return `#block${String(index).padStart(3, '0')}`;
}

/** Where it is in the tree of objects. */
export function drivePath(index: number): string {
  return `/machine/peripheral-anon/device[${index}]`;
}

/** Bytes that the file takes on the host; nothing when nobody can tell. */
function actualSize(path: string): { 'actual-size'?: number } {
  try {
    return { 'actual-size': statSync(path).blocks * 512 };
  } catch {
    return {};
  }
}

function nodeOf(index: number, drive: Drive, stats: NativeDriveStats): BlockNode {
  return {
    'node-name': nodeName(index),
    file: drive.path,
    drv: stats.format,
    ro: drive.readonly,
    encrypted: false,
    backing_file_depth: drive.snapshot ? 1 : 0,
    detect_zeroes: 'off',
    write_threshold: 0,
    iops: 0,
    iops_rd: 0,
    iops_wr: 0,
    bps: 0,
    bps_rd: 0,
    bps_wr: 0,
    cache: { writeback: true, direct: false, 'no-flush': false },
    image: {
      filename: drive.path,
      format: stats.format,
      'virtual-size': stats.bytes,
      ...actualSize(drive.path),
      'dirty-flag': false,
    },
  };
}

function statsOf(stats: NativeDriveStats): BlockStats {
  return {
    rd_bytes: stats.readBytes,
    wr_bytes: stats.writtenBytes,
    unmap_bytes: stats.discardedBytes,
    rd_operations: stats.reads,
    wr_operations: stats.writes,
    flush_operations: stats.flushes,
    unmap_operations: stats.discards,
    // Failures are counted together; the member for writes has them all.
    failed_rd_operations: 0,
    failed_wr_operations: stats.failures,
    failed_flush_operations: 0,
    failed_unmap_operations: 0,
    invalid_rd_operations: 0,
    invalid_wr_operations: 0,
    invalid_flush_operations: 0,
    invalid_unmap_operations: 0,
    // Times are not measured.
    rd_total_time_ns: 0,
    wr_total_time_ns: 0,
    flush_total_time_ns: 0,
    unmap_total_time_ns: 0,
    rd_merged: 0,
    wr_merged: 0,
    unmap_merged: 0,
    wr_highest_offset: 0,
    account_invalid: false,
    account_failed: true,
    timed_stats: [],
  };
}

/** The machine has paused by itself; `reason` ends with the path of the drive that found no room. */
export function noSpaceEvents(drives: readonly { readonly path: string }[], reason: string): QmpEvent[] {
  const index = drives.findIndex(({ path }) => reason.endsWith(` ${path}`));
  if (index < 0) return [];
  const node = { device: driveName(index), 'node-name': nodeName(index) };
  const data = { ...node, operation: 'write', action: 'stop', nospace: true, reason: 'No space left on device' };
  return [{ name: 'BLOCK_IO_ERROR', data }];
}

interface Block {
  readonly index: number;
  readonly drive: Drive;
  readonly stats: NativeDriveStats;
}

function blocksOf(host: QmpHost): Block[] {
  const { drives: all } = host.stats();
  return host.config.drives.flatMap((drive, index) => {
    const stats = all[index];
    return stats === undefined ? [] : [{ index, drive, stats }];
  });
}

export function queryBlock(host: QmpHost): Returns<'query-block'> {
  return blocksOf(host).map(({ index, drive, stats }) => ({
    device: driveName(index),
    qdev: drivePath(index),
    type: 'unknown',
    removable: false,
    locked: false,
    'io-status': host.runState === 'io-error' ? 'nospace' : 'ok',
    inserted: nodeOf(index, drive, stats),
  }));
}

export function queryNodes(host: QmpHost): Returns<'query-named-block-nodes'> {
  return blocksOf(host).map(({ index, drive, stats }) => nodeOf(index, drive, stats));
}

export function queryBlockStats(host: QmpHost, byNode: boolean): Returns<'query-blockstats'> {
  return blocksOf(host).map(({ index, stats }) => ({
    ...(!byNode && { device: driveName(index), qdev: drivePath(index) }),
    'node-name': nodeName(index),
    stats: statsOf(stats),
  }));
}
