// beeline trace: what a guest's CPUs go through, as it happens.
import { setTimeout as sleep } from 'node:timers/promises';
import { BeelineError, ExitStatus } from '../errors.js';
import type { MonitorClient } from '../monitor/client.js';
import type { TraceEvent } from '../monitor/domains/trace.js';
import { mostTraceEvents, type TraceCategory } from '../monitor/trace-limits.js';
import { onEndingSignal, signalStatus } from '../signals.js';
import { type ClientOptions, withDaemon } from './client.js';

/** How long to wait when nothing is new, in milliseconds. */
const pause = 100;

export interface TraceOptions extends ClientOptions {
  readonly categories?: readonly TraceCategory[];
  readonly records?: number;
  readonly count?: number;
}

/** What is told of an event behind its name, in the order of its members. */
function details({ cpu: _cpu, number: _number, time: _time, kind: _kind, name, ...members }: TraceEvent): string {
  const words = Object.entries(members).flatMap(([key, value]) => {
    if (value === false) return [];
    if (value === true) return [key];
    return [`${key}=${Array.isArray(value) ? value.join(',') : value}`];
  });
  return [...(name === undefined ? [] : [name]), ...words].join(' ');
}

export function formatTraceEvent(event: TraceEvent): string {
  const seconds = (event.time / 1e9).toFixed(9).padStart(15);
  return `${seconds}  cpu${event.cpu}  ${event.kind.padEnd(11)}  ${details(event)}`.trimEnd();
}

function isOver(error: unknown): boolean {
  const over = ['BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS', 'BEELINE_E_VM_UNKNOWN', 'BEELINE_E_TRACE_OFF'];
  return error instanceof BeelineError && over.includes(error.code);
}

/** true: it was begun for this command, which is to end it. */
async function begin(client: MonitorClient, vm: string, { categories, records }: TraceOptions): Promise<boolean> {
  const isChosen = categories !== undefined || records !== undefined;
  if (!isChosen && (await client.call('trace.status', { vm })).tracing) return false;
  await client.call('trace.start', {
    vm,
    ...(categories !== undefined && { categories: [...categories] }),
    ...(records !== undefined && { records }),
  });
  return true;
}

export function trace(vm: string, options: TraceOptions): Promise<number> {
  return withDaemon(options, async (client) => {
    const isOurs = await begin(client, vm, options);
    let status: number = ExitStatus.ok;
    const controller = new AbortController();
    const forget = onEndingSignal((signal) => {
      status = signalStatus(signal);
      controller.abort();
    });
    let left = options.count ?? Number.POSITIVE_INFINITY;
    let cursor: string | undefined;
    try {
      while (left > 0 && !controller.signal.aborted) {
        const limit = Math.min(left, mostTraceEvents);
        const part = await client.call('trace.read', { vm, limit, ...(cursor !== undefined && { cursor }) });
        cursor = part.cursor;
        const lost = part.lost.reduce((sum, count) => sum + count, 0);
        if (lost > 0) process.stderr.write(`beeline: ${lost} events were lost: they came faster than they were read\n`);
        for (const event of part.events) {
          process.stdout.write(`${options.json === true ? JSON.stringify(event) : formatTraceEvent(event)}\n`);
        }
        left -= part.events.length;
        if (!part.more && left > 0) await sleep(pause, undefined, { signal: controller.signal }).catch(() => undefined);
      }
    } catch (error) {
      // With its process a guest's trace ends.
      if (!isOver(error)) throw error;
    } finally {
      forget();
      if (isOurs) await client.call('trace.stop', { vm }).catch(() => undefined);
    }
    return status;
  });
}
