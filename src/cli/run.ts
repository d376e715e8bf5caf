// beeline run: one guest in the foreground.
import { constants, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { BeelineError, ExitStatus, messageOf, systemCode } from '../errors.js';
import { describeGdbAddress, type GdbAddress, GdbServer } from '../gdb/server.js';
import { describeHost } from '../host.js';
import { imageDrive } from '../images/drive.js';
import type { BuiltImage } from '../images/ensure.js';
import { getLog } from '../log.js';
import { checkHostMemory } from '../memory-size.js';
import type {
  Addon,
  DeviceBus,
  Drive,
  NativeMachineConfig,
  Network,
  Port,
  RawLoad,
  Share,
  Tier,
} from '../native/addon.js';
import { loadAddon } from '../native/loader.js';
import type { QmpAddress } from '../qmp/server.js';
import { onEndingSignal, signalStatus } from '../signals.js';
import type { Reply } from '../vm/matcher.js';
import { describeOutcome, outcome } from '../vm/outcome.js';
import { Session, type SessionResult } from '../vm/session.js';
import { savedMachine } from '../vm/snapshot.js';
import { EscapeKeys, escapeHelp } from './escape-keys.js';
import { checkDrive, checkDtb, checkInitrd, checkReadable, checkWritable } from './files.js';
import { checkJob, hasJob, JobRun, type JobRunOptions } from './job-run.js';
import { makeStats } from './make-stats.js';
import { checkCpus, type SerialTarget } from './parse.js';
import { writePerfDump } from './perf-dump.js';
import { joinPorts } from './port-option.js';
import { RunQmp } from './run-qmp.js';
import { openSerial, type SerialOutput } from './serial.js';
import { checkShares } from './share-option.js';
import { statsTable } from './stats-table.js';
import { summaryLine } from './summary.js';
import { followTerminalSize, Terminal } from './terminal.js';

export interface RunOptions extends JobRunOptions {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly dtb?: string;
  readonly firmware?: string;
  readonly firmwareVars?: string;
  /** Bytes. */
  readonly memory?: number;
  readonly cpus?: number;
  readonly cpu?: 'n1' | 'a57';
  readonly gic?: 2 | 3;
  readonly acpi: boolean;
  readonly tier: Tier;
  readonly disable: readonly string[];
  readonly verify: boolean;
  /** Entries of a block by the interpreter before it is translated. */
  readonly translateAfter?: number;
  /** Guest time is counted: log2 of the nanoseconds that an instruction takes. */
  readonly icount?: number;
  readonly perfMap: boolean;
  readonly perfDump?: string;
  /** Standard input and output otherwise, or nothing when there is a job. */
  readonly serial?: SerialTarget;
  /** Keep the changes to the image's disk in this file. */
  readonly disk?: string;
  readonly until?: RegExp;
  readonly load: readonly RawLoad[];
  readonly drive: readonly Drive[];
  readonly net: readonly Network[];
  readonly console: readonly Port[];
  readonly port: readonly Port[];
  readonly share: readonly Share[];
  readonly balloon?: DeviceBus;
  readonly send: readonly Reply[];
  /** Seconds. */
  readonly timeout?: number;
  readonly stats?: string;
  readonly snapshotSave?: string;
  readonly snapshotLoad?: string;
  readonly gdb?: GdbAddress;
  readonly qmp: readonly QmpAddress[];
  readonly paused: boolean;
  /** Give up what the guest does not need. */
  readonly sandbox: boolean;
  readonly quiet: boolean;
  /** commander's name for --no-reboot: false when given. */
  readonly reboot: boolean;
}

export const defaultImage = 'debian-busybox';
/** How often to look whether the guest has taken its input, in milliseconds. */
const backlogInterval = 50;
const defaultGic = 3;
const defaultMemory = 1024 * 1024 * 1024;

/** What is about translated code needs some. */
function checkTier(options: RunOptions): void {
  if (options.tier === 'direct') return;
  const given = [
    ['--disable', options.disable.length > 0],
    ['--verify', options.verify],
    ['--translate-after', options.translateAfter !== undefined],
    ['--perf-map', options.perfMap],
    ['--perf-dump', options.perfDump !== undefined],
  ] as const;
  const option = given.find(([, isGiven]) => isGiven)?.[0];
  if (option === undefined) return;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option,
    detail: `it is about translated code, and --tier ${options.tier} makes none`,
    remedy: 'leave one of the two out',
  });
}

