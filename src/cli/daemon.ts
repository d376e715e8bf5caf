// beeline daemon, config and token.

import {
  type Config,
  type ConfigFile,
  ConfigSchema,
  checkConfig,
  defaultState,
  gatherConfig,
  printConfig,
  readConfigFile,
} from '../daemon/config.js';
import { readCertificate } from '../daemon/tls-files.js';
import { readTokens } from '../daemon/tokens.js';
import { ExitStatus } from '../errors.js';
import type { Role } from '../monitor/declare.js';

export interface DaemonFlags {
  readonly config?: string;
  readonly state?: string;
  readonly listen?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly maxGuests?: number;
  readonly maxMemory?: string;
  readonly maxCpus?: number;
  readonly logLevel?: string;
}

function fromFlags(flags: DaemonFlags): ConfigFile {
  const tree = {
    state: flags.state,
    listen: flags.listen === undefined ? undefined : [...flags.listen],
    tls: { cert: flags.tlsCert, key: flags.tlsKey },
    limits: { guests: flags.maxGuests, memory: flags.maxMemory, cpus: flags.maxCpus },
    log: { level: flags.logLevel },
  };
  // What was not given is absent, so that the environment and the file have their say.
  return JSON.parse(JSON.stringify(tree)) as ConfigFile;
}

function gather(flags: DaemonFlags): { readonly file: ConfigFile; readonly config: Config } {
  const file = gatherConfig({ file: flags.config, flags: fromFlags(flags), env: process.env });
  return { file, config: checkConfig(flags.config ?? 'the options', file) };
}

export async function daemon(flags: DaemonFlags): Promise<number> {
  const { config } = gather(flags);
  await (await import('../daemon/daemon.js')).runDaemon(config);
  return ExitStatus.ok;
}

export function checkConfiguration(flags: DaemonFlags): number {
  if (flags.config !== undefined) readConfigFile(flags.config);
  const { config } = gather(flags);
  if (config.tls !== undefined) readCertificate(config.tls);
  process.stdout.write(`${flags.config ?? 'the configuration'} is good\n`);
  return ExitStatus.ok;
}

export function printConfiguration(flags: DaemonFlags): number {
  process.stdout.write(printConfig(gather(flags).file));
  return ExitStatus.ok;
}

export function printConfigSchema(): number {
  process.stdout.write(`${JSON.stringify(ConfigSchema, null, 2)}\n`);
  return ExitStatus.ok;
}

export function printToken(role: Role, state: string | undefined): number {
  const tokens = readTokens(state ?? process.env.BEELINE_STATE ?? defaultState());
  process.stdout.write(`${tokens[role]}\n`);
  return ExitStatus.ok;
}
