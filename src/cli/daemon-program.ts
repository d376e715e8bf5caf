// The commands of the daemon itself, as the command line declares them.
import { type Command, Option } from 'commander';
import { type Role, roles } from '../monitor/declare.js';
import type { DaemonFlags } from './daemon.js';
import { parseChoice, parseCount } from './parse.js';

/** Loaded when needed, as they take the validation of configurations. */
const commands = () => import('./daemon.js');

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

function addConfigOptions(command: Command): Command {
  return command
    .option('--config <FILE>', 'configuration, TOML')
    .option('--state <FOLDER>', 'folder of guests, tokens and the Unix socket (default: ~/.local/state/beeline)')
    .option(
      '--listen <ADDRESS>',
      'unix, unix:PATH or tcp:HOST:PORT; repeatable (default: unix and tcp:127.0.0.1:7233)',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option('--tls-cert <FILE>', 'certificate chain for TCP, PEM')
    .option('--tls-key <FILE>', 'its private key, PEM')
    .option('--max-guests <N>', 'guests, running or not (default: 256)', (text) => parseCount('--max-guests', 1, text))
    .option('--max-memory <SIZE>', "memory of all running guests (default: 90 % of the host's)")
    .option('--max-cpus <N>', 'CPUs of all running guests (default: 16 a core)', (text) =>
      parseCount('--max-cpus', 1, text),
    )
    .addOption(
      new Option('--log-level <LEVEL>', 'least level to log (default: info)')
        .choices(levels)
        .argParser((text: string) => parseChoice('--log-level', levels, text)),
    );
}

const daemonNotes = `
Flags win over the environment, that over the file, that over the defaults. A variable is named after its place in the
file: BEELINE_STATE, BEELINE_LISTEN (with commas), BEELINE_LIMITS_GUESTS. \`beeline config print\` shows what results.

Guests go on when the daemon ends, however that happens; the next daemon with the same folder finds them again. The Unix
socket is its owner's alone and needs no token. TCP needs one (\`beeline token\`), and beyond loopback TLS. Under systemd it
takes sockets that are handed over, and tells when it is ready.`;

export function addDaemonCommands(program: Command, done: (status: number) => void): void {
  addConfigOptions(program.command('daemon'))
    .summary('supervise guests, and serve the monitor')
    .description('Supervises guests, each in a process of its own, and serves the monitor.')
    .addHelpText('after', daemonNotes)
    .action(async (flags: DaemonFlags) => done(await (await commands()).daemon(flags)));
  const config = program
    .command('config')
    .summary("look at the daemon's configuration")
    .description("Looks at the daemon's configuration.");
  addConfigOptions(config.command('check'))
    .description('Says whether the configuration is good.')
    .action(async (flags: DaemonFlags) => done((await commands()).checkConfiguration(flags)));
  addConfigOptions(config.command('print'))
    .description('Prints what results from flags, environment and file.')
    .action(async (flags: DaemonFlags) => done((await commands()).printConfiguration(flags)));
  config
    .command('schema')
    .description('Prints the JSON Schema of the configuration.')
    .action(async () => done((await commands()).printConfigSchema()));
  program
    .command('token')
    .summary("print a token of this host's daemon")
    .description("Prints a token of this host's daemon, for clients over TCP.")
    .addOption(
      new Option('--role <ROLE>', 'what its holder may do')
        .choices(roles)
        .default('admin')
        .argParser((text: string) => parseChoice('--role', roles, text)),
    )
    .option('--state <FOLDER>', "the daemon's folder, when it is not the default one (or $BEELINE_STATE)")
    .action(async ({ role, state }: { role: Role; state?: string }) =>
      done((await commands()).printToken(role, state)),
    );
}