/** Lockstep knows nothing of a debugger that steps in. */
function checkGdb(options: RunOptions): void {
  if (options.gdb === undefined || !options.verify) return;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--gdb',
    detail: '--verify runs every block twice, which no debugger may interrupt',
    remedy: 'leave one of the two out',
  });
}

/** Standard input and output are for one: the serial port or QMP. */
function checkQmp({ qmp, serial, stats }: RunOptions): void {
  const clients = qmp.filter(({ kind }) => kind === 'stdio').length;
  if (clients === 0) return;
  const others = [
    ['another --qmp stdio', clients > 1],
    ['--serial stdio', serial?.kind === 'stdio'],
    ['--stats -', stats === '-'],
  ] as const;
  const other = others.find(([, isGiven]) => isGiven)?.[0];
  if (other === undefined) return;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--qmp',
    detail: `standard output cannot serve ${other} too`,
    remedy: 'leave one of the two out, or give it another target such as unix:PATH',
  });
}

/** A job needs the machine from its first boot to its end. */
function checkSnapshot(options: RunOptions, image: string | undefined): void {
  const refuse = (option: string, detail: string) => {
    throw new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy: 'leave one of the two out' });
  };
  const { snapshotSave, snapshotLoad } = options;
  if (snapshotSave !== undefined) {
    if (hasJob(options)) refuse('--snapshot-save', '--exec ends the guest, and leaves nothing to go on with');
    checkWritable('--snapshot-save', snapshotSave);
  }
  if (snapshotLoad === undefined) return;
  if (hasJob(options)) refuse('--exec', 'it logs in at a console that --snapshot-load finds as it was left');
  if (image !== undefined) refuse('IMAGE', '--snapshot-load goes on with the machine that was saved');
  if (options.disk !== undefined) refuse('--disk', '--snapshot-load goes on with the disks that the machine had');
  if (options.icount !== undefined) refuse('--icount', '--snapshot-load goes on in the time that the machine had');
  checkReadable('--snapshot-load', snapshotLoad);
}

/** Checks everything that can be checked before anything is built or started. */
function checkOptions(options: RunOptions, image: string | undefined): void {
  checkTier(options);
  checkGdb(options);
  checkQmp(options);
  checkSnapshot(options, image);
  if (options.cpus !== undefined) checkCpus(options.cpus, options.gic ?? defaultGic);
  if (options.memory !== undefined) checkHostMemory(options.memory, describeHost().memory);
  if (options.kernel !== undefined) checkReadable('--kernel', options.kernel);
  if (options.initrd !== undefined) checkInitrd('--initrd', options.initrd);
  if (options.dtb !== undefined) checkDtb('--dtb', options.dtb);
  for (const drive of options.drive) checkDrive('--drive', drive);
  if (options.disk !== undefined) checkWritable('--disk', options.disk);
  if (options.firmware !== undefined) checkReadable('--firmware', options.firmware);
  if (options.firmwareVars !== undefined) checkWritable('--firmware-vars', options.firmwareVars);
  for (const load of options.load) checkReadable('--load', load.path);
  if (options.stats !== undefined && options.stats !== '-') checkWritable('--stats', options.stats);
  if (options.perfDump !== undefined) checkWritable('--perf-dump', options.perfDump);
  if (options.serial?.kind === 'file') checkWritable('--serial', options.serial.path);
  joinPorts(options.console, options.port);
  checkShares(options.share);
  checkJob(options, { until: options.until !== undefined, send: options.send.length > 0 });
}

