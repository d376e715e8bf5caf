// The command line of the benchmarks.
import { Argument, Command, Option } from 'commander';
import { BeelineError } from '../errors.js';
import { groups } from './suite.js';

export interface BenchOptions {
  readonly workloads: readonly string[];
  readonly groups: readonly string[];
  readonly quick: boolean;
  readonly rounds: number;
  /** Of every workload's guest; otherwise each group's own number. */
  readonly cpus: number | undefined;
  readonly cpuModel: 'n1' | 'a57';
  readonly tiers: readonly string[];
  readonly qemu: boolean;
  /** Each a list of techniques, and a column of its own. */
  readonly disable: readonly (readonly string[])[];
  readonly boot: boolean;
  /** Whether the workloads are to be run; --boot alone does without. */
  readonly suite: boolean;
  /** Path of the results in JSON. */
  readonly json: string | undefined;
  /** Seconds. */
  readonly timeout: number;
}

/** What this Beeline has to offer. */
export interface Available {
  readonly tiers: readonly string[];
  readonly techniques: readonly string[];
}

const usualRounds = 5;
const quickRounds = 3;

function refuse(option: string, detail: string, remedy: string): never {
  throw new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy });
}

function parseList(option: string, known: readonly string[]): (text: string) => readonly string[] {
  return (text) => {
    const names = text.split(',').map((name) => name.trim());
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) refuse(option, `${unknown} is unknown`, `choose from ${known.join(', ')}`);
    return names;
  };
}

function parseCount(option: string, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isGood = Number.isInteger(value) && value >= 1 && value <= most;
    return isGood ? value : refuse(option, `${text} is no such number`, `give a whole number from 1 to ${most}`);
  };
}

interface RawOptions {
  readonly group?: readonly string[];
  readonly quick?: true;
  readonly rounds?: number;
  readonly cpus?: number;
  readonly cpu: 'n1' | 'a57';
  readonly tiers?: readonly string[];
  readonly qemu: boolean;
  readonly disable?: readonly (readonly string[])[];
  readonly boot?: true;
  readonly cold?: true;
  readonly json?: string;
  readonly timeout: number;
}

function toOptions(workloads: readonly string[], raw: RawOptions, available: Available): BenchOptions {
  const { techniques } = available;
  const selected = [...(raw.group ?? []), ...(raw.cold ? ['cold'] : [])];
  const lists = (raw.disable ?? []).map((list) => (list.includes('all') ? techniques : list));
  return {
    workloads,
    groups: selected,
    quick: raw.quick ?? false,
    rounds: raw.rounds ?? (raw.quick ? quickRounds : usualRounds),
    cpus: raw.cpus,
    cpuModel: raw.cpu,
    tiers: raw.tiers?.filter((name) => name !== 'none') ?? available.tiers,
    qemu: raw.qemu,
    disable: lists,
    boot: raw.boot ?? false,
    suite: !raw.boot || selected.length > 0 || workloads.length > 0,
    json: raw.json,
    timeout: raw.timeout,
  };
}

const notes = `
Without --group and WORKLOAD all groups but cold are measured. In each round every workload runs on this host, QEMU and
each tier in turn. QEMU is $BEELINE_QEMU, otherwise qemu-system-aarch64 from the path. Where faster tiers are measured
too, the interpreter takes part in the first round only.`;

export function createBenchProgram(available: Available, done: (options: BenchOptions) => void): Command {
  const { techniques } = available;
  const groupNames = groups.map(({ name }) => name);
  const known = groups.flatMap((group) => group.workloads);
  const parseDisable = parseList('--disable', [...techniques, 'all']);
  return new Command('npm run bench --')
    .description('Measures Beeline against QEMU and this host.')
    .addArgument(
      new Argument('[WORKLOAD...]', 'workloads').argParser((text: string, before: string[] | undefined) => {
        if (!known.includes(text)) refuse('WORKLOAD', `${text} is unknown`, `choose from ${known.join(', ')}`);
        return [...(before ?? []), text];
      }),
    )
    .option('--quick', `a few workloads, ${quickRounds} rounds`)
    .option('--group <LIST>', `groups: ${groupNames.join(', ')}`, parseList('--group', groupNames))
    .option('--cold', 'the same as --group cold: code that runs once')
    .option('--boot', 'from power-on to the prompt of debian-busybox')
    .option('--rounds <N>', `rounds (default: ${usualRounds})`, parseCount('--rounds', 1000))
    .option('--cpus <N>', 'CPUs of each guest (default: 2 for threads, 1 otherwise)', parseCount('--cpus', 64))
    .addOption(new Option('--cpu <MODEL>', "Beeline's CPU model").choices(['n1', 'a57']).default('n1'))
    .option(
      '--tiers <LIST>',
      `tiers: ${available.tiers.join(', ')}, or none (default: all)`,
      parseList('--tiers', [...available.tiers, 'none']),
    )
    .option(
      '--disable <LIST>',
      'one column more, without these techniques of the direct tier; repeatable',
      (text: string, before: readonly (readonly string[])[] | undefined) => [...(before ?? []), parseDisable(text)],
    )
    .option('--no-qemu', 'without QEMU')
    .option('--json <FILE>', 'write the results, as schemas/bench-results.schema.json describes')
    .option('--timeout <SECONDS>', 'patience with one workload', parseCount('--timeout', 86400), 120)
    .addHelpText('after', notes)
    .action((workloads: string[], raw: RawOptions) => done(toOptions(workloads, raw, available)));
}
