// The daemon's configuration: flags before environment before file before defaults.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox';
import { parse, stringify } from 'smol-toml';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { describeHost } from '../host.js';
import { parseMemory } from '../memory-size.js';
import { closed, oneOf } from '../monitor/types.js';
import { firstFault } from '../monitor/validation.js';

const whole = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum, maximum, description }));

export const ConfigSchema = Type.Object(
  {
    state: Type.Optional(Type.String({ pattern: '^/', description: 'Folder of guests, tokens and the Unix socket.' })),
    listen: Type.Optional(
      Type.Array(Type.String({ pattern: '^(unix|unix:/.+|tcp:.+:\\d{1,5})$' }), {
        minItems: 1,
        maxItems: 16,
        description: 'unix (STATE/socket), unix:PATH, or tcp:HOST:PORT; beyond loopback only with tls.',
      }),
    ),
    origins: Type.Optional(
      Type.Array(Type.String({ pattern: '^https?://[^/]+$' }), {
        maxItems: 64,
        description: 'Web pages of other origins that may connect.',
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          cert: Type.Optional(Type.String({ description: 'Certificate chain, PEM.' })),
          key: Type.Optional(Type.String({ description: 'Private key, PEM.' })),
        },
        closed,
      ),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          guests: whole(1, 10_000, 'Guests, running or not.'),
          memory: Type.Optional(Type.String({ description: 'Guest memory of all running guests, such as 16G.' })),
          cpus: whole(1, 10_000, 'CPUs of all running guests.'),
          clients: whole(1, 10_000, 'Connections at once.'),
          message: whole(1024, 16 * 1024 * 1024, 'Bytes of the largest message of a client.'),
          rate: whole(1, 100_000, 'Messages of one client a second.'),
          patience: whole(
            1,
            3600,
            'Seconds that a client may read nothing of what waits for it, and has to take an HTTP answer.',
          ),
        },
        closed,
      ),
    ),
    user: Type.Optional(
      Type.String({
        pattern: '^([A-Za-z_][A-Za-z0-9_.-]*)?$',
        description:
          "Who guests' processes run as when the daemon is root's; the program, the state folder and the files that guests are made of have to be accessible to it; images are handed to it. Empty: as the daemon.",
      }),
    ),
    sandbox: Type.Optional(oneOf(['on', 'off'], "Whether guests' processes are confined by Landlock and seccomp.")),
    log: Type.Optional(
      Type.Object(
        { level: Type.Optional(oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'Least level to log.')) },
        closed,
      ),
    ),
  },
  { ...closed, title: 'Beeline daemon configuration', $id: 'beeline.config.1' },
);
export type ConfigFile = Static<typeof ConfigSchema>;

export interface Limits {
  readonly guests: number;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly clients: number;
  readonly message: number;
  readonly rate: number;
  readonly patience: number;
}

export interface Config {
  readonly state: string;
  readonly listen: readonly string[];
  readonly origins: readonly string[];
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly limits: Limits;
  /** Who guests' processes run as; empty: as the daemon. */
  readonly user: string;
  /** Whether guests' processes are confined. */
  readonly sandbox: boolean;
  readonly logLevel: string;
}

/** $XDG_STATE_HOME/beeline; systemd's choice before it. */
export function defaultState(env: NodeJS.ProcessEnv = process.env): string {
  const given = env.STATE_DIRECTORY?.split(':')[0];
  if (given !== undefined && isAbsolute(given)) return given;
  const base = env.XDG_STATE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.local', 'state'), 'beeline');
}

function defaults(env: NodeJS.ProcessEnv): ConfigFile {
  const host = describeHost();
  const mebibytes = Math.floor((host.memory * 0.9) / (2 * 1024 * 1024)) * 2;
  return {
    state: defaultState(env),
    listen: ['unix', 'tcp:127.0.0.1:7233'],
    origins: [],
    limits: {
      guests: 256,
      memory: `${mebibytes}M`,
      cpus: 16 * host.cores,
      clients: 256,
      message: 256 * 1024,
      rate: 200,
      patience: 30,
    },
    user: '',
    sandbox: 'on',
    log: { level: 'info' },
  };
}

interface Leaf {
  readonly path: readonly string[];
  readonly schema: TSchema;
}

function leavesOf(schema: TObject, path: readonly string[] = []): Leaf[] {
  return Object.entries<TSchema>(schema.properties).flatMap(([name, member]) =>
    member.type === 'object'
      ? leavesOf(member as TObject, [...path, name])
      : [{ path: [...path, name], schema: member }],
  );
}

/** BEELINE_LIMITS_GUESTS for limits.guests. */
export function variableOf(path: readonly string[]): string {
  return `BEELINE_${path.join('_').toUpperCase()}`;
}

type Tree = { [key: string]: unknown };

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) {
    tree[first] = value;
    return;
  }
  const inside = isTree(tree[first]) ? tree[first] : {};
  tree[first] = inside;
  put(inside, rest, value);
}