/** The image's disk comes first; what is written to it is thrown away unless --disk keeps it. */
function drivesOf(options: RunOptions, image: BuiltImage | undefined): readonly Drive[] {
  if (image?.disk === undefined) {
    if (options.disk === undefined) return options.drive;
    const detail = 'it keeps the changes to the disk of an image, and there is none';
    throw new BeelineError('BEELINE_E_OPTION_VALUE', { option: '--disk', detail, remedy: 'use --drive' });
  }
  const first = imageDrive(image.disk);
  if (options.disk === undefined) return [first, ...options.drive];
  if (!existsSync(options.disk)) copyFileSync(image.disk, options.disk, constants.COPYFILE_FICLONE);
  return [{ ...first, path: options.disk, snapshot: false }, ...options.drive];
}

function machineConfig(
  options: RunOptions,
  image: BuiltImage | undefined,
  drives: readonly Drive[],
): NativeMachineConfig {
  return {
    memoryBytes: options.memory ?? image?.memory ?? defaultMemory,
    cpus: options.cpus ?? image?.cpus ?? 1,
    cpuModel: options.cpu ?? 'n1',
    gicVersion: options.gic ?? defaultGic,
    kernel: options.kernel ?? image?.kernel ?? '',
    initrd: options.initrd ?? image?.initrd ?? '',
    dtb: options.dtb ?? '',
    append: options.append ?? image?.append ?? '',
    firmware: options.firmware ?? image?.firmware ?? '',
    firmwareVars: options.firmwareVars ?? '',
    acpi: options.acpi,
    loads: options.load,
    drives,
    networks: options.net,
    balloon: options.balloon ?? 'none',
    shares: checkShares(options.share),
    ports: joinPorts(options.console, options.port),
    ...executionConfig(options),
  };
}

/** What is no part of the machine, but of how it is run. */
function executionConfig(options: RunOptions) {
  return {
    noReboot: !options.reboot,
    tier: options.tier,
    disable: options.disable,
    verify: options.verify,
    ...(options.translateAfter !== undefined && { translateAfter: options.translateAfter }),
    ...(options.icount !== undefined && { icount: options.icount }),
    perfMap: options.perfMap,
    keepDetails: options.perfDump !== undefined,
  };
}

/** What a snapshot leaves open may be given; the rest has to be as it was. */
function restoredConfig(options: RunOptions, saved: NativeMachineConfig): NativeMachineConfig {
  const files = [
    ['--kernel', options.kernel, saved.kernel],
    ['--initrd', options.initrd, saved.initrd],
    ['--dtb', options.dtb, saved.dtb],
    ['--firmware', options.firmware, saved.firmware],
    ['--firmware-vars', options.firmwareVars, saved.firmwareVars],
  ] as const;
  const different =
    files.find(([, given, was]) => given !== undefined && resolve(given) !== was)?.[0] ??
    (options.append !== undefined && options.append !== saved.append ? '--append' : undefined) ??
    (options.load.length > 0 ? '--load' : undefined);
  if (different !== undefined) {
    const detail = 'the snapshot is of a machine with another one';
    throw new BeelineError('BEELINE_E_OPTION_VALUE', {
      option: different,
      detail,
      remedy: 'leave it out: the snapshot says it',
    });
  }
  const ports = joinPorts(options.console, options.port);
  return {
    ...saved,
    memoryBytes: options.memory ?? saved.memoryBytes,
    cpus: options.cpus ?? saved.cpus,
    cpuModel: options.cpu ?? saved.cpuModel,
    gicVersion: options.gic ?? saved.gicVersion,
    drives: options.drive.length > 0 ? options.drive : saved.drives,
    networks: options.net.length > 0 ? options.net : saved.networks,
    ports: ports.length > 0 ? ports : saved.ports.map((port) => ({ ...port, truncate: false })),
    ...executionConfig(options),
  };
}

function say(line: string): void {
  process.stderr.write(`beeline: ${line}\n`);
}

