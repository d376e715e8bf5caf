// Commands about guests of a daemon: ps, create, start, pause, resume, reset, powerdown, stop, delete, logs, events, monitor.
import { resolve } from 'node:path';
import { BeelineError, ExitStatus, messageOf } from '../errors.js';
import { formatBytes } from '../memory-size.js';
import type { MonitorClient } from '../monitor/client.js';
import { connect } from '../monitor/connect.js';
import type { VmConfig, VmStatus } from '../monitor/domains/vm.js';
import { type EventNotice, followEvents } from '../monitor/follow.js';
import { isMethodName, type MethodName, type Params, type Result } from '../monitor/protocol.js';
import type { Drive, Network, Port, RawLoad, Share, Tier } from '../native/addon.js';
import { onEndingSignal, signalStatus } from '../signals.js';
import { type ClientOptions, endpointOf, withDaemon } from './client.js';
import { ConsoleOutput } from './console-output.js';
import { joinPorts } from './port-option.js';
import { checkShares } from './share-option.js';

const longestCell = 40;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** 3 s, 5 min, 7 h, 2 d */
function age(since: string): string {
  const seconds = Math.max(0, (Date.now() - Date.parse(since)) / 1000);
  for (const [unit, length] of [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
  ] as const) {
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${Math.floor(seconds)} s`;
}

function describeState({ state, cause, detail, panicked }: VmStatus): string {
  const words = panicked && state !== 'stopped' ? [`${state}, panicked`] : [state];
  if (state === 'stopped' || state === 'crashed') words.push(`(${cause}${detail === '' ? '' : `: ${detail}`})`);
  return words.join(' ');
}

/** A column beside others has room for the beginning; `beeline events` tells all. */
function shorten(text: string): string {
  return text.length > longestCell ? `${text.slice(0, longestCell - 1)}…` : text;
}

export function ps(options: ClientOptions): Promise<number> {
  return withDaemon(options, async (client) => {
    const { vms } = await client.call('vm.list', {});
    if (options.json) {
      printJson(vms);
      return ExitStatus.ok;
    }
    const rows = vms.map((vm) => [
      vm.name,
      shorten(describeState(vm)),
      age(vm.since),
      String(vm.cpus),
      formatBytes(vm.memoryBytes),
      vm.config.image ?? vm.config.kernel ?? '',
    ]);
    for (const line of columns([['GUEST', 'STATE', 'SINCE', 'CPUS', 'MEMORY', 'BOOTS'], ...rows])) print(line);
    return ExitStatus.ok;
  });
}

export interface CreateOptions extends ClientOptions {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly dtb?: string;
  readonly append?: string;
  readonly firmware?: string;
  readonly firmwareVars?: string;
  readonly load?: readonly RawLoad[];
  readonly drive?: readonly Drive[];
  readonly net?: readonly Network[];
  readonly console?: readonly Port[];
  readonly port?: readonly Port[];
  readonly share?: readonly Share[];
  readonly balloon?: 'mmio' | 'pci';
  readonly memory?: number;
  readonly cpus?: number;
  readonly cpu?: 'n1' | 'a57';
  readonly gic?: '2' | '3';
  readonly acpi?: 'on' | 'off';
  readonly tier?: Tier;
  readonly countBlocks?: boolean;
  /** commander's name for --no-reboot. */
  readonly reboot: boolean;
  readonly restart?: 'never' | 'on-failure' | 'always';
  readonly start?: boolean;
}

// What was not given is left to the daemon: JSON leaves out what is undefined.
const given = (text: string) => (text === '' ? undefined : text);

function askedDrive({ path, format, at, serial, aio, ...flags }: Drive) {
  return {
    path: resolve(path),
    format: format === 'probe' ? undefined : format,
    at: given(at),
    serial: given(serial),
    aio: aio === 'auto' ? undefined : aio,
    ...flags,
  };
}

function askedNetwork({ kind, mac, restrict, forwards, interface: name, bus }: Network) {
  const asked = forwards.map(({ hostAddress, guestAddress, ...rest }) => {
    return { hostAddress: given(hostAddress), guestAddress: given(guestAddress), ...rest };
  });
  return {
    kind,
    mac: given(mac),
    restrict: restrict || undefined,
    forwards: asked.length > 0 ? asked : undefined,
    interface: given(name),
    bus,
  };
}

function askedPort({ console: isConsole, name, kind, path, truncate, bus }: Port) {
  return {
    console: isConsole || undefined,
    name: given(name),
    kind,
    path: kind === 'serial' ? undefined : resolve(path),
    truncate: truncate || undefined,
    bus,
  };
}

export function create(name: string, image: string | undefined, options: CreateOptions): Promise<number> {
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(file));
  const config = JSON.parse(
    JSON.stringify({
      image,
      kernel: path(options.kernel),
      initrd: path(options.initrd),
      dtb: path(options.dtb),
      append: options.append,
      firmware: path(options.firmware),
      firmwareVars: path(options.firmwareVars),
      loads: options.load?.map((load) => ({ ...load, path: resolve(load.path) })),
      drives: options.drive?.map(askedDrive),
      networks: options.net?.map(askedNetwork),
      balloon: options.balloon,
      shares:
        options.share === undefined
          ? undefined
          : checkShares(options.share).map((share) => ({ ...share, path: resolve(share.path) })),
      ports:
        options.console === undefined && options.port === undefined
          ? undefined
          : joinPorts(options.console ?? [], options.port ?? []).map(askedPort),
      memoryBytes: options.memory,
      cpus: options.cpus,
      cpu: options.cpu,
      gic: options.gic === undefined ? undefined : Number(options.gic),
      acpi: options.acpi === undefined ? undefined : options.acpi === 'on',
      tier: options.tier,
      countBlocks: options.countBlocks,
      reboot: options.reboot ? undefined : false,
      restart: options.restart === undefined ? undefined : { when: options.restart },
    }),
  ) as VmConfig;
  return withDaemon(options, async (client) => {
    const status = await client.call('vm.create', { name, config, start: options.start ?? false });
    if (options.json) printJson(status);
    else print(`${name} is ${describeState(status)}`);
    return ExitStatus.ok;
  });
}

/** Each guest in turn; the first that is refused decides the exit status, and the others still have theirs. */
export function forGuests(
  names: readonly string[],
  options: ClientOptions,
  act: (client: MonitorClient, vm: string) => Promise<VmStatus | Result<'vm.delete'>>,
): Promise<number> {
  return withDaemon(options, async (client) => {
    let status: number = ExitStatus.ok;
    const results: unknown[] = [];
    for (const name of names) {
      try {
        const result = await act(client, name);
        results.push(result);
        if (options.json) continue;
        print('state' in result ? `${name} is ${describeState(result as VmStatus)}` : `${name} is deleted`);
      } catch (error) {
        if (!(error instanceof BeelineError) || error.code === 'BEELINE_E_CONNECTION_LOST') throw error;
        if (status === ExitStatus.ok) status = error.status;
        process.stderr.write(`beeline: ${error.message}\n`);
      }
    }
    if (options.json) printJson(results);
    return status;
  });
}

export function actOnSnapshot(
  verb: 'save' | 'load' | 'delete',
  vm: string,
  name: string,
  options: ClientOptions,
): Promise<number> {
  return withDaemon(options, async (client) => {
    const result = await client.call(`snapshot.${verb}`, { vm, name });
    if (options.json) printJson(result);
    else if ('bytes' in result) print(`${vm} is saved as ${name}, ${formatBytes(Number(result.bytes))}`);
    else print('state' in result ? `${vm} is ${describeState(result as VmStatus)}` : `${name} is deleted`);
    return ExitStatus.ok;
  });
}

export function listSnapshots(vm: string, options: ClientOptions): Promise<number> {
  return withDaemon(options, async (client) => {
    const { snapshots } = await client.call('snapshot.list', { vm });
    if (options.json) {
      printJson(snapshots);
      return ExitStatus.ok;
    }
    const rows = snapshots.map(({ name, savedAt, bytes }) => [name, age(savedAt), formatBytes(bytes)]);
    for (const line of columns([['SNAPSHOT', 'SINCE', 'SIZE'], ...rows])) print(line);
    return ExitStatus.ok;
  });
}

export interface LogsOptions extends ClientOptions {
  readonly follow?: boolean;
  readonly process?: boolean;
  readonly lines?: number;
}

/** Of a guest its console; with --process what its process said; without a guest the daemon's log. */
export async function logs(name: string | undefined, options: LogsOptions): Promise<number> {
  if (name === undefined || options.process === true) {
    return withDaemon(options, async (client) => {
      const lines = options.lines ?? 100;
      const answer = await client.call('log.read', { lines, ...(name !== undefined && { vm: name }) });
      if (options.json) printJson(answer.lines);
      else for (const line of answer.lines) print(line);
      return ExitStatus.ok;
    });
  }
  return withDaemon(options, async (client) => {
    const output = new ConsoleOutput(options.json ?? false);
    if (options.follow !== true) {
      for (let from = 0, first = true; ; first = false) {
        const { offset, end, missed, base64 } = await client.call('console.read', { vm: name, from });
        if (!first && missed > 0) output.miss(from, offset, `beeline: ${missed} bytes are not kept any more\n`);
        const bytes = Buffer.from(base64, 'base64');
        if (bytes.length > 0) output.take(bytes, offset);
        from = offset + bytes.length;
        if (bytes.length === 0 || from >= end) return ExitStatus.ok;
      }
    }
    client.on('console.missed', ({ from, to }) => output.miss(from, to, `beeline: ${to - from} bytes were missed\n`));
    await client.attach({ vm: name }, output.take);
    return await untilSignal(client.closed);
  });
}

/** Resolves with the exit status of an ending signal; rejects when the connection ends first. */
async function untilSignal(closed: Promise<string>): Promise<number> {
  let forget: () => void = () => undefined;
  const signalled = new Promise<number>((resolve) => {
    forget = onEndingSignal((signal) => resolve(signalStatus(signal)));
  });
  const lost = closed.then((detail) => {
    throw new BeelineError('BEELINE_E_CONNECTION_LOST', { detail });
  });
  try {
    return await Promise.race([signalled, lost]);
  } finally {
    forget();
  }
}

export interface EventsOptions extends ClientOptions {
  readonly guest?: readonly string[];
  readonly event?: readonly string[];
  readonly cursor?: string;
  /** commander's name for --no-follow. */
  readonly follow: boolean;
}

function printEvent(event: EventNotice | Omit<EventNotice, 'subscription'>, json: boolean): void {
  const { cursor, time, event: name, vm, data } = event;
  if (json) print(JSON.stringify({ cursor, time, event: name, vm, data }));
  else print([time, vm?.name ?? '-', name, JSON.stringify(data)].join(' '));
}

export async function events(options: EventsOptions): Promise<number> {
  const json = options.json ?? false;
  const filter = {
    ...(options.guest !== undefined && { vms: [...options.guest] }),
    ...(options.event !== undefined && { events: [...options.event] }),
  };
  const missed = (count: number) => process.stderr.write(`beeline: ${count} events are not kept any more\n`);
  if (!options.follow) {
    return withDaemon(options, async (client) => {
      let { cursor } = options;
      for (;;) {
        const page = await client.call('monitor.events', {
          ...filter,
          ...(cursor !== undefined && { cursor }),
          limit: 1000,
        });
        if (page.missed > 0) missed(page.missed);
        for (const event of page.events) printEvent(event, json);
        cursor = page.cursor;
        if (page.events.length < 1000) return ExitStatus.ok;
      }
    });
  }
  const endpoint = endpointOf(options);
  // The first connection tells whether there is a daemon at all; later ones are tried until they succeed.
  let first: Awaited<ReturnType<typeof connect>> | undefined = await connect(endpoint);
  const controller = new AbortController();
  let status: number = ExitStatus.ok;
  const forget = onEndingSignal((signal) => {
    status = signalStatus(signal);
    controller.abort();
  });
  try {
    await followEvents({
      connect: async () => {
        const client = first ?? (await connect(endpoint));
        first = undefined;
        return client;
      },
      filter,
      cursor: options.cursor,
      onEvent: (event) => printEvent(event, json),
      onMissed: missed,
      signal: controller.signal,
    });
  } finally {
    forget();
  }
  return status;
}

/** Any method of the monitor, as it is. */
export async function callMonitor(method: string, params: string, options: ClientOptions): Promise<number> {
  let value: unknown;
  try {
    value = JSON.parse(params);
  } catch (error) {
    throw new BeelineError(
      'BEELINE_E_OPTION_VALUE',
      { option: 'PARAMS', detail: messageOf(error), remedy: 'give a JSON object, such as \'{"vm": "a"}\'' },
      error,
    );
  }
  if (!isMethodName(method)) throw new BeelineError('BEELINE_E_METHOD_UNKNOWN', { method });
  return withDaemon(options, async (client) => {
    // The daemon checks the parameters: it may be of another version.
    printJson(await client.call(method, value as Params<MethodName>));
    return ExitStatus.ok;
  });
}
