// The command line: what there is to say, and what each thing calls.
import { Argument, Command, Option } from 'commander';
import { parseMemory } from '../memory-size.js';
import type { Drive, Network, Port, RawLoad, Share, Tier } from '../native/addon.js';
import type { QmpAddress } from '../qmp/server.js';
import { version } from '../version.js';
import type { Reply } from '../vm/matcher.js';
import { addBenchCommands } from './bench-program.js';
import { printCompletion, shells } from './completion.js';
import { addDaemonCommands } from './daemon-program.js';
import { doctor } from './doctor.js';
import { addGuestCommands } from './guests-program.js';
import type { JobRunOptions } from './job-run.js';
import { parseNet } from './network-option.js';
import {
  maximumCpus,
  parseChoice,
  parseCopyIn,
  parseCopyOut,
  parseCpus,
  parseDrive,
  parseEnv,
  parseGdb,
  parseIcountShift,
  parseLoad,
  parseQmp,
  parseRegex,
  parseSend,
  parseSerial,
  parseTimeout,
  parseTop,
  parseTranslateAfter,
} from './parse.js';
import { parseConsole, parsePort } from './port-option.js';
import { defaultImage, type RunOptions, run } from './run.js';
import { parseShare } from './share-option.js';
import { techniqueNames } from './techniques.js';

/** An option that takes one of a few values; the refusal is a row of our table, not commander's. */
function choiceOption(flags: string, description: string, choices: readonly string[], initial: string): Option {
  const long = flags.split(' ')[0] ?? flags;
  const option = new Option(flags, description).choices(choices).default(undefined, initial);
  return option.argParser((text: string) => parseChoice(long, choices, text));
}

const runNotes = `
IMAGE is a name that \`beeline image list\` shows; without IMAGE, --kernel and --load it is ${defaultImage}. An image that is not
built yet is built first. --kernel, --initrd and --append replace those of the image.
Where there is no kernel, the first file of --load is started at its first byte.

--drive FILE takes further words behind commas. snapshot keeps FILE as it is: writes go to a temporary file in TMPDIR
(/var/tmp), gone at the end. at=NAME shows what a snapshot inside a qcow2 file holds; it goes with readonly or snapshot. Without format= the file's first bytes tell. aio=threads does without io_uring. bus=pci makes it a PCI device, of --net too. Two commas are
one of a file's name. When the host runs out of space the guest pauses and goes on at Ctrl-A c or SIGCONT.

--net user is a network of the guest's own, with address translation: it has 10.0.2.15 by DHCP, the host is 10.0.2.2,
and the host's name servers answer at 10.0.2.3. hostfwd=tcp:127.0.0.1:2222-:22 (or udp:) leads a port of the host to one of the guest;
without the first address it is a port of every address of the host. restrict leaves only that. --net tap,ifname=NAME
uses a tap interface that exists and is yours. mac= gives the card an address other than 52:54:00:12:34:56, 57 and on.

--console and --port lead bytes of the guest to socket=PATH, a Unix socket that one client at a time connects to, or to the
end of file=PATH (truncate empties it first). stdio is where --serial goes, and what is typed then goes there; on a terminal
such a console has the terminal's size. A console never makes the guest wait: its latest 64 KiB are kept for a client that
does not read, or is yet to come. What is written to a port waits in the guest for a client to read it.

--share PATH,tag=TAG gives the guest the folder PATH and what is in it, and nothing else: it mounts it with
mount -t 9p -o trans=virtio,version=9p2000.L TAG /mnt. Symbolic links are the guest's to follow; special files, extended
attributes, set-user-ID and other file systems below PATH are refused. Files that the guest makes are yours. Debian's
cloud kernels have no 9p; its generic ones do, as in the image debian-generic.

REGEX is a JavaScript regular expression in multi-line mode: ^ and $ match at line ends, and $ also at the end of what has
arrived. Terminal escape sequences are left out before matching. Each --send fires once, in the order given, on text after
the match of the one before; --until is looked for after the last of them. In --send, REGEX ends at the first = (write \\=
for an = in it), and TEXT knows \\n \\r \\t \\\\ and \\xNN.

--exec logs in at the console, runs COMMAND in the shell of root with what --copy-in brought, and ends the machine when all
is done or one has failed; status and output are those of COMMAND, standard error apart. --copy-out comes even after a
failure. A path of the host or the guest that ends with / is a folder to copy into. Disks that the machine keeps see the
guest power off first. The console goes nowhere, unless --serial says so.

An image's disk is /dev/vda, before those of --drive, and what is written to it is thrown away unless --disk keeps it.

A snapshot is the whole machine: memory, CPUs, devices, and what drives with snapshot have been written. --snapshot-load
makes the machine that was saved, without IMAGE; --memory, --cpus and the rest are left out, or as they were. --drive and
--net may be given anew where files or ports have moved. Other disks must not have changed since. Connections of --net
user are not kept.

--sandbox keeps only what was named here: files in place, the folders of sockets, images, and a folder of temporary files in
the cache. Programs, other sockets and most of the kernel's services are refused once the guest runs; --net user keeps the
network. --copy-out, --snapshot-save, --perf-dump and --perf-map do not go with it.

Keys: Ctrl-A x quits, Ctrl-A c continues a paused guest, Ctrl-A s saves, Ctrl-A ? shows help, Ctrl-A Ctrl-A sends Ctrl-A.

Exit status: that of the last --exec; else 0 guest powered off or --until matched, 1 failure of Beeline, 2 bad usage or input, 3 guest reset with
--no-reboot, 4 timeout, 5 guest kernel panicked, 130 quit by Ctrl-A x or Ctrl-C, 128 + N ended by signal N.`;