/** Joins standard input to the guest; returns what parts them. */
function connectInput(
  addon: Addon,
  session: Session,
  terminal: Terminal,
  { quiet, snapshotSave }: RunOptions,
): () => void {
  const save = () => {
    if (snapshotSave === undefined) {
      say('there is no file to save to; --snapshot-save FILE gives one');
      return;
    }
    session.save(snapshotSave).then(
      () => say(`saved to ${snapshotSave}`),
      (error: unknown) => say(messageOf(error)),
    );
  };
  const keys = new EscapeKeys({
    onData: (data) => session.write(data),
    onAction: (action) => {
      if (action === 'quit') session.finish(outcome('quit', 'the escape key'));
      else if (action === 'resume') session.resume();
      else if (action === 'save') save();
      else process.stderr.write(`\n${escapeHelp.join('\n')}\n`);
    },
  });
  let resume: NodeJS.Timeout | undefined;
  const onData = (data: Buffer) => {
    if (terminal.isTerminal) {
      keys.push(data);
      return;
    }
    session.write(data);
    if (!session.isBacklogged) return;
    process.stdin.pause();
    resume = setInterval(() => {
      if (session.isBacklogged) return;
      clearInterval(resume);
      process.stdin.resume();
    }, backlogInterval);
  };
  const onError = () => undefined;
  const onSuspend = () => {
    terminal.leaveRaw();
    process.kill(process.pid, 'SIGSTOP');
  };
  const onContinue = () => terminal.enterRaw();
  if (terminal.isTerminal) {
    if (!quiet) say('Ctrl-A x quits, Ctrl-A ? shows help');
    process.on('SIGTSTP', onSuspend);
    process.on('SIGCONT', onContinue);
  }
  process.stdin.on('data', onData);
  process.stdin.on('error', onError);
  addon.guardTerminal(0);
  terminal.enterRaw();
  return () => {
    process.stdin.off('data', onData);
    clearInterval(resume);
    process.stdin.pause();
    process.off('SIGTSTP', onSuspend);
    process.off('SIGCONT', onContinue);
    terminal.leaveRaw();
  };
}

/** Gives a virtio console that is on this terminal the terminal's size; returns what ends that. */
function connectSize(session: Session, ports: readonly Port[]): () => void {
  const port = ports.findIndex(({ kind, console }) => kind === 'serial' && console);
  return port === -1 ? () => undefined : followTerminalSize((size) => session.resizeConsole(port, size));
}

/** Runs a guest to its end and returns the exit status. Throws BeelineError before the guest has started. */
export async function run(imageName: string | undefined, options: RunOptions): Promise<number> {
  checkOptions(options, imageName);
  const sandbox = options.sandbox ? await import('./sandbox.js') : undefined;
  sandbox?.checkSandbox(options);
  if (options.snapshotLoad !== undefined) {
    const addon = loadAddon();
    const config = restoredConfig(options, savedMachine(addon, options.snapshotLoad));
    sandbox?.confineRun(addon, options, config);
    return await runMachine(undefined, options, config, addon, undefined);
  }
  const hasOwn = options.kernel !== undefined || options.firmware !== undefined || options.load.length > 0;
  const name = imageName ?? (hasOwn ? undefined : defaultImage);
  // Loaded when needed: what checks image.json takes longer to load than all the rest.
  const images = name === undefined ? undefined : await import('../images/ensure.js');
  if (name !== undefined) images?.resolveRunnable(name);
  const addon = loadAddon();
  const image = name === undefined ? undefined : await images?.ensureImage(name, { quiet: options.quiet });
  const drives = drivesOf(options, image);
  sandbox?.confineRun(addon, options, machineConfig(options, image, drives));
  const job = hasJob(options) ? await JobRun.prepare(options, image, drives) : undefined;
  try {
    return await runMachine(
      name,
      options,
      machineConfig(options, image, [...drives, ...(job?.drives ?? [])]),
      addon,
      job,
    );
  } finally {
    job?.close();
  }
}

