// The commands about guests of a daemon, as the command line declares them.
import { type Command, Option } from 'commander';
import { parseMemory } from '../memory-size.js';
import { defaultTraceRecords, mostTraceRecords, traceCategories } from '../monitor/trace-limits.js';
import type { Drive, Network, Port, RawLoad, Share } from '../native/addon.js';
import type { AttachOptions } from './attach.js';
import { addClientOptions, type ClientOptions } from './client.js';
import type { ExecOptions } from './exec.js';
import type { CreateOptions, EventsOptions, LogsOptions } from './guests.js';
import { parseNet } from './network-option.js';
import { parseChoice, parseCount, parseCpus, parseDrive, parseLoad, parseTimeout } from './parse.js';
import { parseConsole, parsePort } from './port-option.js';
import { parseShare } from './share-option.js';
import type { TraceOptions } from './trace.js';

/** Loaded when needed, as they take the monitor's client. */
const guests = () => import('./guests.js');

type Done = (status: number) => void;

const gather = (text: string, before: readonly string[] | undefined) => [...(before ?? []), text];

function choice(flags: string, description: string, choices: readonly string[]): Option {
  const long = flags.split(' ')[0] ?? flags;
  return new Option(flags, description).choices(choices).argParser((text: string) => parseChoice(long, choices, text));
}

function addLife(program: Command, done: Done): void {
  addClientOptions(program.command('ps'))
    .summary("list the daemon's guests")
    .description("Lists the daemon's guests.")
    .action(async (options: ClientOptions) => done(await (await guests()).ps(options)));
  const create = program
    .command('create')
    .summary('make a guest that the daemon keeps')
    .description('Makes a guest that the daemon keeps until it is deleted.')
    .argument('<GUEST>', 'its name: small letters, digits and _ . - inside')
    .argument('[IMAGE]', 'guest image that is built')
    .option('--kernel <FILE>', 'kernel, as for beeline run')
    .option('--initrd <FILE>', 'initial RAM disk')
    .option('--dtb <FILE>', 'device tree blob to use instead of the one built')
    .option('--append <STRING>', 'kernel command line')
    .option('--firmware <FILE>', 'start this firmware from flash, as for beeline run')
    .option('--firmware-vars <FILE>', 'keep the variables of the firmware in this file')
    .option(
      '--load <FILE@ADDRESS>',
      'copy a file to guest memory or flash as it is; repeatable',
      (text: string, before: readonly RawLoad[] | undefined) => [...(before ?? []), parseLoad(text)],
    )
    .option(
      '--drive <FILE[,OPTION...]>',
      'a disk, as for beeline run; repeatable',
      (text: string, before: readonly Drive[] | undefined) => [...(before ?? []), parseDrive(text)],
    )
    .option(
      '--net <KIND[,OPTION...]>',
      'a network card, as for beeline run; repeatable',
      (text: string, before: readonly Network[] | undefined) => [...(before ?? []), parseNet(text)],
    )
    .option(
      '--console <TARGET[,OPTION...]>',
      'a console, as for beeline run; stdio is what beeline attach shows; repeatable',
      (text: string, before: readonly Port[] | undefined) => [...(before ?? []), parseConsole(text)],
    )
    .option(
      '--port <NAME,TARGET[,OPTION...]>',
      'a port, as for beeline run; repeatable',
      (text: string, before: readonly Port[] | undefined) => [...(before ?? []), parsePort(text)],
    )
    .option(
      '--share <PATH,tag=TAG[,OPTION...]>',
      'a folder for the guest, as for beeline run; repeatable',
      (text: string, before: readonly Share[] | undefined) => [...(before ?? []), parseShare(text)],
    )
    .addOption(choice('--balloon <BUS>', 'a memory balloon, as for beeline run', ['mmio', 'pci']))
    .option('--memory <SIZE>', 'guest memory, such as 512M or 1G (default: 1G)', parseMemory)
    .option('--cpus <N>', 'number of CPUs (default: 1)', parseCpus)
    .addOption(choice('--cpu <MODEL>', 'CPU model (default: n1)', ['n1', 'a57']))
    .addOption(choice('--gic <VERSION>', 'interrupt controller (default: 3)', ['2', '3']))
    .addOption(choice('--acpi <SWITCH>', 'offer firmware ACPI tables (default: on)', ['on', 'off']))
    .addOption(choice('--tier <TIER>', 'execution engine (default: direct)', ['interpreter', 'direct']))
    .option('--count-blocks', "count executions of translated blocks, for the monitor's perf.hotBlocks; slower")
    .option('--no-reboot', 'a reset ends the guest')
    .addOption(
      choice('--restart <WHEN>', 'start it again after a crash or panic, or always (default: never)', [
        'never',
        'on-failure',
        'always',
      ]),
    )
    .option('--start', 'start it, too');
  addClientOptions(create).action(async (name: string, image: string | undefined, options: CreateOptions) => {
    done(await (await guests()).create(name, image, options));
  });
  addClientOptions(program.command('start'))
    .summary('start guests')
    .description('Starts guests that are not running.')
    .argument('<GUEST...>', 'guests')
    .option('--paused', 'executing nothing until they are resumed')
    .option('--accept-files', 'also when files have become what the guest could have made of them')
    .action(async (names: string[], options: ClientOptions & { paused?: boolean; acceptFiles?: boolean }) => {
      const params = { paused: options.paused ?? false, acceptFiles: options.acceptFiles ?? false };
      done(
        await (await guests()).forGuests(names, options, (client, vm) => client.call('vm.start', { vm, ...params })),
      );
    });
  for (const [verb, summary] of [
    ['pause', 'halt guests and their clocks'],
    ['resume', 'let paused guests go on'],
    ['reset', 'reset guests'],
    ['powerdown', "press guests' power buttons"],
  ] as const) {
    addClientOptions(program.command(verb))
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .argument('<GUEST...>', 'guests')
      .action(async (names: string[], options: ClientOptions) => {
        done(await (await guests()).forGuests(names, options, (client, vm) => client.call(`vm.${verb}`, { vm })));
      });
  }
  addClientOptions(program.command('stop'))
    .summary('end guests')
    .description('Presses the power button, waits, and ends guests that do not obey.')
    .argument('<GUEST...>', 'guests')
    .option('--timeout <SECONDS>', 'how long to wait for the guest; 0 does not ask it (default: 10)', (text: string) =>
      parseCount('--timeout', 0, text),
    )
    .option('--no-force', 'leave a guest alone that does not obey, with status 4')
    .action(async (names: string[], options: ClientOptions & { timeout?: number; force: boolean }) => {
      const { timeout, force } = options;
      const how = { force, ...(timeout !== undefined && { timeout }) };
      done(await (await guests()).forGuests(names, options, (client, vm) => client.call('vm.stop', { vm, ...how })));
    });
  addClientOptions(program.command('delete'))
    .summary('forget guests')
    .description('Forgets guests with all that is kept of them.')
    .argument('<GUEST...>', 'guests')
    .option('--force', 'stop them first')
    .action(async (names: string[], options: ClientOptions & { force?: boolean }) => {
      const force = options.force ?? false;
      done(await (await guests()).forGuests(names, options, (client, vm) => client.call('vm.delete', { vm, force })));
    });
}

