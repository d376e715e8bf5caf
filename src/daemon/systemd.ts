// What systemd passes to a service and wants to hear from it: socket activation and readiness (sd_listen_fds(3),
// sd_notify(3)).
import type { Addon } from '../native/addon.js';

const firstDescriptor = 3;

/** Descriptors of listening sockets that were handed over; none when they are meant for another process. */
export function activatedSockets(env: NodeJS.ProcessEnv = process.env, pid = process.pid): number[] {
  const count = Number(env.LISTEN_FDS ?? '0');
  if (Number(env.LISTEN_PID) !== pid || !Number.isSafeInteger(count) || count < 1 || count > 64) return [];
  return Array.from({ length: count }, (_unused, index) => firstDescriptor + index);
}

/** Does nothing where no service manager listens. Returns the system's error code, or an empty text. */
export function notifyServiceManager(addon: Addon, state: string, env: NodeJS.ProcessEnv = process.env): string {
  const socket = env.NOTIFY_SOCKET ?? '';
  return socket === '' ? '' : addon.notifyServiceManager(socket, state);
}