async function runMachine(
  name: string | undefined,
  options: RunOptions,
  config: NativeMachineConfig,
  addon: Addon,
  job: JobRun | undefined,
): Promise<number> {
  const isTaken = job !== undefined || options.qmp.some(({ kind }) => kind === 'stdio');
  const target: SerialTarget = options.serial ?? { kind: isTaken ? 'none' : 'stdio' };
  checkHostMemory(config.memoryBytes, describeHost().memory);
  checkCpus(config.cpus, config.gicVersion);

  (await getLog())?.debug({ config }, 'making the machine');
  let session: Session | undefined;
  let early: ReturnType<typeof outcome> | undefined;
  const end = (result: ReturnType<typeof outcome>) => {
    early ??= result;
    session?.finish(result);
  };
  let qmp: RunQmp | undefined;
  const forgetSignals = onEndingSignal((signal) => end(outcome('signal', signal, signalStatus(signal))));

  let serial: SerialOutput | undefined;
  const output = (data: Uint8Array) => {
    job?.console(data);
    try {
      serial?.write(data);
    } catch (error) {
      const path = 'path' in target ? target.path : 'standard output';
      end(outcome('failure', new BeelineError('BEELINE_E_OUTPUT', { path, detail: systemCode(error) ?? '' }).message));
    }
  };
  const startedAt = new Date();
  session = new Session(addon, {
    config,
    sends: job?.replies ?? options.send,
    until: options.until,
    timeout: options.timeout,
    output,
    startsPaused: options.paused,
    happened: (event) => qmp?.happened(event),
    snapshot: options.snapshotSave,
    paused: (reason) => {
      const key = target.kind === 'stdio' && process.stdin.isTTY ? 'Ctrl-A c here, or ' : '';
      say(`guest paused: ${reason}; free some, then continue it with ${key}kill -CONT ${process.pid}`);
    },
  });
  if (early !== undefined) session.finish(early);
  const gdb = options.gdb === undefined ? undefined : new GdbServer(session.debugger);
  if (gdb !== undefined && options.gdb !== undefined) {
    const address = describeGdbAddress(await gdb.listen(options.gdb));
    if (!options.quiet) say(`gdb may connect: target remote ${address.replace(/^(?:tcp|unix):/, '')}`);
  }
  const onContinue = () => session?.resume();
  process.on('SIGCONT', onContinue);
  if (options.qmp.length > 0) {
    qmp = new RunQmp(session, name, config, target);
    for (const address of options.qmp) await qmp.listen(address);
  }
  serial = await openSerial(target, (data) => session?.write(data));
  const isHere = target.kind === 'stdio';
  const leaveSize = isHere ? connectSize(session, config.ports) : () => undefined;
  const disconnect = isHere ? connectInput(addon, session, new Terminal(), options) : () => undefined;

  let result: SessionResult;
  try {
    if (options.sandbox) (await import('./sandbox.js')).filterRun(addon, config);
    result = await (job?.run(session) ?? session.run());
    gdb?.close(result.outcome.status);
  } finally {
    disconnect();
    leaveSize();
    process.off('SIGCONT', onContinue);
    serial.close();
    qmp?.close();
    forgetSignals();
  }

  const stats = makeStats(options, name ?? null, config, startedAt, result);
  const isExpected = options.quiet || result.outcome.reason === 'job';
  if (!isExpected || result.outcome.reason === 'failure') {
    if (target.kind === 'stdio' && result.endsInsideLine) process.stderr.write('\n');
    say(summaryLine(stats, describeOutcome(result.outcome), options.until !== undefined));
  }
  if (options.snapshotSave !== undefined) {
    if (result.snapshotError !== undefined) say(result.snapshotError.message);
    else if (!options.quiet) say(`saved to ${options.snapshotSave}`);
  }
  if (options.stats !== undefined) {
    if (options.stats === '-') process.stdout.write(statsTable(stats));
    else (options.sandbox ? writeFileSync : writeFileAtomically)(options.stats, `${JSON.stringify(stats, null, 2)}\n`);
  }
  if (options.perfDump !== undefined && result.stats !== undefined) {
    writePerfDump(options.perfDump, session.translations(), {
      disabled: options.disable,
      evicted: stats.translation?.evicted ?? 0,
    });
  }
  const saved = result.snapshotError === undefined;
  return saved || result.outcome.status !== ExitStatus.ok ? result.outcome.status : ExitStatus.failure;
}