function addConsole(program: Command, done: Done): void {
  addClientOptions(program.command('attach'))
    .summary("be at a guest's console")
    .description(
      "Joins this terminal to a guest's console. Any number may be there; Ctrl-A x leaves. A virtio console takes the size of the terminal that joined or changed last.",
    )
    .argument('<GUEST>', 'guest')
    .option('--history <BYTES>', 'how much of what was written before (default: 65536)', (text: string) =>
      parseCount('--history', 0, text),
    )
    .action(async (name: string, options: AttachOptions) => {
      done(await (await import('./attach.js')).attach(name, options));
    });
  addClientOptions(program.command('exec'))
    .summary('run a command in a guest')
    .description(
      "Types a command to the shell that waits at a guest's console; prints its output and ends with its exit status.",
    )
    .argument('<GUEST>', 'guest')
    .argument('<COMMAND...>', 'command, for the shell; options of ours come before GUEST')
    .option('--timeout <SECONDS>', 'end with status 4 after this time (default: 60)', parseTimeout)
    .passThroughOptions()
    .action(async (name: string, words: string[], options: ExecOptions) => {
      done(await (await import('./exec.js')).exec(name, words, options));
    });
  addClientOptions(program.command('logs'))
    .summary('print what a guest or the daemon has written')
    .description("Prints what a guest's console has written, as far as it is kept; without a guest the daemon's log.")
    .argument('[GUEST]', 'guest')
    .option('--follow', 'go on with what comes')
    .option('--process', "what the guest's process has said instead")
    .option('--lines <N>', 'lines of a log, not of a console (default: 100)', (text: string) =>
      parseCount('--lines', 1, text),
    )
    .action(async (name: string | undefined, options: LogsOptions) => done(await (await guests()).logs(name, options)));
}

