#!/usr/bin/env node
// Entry of the command line: runs the command, prints errors as one line, ends with the right status.
import { type Command, CommanderError, type Option } from 'commander';
import { BeelineError, ExitStatus, messageOf, systemCode } from '../errors.js';
import { getLog } from '../log.js';
import { createProgram } from './program.js';
import { translateQemuOptions } from './qemu-options.js';

async function fail(error: unknown): Promise<number> {
  const known =
    error instanceof BeelineError ? error : new BeelineError('BEELINE_E_INTERNAL', { detail: messageOf(error) }, error);
  process.stderr.write(`beeline: ${known.message}\n`);
  (await getLog())?.debug({ err: error, code: known.code }, 'the command failed');
  return known.status;
}

/** The command whose --help explains the mistake. */
function commandOf(args: readonly string[]): string {
  let command = createProgram(() => undefined);
  const path = [command.name()];
  for (const word of args) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) break;
    command = next;
    path.push(word);
  }
  return path.join(' ');
}

/** What QEMU's users write behind `run`, or behind nothing, in our words. */
function withOwnSpellings(program: Command, given: readonly string[]): readonly string[] {
  const run = program.commands.find((command) => command.name() === 'run');
  // A program that starts QEMU knows no command; our own options of one letter are commander's.
  const isQemu = /^-[a-zA-Z]{2}|^-[mMS]$/.test(given[0] ?? '');
  const args = isQemu ? ['run', ...given] : given;
  if (args[0] !== 'run' || run === undefined) return args;
  const flags = (chosen: readonly Option[]) =>
    chosen.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== undefined);
  const all = [...flags(run.options), '-h', '--help'];
  const withValue = new Set(flags(run.options.filter(({ required }) => required)));
  return ['run', ...translateQemuOptions(args.slice(1), { withValue, all })];
}

async function main(args: readonly string[]): Promise<number> {
  let status: number = ExitStatus.ok;
  try {
    const program = createProgram((given) => {
      status = given;
    });
    await program.parseAsync(withOwnSpellings(program, args), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) return fail(error);
    // --help and --version are asked for; commander's own status for no command at all is 1.
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return ExitStatus.ok;
    if (error.code === 'commander.help') return ExitStatus.usage;
    const detail = error.message.replace(/^error: /, '').replace(/\.$/, '');
    return fail(new BeelineError('BEELINE_E_USAGE', { detail, command: commandOf(args) }, error));
  }
  return status;
}

// A reader that goes away (| head) is no reason for a stack trace.
process.stdout.on('error', (error) => {
  const code = systemCode(error) ?? messageOf(error);
  if (code !== 'EPIPE') process.stderr.write(`beeline: standard output cannot be written (${code})\n`);
  process.exit(ExitStatus.failure);
});

const status = await main(process.argv.slice(2));
// Standard input may still be open, and what was written has to arrive first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(status)));
