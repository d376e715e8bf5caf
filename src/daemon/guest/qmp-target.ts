// A guest as QMP sees it, and its events in QMP's words.

import { maximumCpus } from '../../cli/parse.js';
import type { StateCause, VmState } from '../../monitor/types.js';
import type { EventName, RunState } from '../../qmp/commands.js';
import type { QmpTarget } from '../../qmp/session.js';
import type { Guest } from './guest.js';
import type { GuestEvent, StartFile } from './protocol.js';

function runState(guest: Guest): RunState {
  if (guest.state === 'stopped') return 'shutdown';
  if (guest.state === 'crashed') return 'internal-error';
  if (guest.state === 'running') return guest.panicked ? 'guest-panicked' : 'running';
  return guest.hasRun ? 'paused' : 'prelaunch';
}

export function createQmpTarget(guest: Guest, start: StartFile): QmpTarget {
  const { config } = start;
  return {
    'query-status': () => {
      const status = runState(guest);
      return { running: guest.state === 'running', singlestep: false, status };
    },
    'query-name': () => ({ name: start.name }),
    'query-uuid': () => ({ UUID: start.id }),
    'query-cpus-fast': () =>
      Array.from({ length: config.cpus }, (_unused, index) => ({
        'cpu-index': index,
        'qom-path': `/machine/unattached/device[${index}]`,
        'thread-id': process.pid,
        target: 'aarch64',
      })),
    'query-machines': () => [
      {
        name: 'virt',
        'is-default': true,
        'cpu-max': maximumCpus[config.gicVersion],
        'hotpluggable-cpus': false,
        'numa-mem-supported': false,
        deprecated: false,
        acpi: false,
      },
    ],
    'query-current-machine': () => ({ 'wakeup-suspend-support': false }),
    'query-target': () => ({ arch: 'aarch64' }),
    'query-kvm': () => ({ enabled: false, present: false }),
    'query-memory-size-summary': () => ({ 'base-memory': config.memoryBytes }),
    'query-chardev': () => [{ label: 'serial0', filename: 'beeline', 'frontend-open': true }],
    stop: () => {
      guest.pause();
      return {};
    },
    cont: () => {
      guest.resume();
      return {};
    },
    quit: () => {
      // The answer leaves first.
      setImmediate(() => guest.stop('request'));
      return {};
    },
    system_reset: () => {
      guest.reset();
      return {};
    },
    system_powerdown: () => {
      guest.powerdown();
      return {};
    },
    __beeline_counters: () => ({ ...guest.counters() }),
  };
}

const shutdownReasons: Readonly<Record<StateCause, { readonly guest: boolean; readonly reason: string }>> = {
  request: { guest: false, reason: 'host-qmp-quit' },
  guest: { guest: true, reason: 'guest-shutdown' },
  reset: { guest: true, reason: 'guest-reset' },
  panic: { guest: true, reason: 'guest-panic' },
  failure: { guest: false, reason: 'host-error' },
  killed: { guest: false, reason: 'host-signal' },
  policy: { guest: false, reason: 'host-ui' },
  debugger: { guest: false, reason: 'host-ui' },
};

/** undefined for what QMP has no event for. */
export function qmpEvent(
  { event, data }: GuestEvent,
  endsOnPanic: boolean,
): { readonly name: EventName; readonly data: object } | undefined {
  switch (event) {
    case 'vm.state': {
      const { from, to, cause } = data as { from: VmState; to: VmState; cause: StateCause };
      if (to === 'paused' && from === 'running') return { name: 'STOP', data: {} };
      if (to === 'running' && from === 'paused') return { name: 'RESUME', data: {} };
      if (to === 'stopped' || to === 'crashed') return { name: 'SHUTDOWN', data: shutdownReasons[cause] };
      return undefined;
    }
    case 'vm.reset': {
      const guest = (data as { cause: string }).cause === 'guest';
      return { name: 'RESET', data: { guest, reason: guest ? 'guest-reset' : 'host-qmp-system-reset' } };
    }
    case 'vm.powerdown':
      return { name: 'POWERDOWN', data: {} };
    case 'vm.panicked':
      return { name: 'GUEST_PANICKED', data: { action: endsOnPanic ? 'poweroff' : 'run' } };
    default:
      return undefined;
  }
}