const eventNotes = `
Each event has a cursor. Whoever comes back with the cursor of the last event it has seen misses none, whatever happened to
the connection or the daemon meanwhile; while it runs, this command does so by itself.`;

const monitorNotes = `
Examples:
  beeline monitor monitor.version
  beeline monitor vm.status '{"vm": "builder"}'

docs/monitor/ describes every method.`;

function addMonitor(program: Command, done: Done): void {
  addClientOptions(program.command('events'))
    .summary('print what happens to guests')
    .description('Prints events as they come.')
    .option('--guest <GUEST>', 'only of this guest; repeatable', gather)
    .option('--event <NAME>', 'only this one, such as vm.state or vm.*; repeatable', gather)
    .option('--cursor <CURSOR>', 'begin after this one')
    .option('--no-follow', 'print what is kept (from the cursor, or the latest), and end')
    .addHelpText('after', eventNotes)
    .action(async (options: EventsOptions) => done(await (await guests()).events(options)));
  addClientOptions(program.command('monitor'))
    .summary('call a method of the monitor')
    .description('Calls a method of the monitor and prints its result as JSON.')
    .argument('<METHOD>', 'such as vm.list')
    .argument('[PARAMS]', 'a JSON object', '{}')
    .addHelpText('after', monitorNotes)
    .action(async (method: string, params: string, options: ClientOptions) => {
      done(await (await guests()).callMonitor(method, params, options));
    });
}

const traceNotes = `
Categories: ${traceCategories.join(', ')}. Without any, all but returns; a guest that is traced already is just read.
Times are the guest's, in seconds. What comes faster than it is read is lost, and counted; the guest is never held up.`;

function addTrace(program: Command, done: Done): void {
  addClientOptions(program.command('trace'))
    .summary("print what a guest's CPUs go through")
    .description("Prints exceptions, interrupts, calls, accesses to devices and more of a guest's CPUs, as they come.")
    .argument('<GUEST>', 'guest')
    .option('--categories <LIST>', 'of which kinds, separated by commas', (text: string) =>
      text.split(',').map((word) => parseChoice('--categories', traceCategories, word)),
    )
    .option('--records <N>', `how many of each CPU wait to be read (default: ${defaultTraceRecords})`, (text: string) =>
      parseCount('--records', 16, text, mostTraceRecords),
    )
    .option('--count <N>', 'end after so many', (text: string) => parseCount('--count', 1, text))
    .addHelpText('after', traceNotes)
    .action(async (guest: string, options: TraceOptions) => {
      done(await (await import('./trace.js')).trace(guest, options));
    });
}

const snapshotNotes = `
A snapshot is the whole guest: memory, CPUs, devices, and what drives with snapshot have been written. It is kept in the
guest's folder until it or the guest is deleted. Other disks must not have changed when it is loaded.`;

function addSnapshots(program: Command, done: Done): void {
  const snapshot = program
    .command('snapshot')
    .summary('save guests, and go on from what was saved')
    .description('Saves guests of the daemon, and lets them go on from what was saved.')
    .addHelpText('after', snapshotNotes);
  for (const [verb, description] of [
    ['save', 'Saves a guest, which goes on afterwards; a snapshot of that name is replaced.'],
    ['load', 'Lets a guest go on from a snapshot; one that does not run is started.'],
    ['delete', 'Deletes a snapshot.'],
  ] as const) {
    addClientOptions(snapshot.command(verb))
      .description(description)
      .argument('<GUEST>', 'guest')
      .argument('<NAME>', 'snapshot: small letters, digits and _ . - inside')
      .action(async (guest: string, name: string, options: ClientOptions) => {
        done(await (await guests()).actOnSnapshot(verb, guest, name, options));
      });
  }
  addClientOptions(snapshot.command('list'))
    .description("Lists a guest's snapshots, the latest first.")
    .argument('<GUEST>', 'guest')
    .action(async (guest: string, options: ClientOptions) => {
      done(await (await guests()).listSnapshots(guest, options));
    });
}

export function addGuestCommands(program: Command, done: Done): void {
  addLife(program, done);
  addConsole(program, done);
  addSnapshots(program, done);
  addMonitor(program, done);
  addTrace(program, done);
}
