// The daemon, put together.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { loadAddon } from '../native/loader.js';
import { onEndingSignal } from '../signals.js';
import { version } from '../version.js';
import type { Config } from './config.js';
import { type DaemonFile, readDaemonFile } from './daemon-file.js';
import { createDaemonLog, LogTail } from './daemon-log.js';
import { EventLog } from './event-log.js';
import { findUser, type GuestUser, letPass } from './guest-user.js';
import { createMethods } from './methods.js';
import { metricsText } from './metrics.js';
import { MonitorServer } from './server.js';
import { Supervisor } from './supervisor.js';
import { activatedSockets, notifyServiceManager } from './systemd.js';
import { ensureTokens } from './tokens.js';

function prepareState(state: string, user: GuestUser | undefined): void {
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    accessSync(state, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const detail = systemCode(error) ?? messageOf(error);
    throw new BeelineError(
      'BEELINE_E_STATE_FOLDER',
      { path: state, detail, remedy: 'make it writable, or give another with --state' },
      error,
    );
  }
  if (user !== undefined) letPass(state);
  // Guests' sockets and consoles lie inside.
  else if ((statSync(state).mode & 0o077) !== 0) {
    throw new BeelineError('BEELINE_E_STATE_FOLDER', {
      path: state,
      detail: 'others may enter it',
      remedy: `run: chmod 700 ${state}`,
    });
  }
}

/** Runs until it is told to end. Throws BeelineError when it cannot begin. */
export async function runDaemon(config: Config): Promise<void> {
  const { state } = config;
  const user = config.user === '' ? undefined : findUser(config.user);
  prepareState(state, user);
  const addon = loadAddon();
  const locked = addon.lockFile(join(state, 'lock'));
  if (locked === 'EAGAIN' || locked === 'EWOULDBLOCK') {
    throw new BeelineError('BEELINE_E_DAEMON_RUNNING', { path: state, pid: readDaemonFile(state)?.pid ?? 'unknown' });
  }
  if (locked !== '') {
    const remedy = 'make it writable, or give another with --state';
    throw new BeelineError('BEELINE_E_STATE_FOLDER', { path: state, detail: locked, remedy });
  }
  const logTail = new LogTail();
  const log = createDaemonLog(config.logLevel, logTail);
  const startedAt = new Date().toISOString();
  const events = new EventLog(join(state, 'events'), (error) => {
    log.error({ err: error }, 'an event cannot be kept; who connects again will miss it');
  });
  const supervisor = new Supervisor(join(state, 'guests'), { ...config, user }, events, log);
  let shutDown: (cause: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    shutDown = resolve;
  });
  let ready = false;
  const methods = createMethods({
    supervisor,
    events,
    logTail,
    startedAt,
    sessions: () => server.sessions,
    shutDown: (cause) => shutDown(cause),
  });
  const server: MonitorServer = new MonitorServer({
    config,
    tokens: ensureTokens(state),
    log,
    answer: (method, params, session) => methods[method](params, session),
    metrics: () => metricsText(supervisor, server.sessions.size),
    isReady: () => ready,
    qmpSocket: (name) => {
      const vm = supervisor.find(name);
      return vm?.isLiving === true ? vm.folder.qmp : undefined;
    },
  });
  const forgetSignals = onEndingSignal((signal) => shutDown(signal));
  const append = (event: 'monitor.started' | 'monitor.stopping', data: object) =>
    events.append({ time: new Date().toISOString(), event, vm: null, data });

  const recovered = supervisor.recover();
  append('monitor.started', { pid: process.pid, version: version(), recovered });
  await server.listen(activatedSockets());
  ready = true;
  writeFileAtomically(
    join(state, 'daemon.json'),
    `${JSON.stringify({ pid: process.pid, addresses: [...server.addresses] } satisfies DaemonFile)}\n`,
  );
  log.info({ addresses: server.addresses, state, recovered }, 'ready');
  const failure = notifyServiceManager(addon, `READY=1\nSTATUS=Serving ${supervisor.list().length} guests`);
  if (failure !== '') log.warn({ failure }, 'systemd cannot be told that the daemon is ready');

  const cause = await ended;
  log.info({ cause }, 'ending; guests go on');
  notifyServiceManager(addon, 'STOPPING=1');
  append('monitor.stopping', { cause });
  await server.close();
  supervisor.release();
  events.close();
  forgetSignals();
}