/** As commander leaves them: what was not given is absent. */
interface RawRunOptions
  extends Omit<
      RunOptions,
      | 'gic'
      | 'acpi'
      | 'tier'
      | 'load'
      | 'drive'
      | 'net'
      | 'console'
      | 'port'
      | 'share'
      | 'send'
      | 'qmp'
      | 'disable'
      | 'verify'
      | 'icount'
      | 'perfMap'
      | 'paused'
      | 'sandbox'
      | 'quiet'
      | keyof JobRunOptions
    >,
    Partial<JobRunOptions> {
  readonly gic?: '2' | '3';
  readonly acpi?: 'on' | 'off';
  readonly tier?: Tier;
  readonly load?: readonly RawLoad[];
  readonly drive?: readonly Drive[];
  readonly net?: readonly Network[];
  readonly console?: readonly Port[];
  readonly port?: readonly Port[];
  readonly share?: readonly Share[];
  readonly send?: readonly Reply[];
  readonly qmp?: readonly QmpAddress[];
  readonly disable?: readonly string[];
  readonly verify?: boolean;
  readonly icount?: boolean;
  readonly icountShift?: number;
  readonly perfMap?: boolean;
  readonly paused?: boolean;
  readonly sandbox?: boolean;
  readonly quiet?: boolean;
}