/** Throws BEELINE_E_CONFIG for a variable of a section that has no such option: it is misspelt. */
function checkVariables(env: NodeJS.ProcessEnv): void {
  const leaves = leavesOf(ConfigSchema).map(({ path }) => path);
  const known = new Set(leaves.map(variableOf));
  const sections = new Set(
    leaves.filter(({ length }) => length > 1).map(([section = '']) => `${variableOf([section])}_`),
  );
  const wrong = Object.keys(env).find(
    (name) => !known.has(name) && [...sections].some((start) => name.startsWith(start)),
  );
  if (wrong !== undefined)
    throw new BeelineError('BEELINE_E_CONFIG', { path: wrong, detail: 'there is no such option' });
}

function fromEnvironment(env: NodeJS.ProcessEnv): Tree {
  checkVariables(env);
  const tree: Tree = {};
  for (const { path, schema } of leavesOf(ConfigSchema)) {
    const text = env[variableOf(path)];
    if (text === undefined || text === '') continue;
    if (schema.type === 'integer') put(tree, path, Number(text));
    else if (schema.type === 'array') put(tree, path, text.split(','));
    else put(tree, path, text);
    const one: Tree = {};
    put(
      one,
      path,
      path.reduce<unknown>((inside, key) => (isTree(inside) ? inside[key] : undefined), tree),
    );
    checkTree(variableOf(path), one);
  }
  return tree;
}

function merge(low: Tree, high: Tree): Tree {
  const merged: Tree = { ...low };
  for (const [key, value] of Object.entries(high)) {
    if (value === undefined) continue;
    const below = merged[key];
    merged[key] = isTree(value) && isTree(below) ? merge(below, value) : value;
  }
  return merged;
}

function checkTree(source: string, tree: Tree): ConfigFile {
  const fault = firstFault(ConfigSchema, tree);
  if (fault !== undefined) throw new BeelineError('BEELINE_E_CONFIG', { path: source, detail: fault });
  return tree as ConfigFile;
}

export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') throw new BeelineError('BEELINE_E_FILE_MISSING', { option: '--config', path });
    throw new BeelineError('BEELINE_E_FILE_UNREADABLE', { option: '--config', path, detail: code ?? '' }, error);
  }
  let tree: unknown;
  try {
    tree = parse(text);
  } catch (error) {
    const detail = messageOf(error).split('\n')[0] ?? '';
    throw new BeelineError('BEELINE_E_CONFIG', { path, detail }, error);
  }
  return checkTree(path, tree as Tree);
}

export interface ConfigSources {
  readonly file: string | undefined;
  readonly flags: ConfigFile;
  readonly env: NodeJS.ProcessEnv;
}

/** As a file could say it. */
export function gatherConfig({ file, flags, env }: ConfigSources): ConfigFile {
  const fromFile = file === undefined ? {} : readConfigFile(file);
  let tree = merge(defaults(env) as Tree, fromFile as Tree);
  tree = merge(tree, fromEnvironment(env));
  tree = merge(tree, flags as Tree);
  return checkTree('the options', tree);
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** tcp:HOST:PORT; IPv6 in brackets. */
export function tcpAddress(listen: string): Address | undefined {
  const match = /^tcp:(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(listen);
  const host = match?.[1] ?? match?.[2];
  return host === undefined ? undefined : { host, port: Number(match?.[3]) };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Longest path of a Unix socket (unix(7)), and what a guest's adds to the state folder. */
const longestSocketPath = 107;
const socketPathInside = '/guests//socket'.length + 32;

/** Throws BEELINE_E_CONFIG for what the schema cannot say. */
export function checkConfig(source: string, config: ConfigFile): Config {
  const refuse = (detail: string): never => {
    throw new BeelineError('BEELINE_E_CONFIG', { path: source, detail });
  };
  const { state = '', listen = [], origins = [], limits = {}, log = {}, tls = {} } = config;
  if (Buffer.byteLength(state) > longestSocketPath - socketPathInside) {
    refuse(`state: ${state} is longer than the ${longestSocketPath - socketPathInside} bytes that Unix sockets allow`);
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) refuse('tls: cert and key belong together');
  for (const item of listen) {
    if (item.startsWith('unix')) continue;
    const address = tcpAddress(item);
    if (address === undefined || address.port > 65_535) refuse(`listen: ${item} is not tcp:HOST:PORT`);
    else if (!isLoopback(address.host) && tls.cert === undefined)
      refuse(`listen: ${item} is beyond loopback and needs tls`);
  }
  let memoryBytes = 0;
  try {
    memoryBytes = parseMemory(limits.memory ?? '');
  } catch (error) {
    refuse(`limits.memory: ${messageOf(error).replace(/^--memory: /, '')}`);
  }
  const number = (value: number | undefined) => value ?? 0;
  return {
    state,
    listen,
    origins,
    tls: tls.cert === undefined || tls.key === undefined ? undefined : { cert: tls.cert, key: tls.key },
    limits: {
      guests: number(limits.guests),
      memoryBytes,
      cpus: number(limits.cpus),
      clients: number(limits.clients),
      message: number(limits.message),
      rate: number(limits.rate),
      patience: number(limits.patience),
    },
    user: config.user ?? '',
    sandbox: config.sandbox !== 'off',
    logLevel: log.level ?? 'info',
  };
}

export function printConfig(config: ConfigFile): string {
  return `${stringify(config).trimEnd()}\n`;
}