function addRun(program: Command, done: (status: number) => void): void {
  const append = <T>(parse: (text: string) => T) => {
    return (text: string, before: readonly T[] | undefined) => [...(before ?? []), parse(text)];
  };
  program
    .command('run')
    .summary('run a guest in the foreground')
    .description('Runs a guest in the foreground.')
    .argument('[IMAGE]', 'guest image')
    .option('--kernel <FILE>', 'kernel: arm64 Image (raw, gzip or EFI zboot) or ELF')
    .option('--initrd <FILE>', 'initial RAM disk')
    .option('--append <STRING>', 'kernel command line')
    .option('--dtb <FILE>', 'device tree blob to use instead of the one built')
    .option('--firmware <FILE>', 'start this firmware from flash, such as EDK2 or U-Boot; --kernel is left to it')
    .option('--firmware-vars <FILE>', 'keep the variables of the firmware in this file of 64 MiB, made when missing')
    .option(
      '--load <FILE@ADDRESS>',
      'copy a file to guest memory or flash as it is; repeatable',
      append<RawLoad>(parseLoad),
    )
    .option(
      '--drive <FILE[,OPTION...]>',
      'a disk, as /dev/vda and so on: format=raw|qcow2, readonly, snapshot, at=NAME, serial=TEXT; repeatable',
      append<Drive>(parseDrive),
    )
    .option(
      '--net <KIND[,OPTION...]>',
      'network card: user[,hostfwd=RULE...] or tap,ifname=NAME; repeatable',
      append<Network>(parseNet),
    )
    .option(
      '--console <TARGET[,OPTION...]>',
      'console, as /dev/hvc0 and so on: socket=PATH, file=PATH or stdio; repeatable',
      append<Port>(parseConsole),
    )
    .option(
      '--port <NAME,TARGET[,OPTION...]>',
      'port, as /dev/virtio-ports/NAME: socket=PATH or file=PATH; repeatable',
      append<Port>(parsePort),
    )
    .option(
      '--share <PATH,tag=TAG[,OPTION...]>',
      'a folder for the guest to mount by TAG with 9p: readonly; repeatable',
      append<Share>(parseShare),
    )
    .addOption(
      new Option('--balloon <BUS>', 'a memory balloon, which QMP controls; free memory goes back to the host')
        .choices(['mmio', 'pci'])
        .argParser((text: string) => parseChoice('--balloon', ['mmio', 'pci'], text)),
    )
    .option('--disk <FILE>', "keep the changes to the image's disk in this file, made when missing")
    .option('--memory <SIZE>', 'guest memory, such as 512M or 1G; without a unit MiB (default: 1G)', parseMemory)
    .option(
      '--cpus <N>',
      `number of CPUs, up to ${maximumCpus[2]} with GICv2, ${maximumCpus[3]} with GICv3 (default: 1)`,
      parseCpus,
    )
    .addOption(choiceOption('--cpu <MODEL>', 'CPU model', ['n1', 'a57'], 'n1'))
    .addOption(choiceOption('--gic <VERSION>', 'interrupt controller', ['2', '3'], '3'))
    .addOption(choiceOption('--acpi <SWITCH>', 'offer firmware ACPI tables', ['on', 'off'], 'on'))
    .addOption(choiceOption('--tier <TIER>', 'execution engine', ['interpreter', 'direct'], 'direct'))
    .addOption(
      new Option('--disable <TECHNIQUE>', 'switch a technique of the direct tier off; repeatable')
        .choices(techniqueNames)
        .argParser(append<string>((text: string) => parseChoice('--disable', techniqueNames, text))),
    )
    .option('--verify', 'check translated code against the interpreter: one CPU, slow')
    .option(
      '--translate-after <N>',
      'interpret a block N times before it is translated (default: as measured best)',
      parseTranslateAfter,
    )
    .option('--icount', 'count guest time in instructions, 1 ns each, so that every run is the same; one CPU')
    .option('--icount-shift <N>', 'the same, 2^N ns each', parseIcountShift)
    .option('--perf-map', 'name translated code for Linux perf in /tmp/perf-PID.map')
    .option('--perf-dump <FILE>', 'write translated code and count its executions, for beeline inspect')
    .addOption(
      new Option('--serial <TARGET>', 'where the serial port goes: stdio, file:PATH, unix:PATH[,server] or none')
        .argParser(parseSerial)
        .default(undefined, 'stdio; none with --exec and --qmp stdio'),
    )
    .option(
      '--exec <COMMAND>',
      'log in, run COMMAND in the shell, end with its status; repeatable',
      append<string>(String),
    )
    .option('--env <NAME=VALUE>', 'set a variable for --exec; NAME alone takes it over; repeatable', append(parseEnv))
    .option('--copy-in <HOST:GUEST>', 'copy a file or folder in before --exec; repeatable', append(parseCopyIn))
    .option('--copy-out <GUEST:HOST>', 'copy a file or folder out after --exec; repeatable', append(parseCopyOut))
    .option('--until <REGEX>', 'end with status 0 when the console matches', (text: string) =>
      parseRegex('--until', text),
    )
    .option('--send <REGEX=TEXT>', 'send TEXT when the console matches; repeatable', append<Reply>(parseSend))
    .option(
      '--snapshot-save <FILE>',
      'save the machine when --until, --timeout, Ctrl-A x or a signal ends it; Ctrl-A s at once',
    )
    .option('--snapshot-load <FILE>', 'go on with the machine that was saved there')
    .option('--gdb <ADDRESS>', 'where gdb may connect: tcp:127.0.0.1:PORT or unix:PATH', parseGdb)
    .option(
      '--qmp <ADDRESS>',
      'serve QMP, as QEMU has it: stdio, unix:PATH or tcp:127.0.0.1:PORT; repeatable',
      append<QmpAddress>(parseQmp),
    )
    .option('--paused', 'wait at the first instruction for gdb, QMP, Ctrl-A c or SIGCONT')
    .option('--sandbox', 'give up all files and privileges that the guest does not need (Linux 5.13 with Landlock)')
    .option('--timeout <SECONDS>', 'end with status 4 after this time', parseTimeout)
    .option('--stats <FILE>', 'write statistics as JSON; - prints a table')
    .option('--quiet', 'print nothing of our own but errors')
    .option('--no-reboot', 'end with status 3 when the guest resets')
    .addHelpText('after', runNotes)
    .action(async (image: string | undefined, options: RawRunOptions) => {
      const {
        load = [],
        drive = [],
        net = [],
        console = [],
        port = [],
        share = [],
        send = [],
        qmp = [],
        exec = [],
        env = [],
        copyIn = [],
        copyOut = [],
        disable = [],
        verify = false,
        icount = false,
        icountShift = icount ? 0 : undefined,
        perfMap = false,
        paused = false,
        sandbox = false,
        quiet = false,
        tier = 'direct',
        gic,
        ...others
      } = options;
      done(
        await run(image, {
          ...others,
          load,
          drive,
          net,
          console,
          port,
          share,
          send,
          qmp,
          exec,
          env,
          copyIn,
          copyOut,
          disable,
          verify,
          ...(icountShift !== undefined && { icount: icountShift }),
          perfMap,
          paused,
          sandbox,
          quiet,
          tier,
          ...(gic !== undefined && { gic: gic === '2' ? 2 : 3 }),
          acpi: options.acpi !== 'off',
        }),
      );
    });
}

/** Loaded when needed, as it takes the same large module as images do. */
const inspection = () => import('./inspect.js');

const inspectNotes = `
Examples:
  beeline run bare/mmu --serial none --translate-after 0 --perf-dump dump
  beeline inspect hot dump --top 5
  beeline inspect blocks dump
  beeline inspect block 0x40200000 dump`;

function addInspect(program: Command, done: (status: number) => void): void {
  const inspect = program
    .command('inspect')
    .summary('look at translated code')
    .description('Looks at translated code, as `beeline run --perf-dump FILE` has written it.')
    .addHelpText('after', inspectNotes);
  inspect
    .command('blocks')
    .description('Lists every block by its guest address.')
    .argument('<FILE>', 'the dump')
    .action(async (file: string) => done(await (await inspection()).inspectBlocks(file)));
  inspect
    .command('block')
    .description('Shows guest and host code of the blocks that hold a guest address, side by side.')
    .argument('<ADDR>', 'virtual or physical, in hexadecimal')
    .argument('<FILE>', 'the dump')
    .action(async (address: string, file: string) => done(await (await inspection()).inspectBlock(address, file)));
  inspect
    .command('hot')
    .description('Lists the blocks in which most guest instructions were executed.')
    .argument('<FILE>', 'the dump')
    .option('--top <N>', 'how many (default: 20)', parseTop)
    .action(async (file: string, options: { top?: number }) => {
      done(await (await inspection()).inspectHot(file, options.top ?? 20));
    });
}

/** Loaded when needed: checking recipes takes a large module. */
const images = () => import('./image.js');

function addImage(program: Command, done: (status: number) => void): void {
  const image = program.command('image').summary('manage guest images').description('Manages guest images.');
  image
    .command('list')
    .description('Lists the images and whether they are built.')
    .option('--names', 'only the names that `beeline run` takes')
    .action(async (options: { names?: boolean }) => done((await images()).listImages(options)));
  image
    .command('build')
    .description(
      `Builds images that are missing, broken or older than their recipe (${defaultImage} when none is named).`,
    )
    .argument('[NAME...]', 'images')
    .option('--force', 'build even when the cache is up to date')
    .option('--quiet', 'print nothing but errors')
    .action(async (names: string[], options: { force?: boolean; quiet?: boolean }) => {
      done(
        await (await images()).buildImages(names.length > 0 ? names : [defaultImage], {
          force: options.force ?? false,
          quiet: options.quiet ?? false,
        }),
      );
    });
  image
    .command('path')
    .description('Prints the folder of a built image, or one of its files.')
    .argument('<NAME>', 'image')
    .addOption(new Option('--kernel', 'the kernel').conflicts(['initrd', 'disk', 'firmware']))
    .addOption(new Option('--initrd', 'the initial RAM disk').conflicts(['disk', 'firmware']))
    .addOption(new Option('--disk', 'the disk; it is not to be written to').conflicts('firmware'))
    .option('--firmware', 'the firmware')
    .action(async (name: string, options: Partial<Record<'kernel' | 'initrd' | 'disk' | 'firmware', boolean>>) => {
      done((await images()).printImagePath(name, options));
    });
  image
    .command('verify')
    .description('Checks every byte of built images against the recorded checksums (all when none is named).')
    .argument('[NAME...]', 'images')
    .action(async (names: string[]) => done((await images()).verifyImages(names)));
  image
    .command('remove')
    .description('Removes built images from the cache.')
    .argument('<NAME...>', 'images')
    .action(async (names: string[]) => done((await images()).removeImages(names)));
}

/** `done` receives the exit status of the command that ran. */
export function createProgram(done: (status: number) => void): Command {
  const program = new Command('beeline')
    .description('Boots AArch64 operating systems headless on x86-64 Linux.')
    .version(version())
    .helpCommand(false)
    // What follows the command of `exec` is the guest's.
    .enablePositionalOptions()
    .exitOverride()
    // Errors are printed by main, in one line and with a remedy.
    .configureOutput({ outputError: () => undefined });
  addRun(program, done);
  addImage(program, done);
  addInspect(program, done);
  addDaemonCommands(program, done);
  addGuestCommands(program, done);
  addBenchCommands(program, done);
  program
    .command('doctor')
    .summary('say what this host offers and lacks')
    .description('Says what this host offers and lacks. Exit status 1 when guests cannot run.')
    .action(() => done(doctor()));
  program
    .command('completion')
    .summary('print a completion script for a shell')
    .description('Prints a completion script, for instance: source <(beeline completion bash)')
    .addArgument(new Argument('<SHELL>', 'the shell').choices(shells).argParser((text: string) => text))
    .action((shell: string) => done(printCompletion(program, shell)));
  return program;
}
