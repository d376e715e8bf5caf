// How the command line reaches a daemon: options that all its commands share.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { defaultState, isLoopback } from '../daemon/config.js';
import { readDaemonFile } from '../daemon/daemon-file.js';
import { BeelineError } from '../errors.js';
import type { MonitorClient } from '../monitor/client.js';
import { connect, type Endpoint } from '../monitor/connect.js';
import { checkReadable } from './files.js';

export interface ClientOptions {
  readonly host?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly state?: string;
  readonly json?: boolean;
}

export function addClientOptions(command: Command): Command {
  return command
    .option('--host <URL>', 'a daemon elsewhere: wss://HOST:PORT, unix:PATH, or ws://localhost:PORT (or $BEELINE_HOST)')
    .option('--token-file <FILE>', 'the token for --host (or $BEELINE_TOKEN_FILE)')
    .option('--ca <FILE>', 'certificate authority to trust for wss://, PEM')
    .option('--state <FOLDER>', "the daemon's folder, when it is not the default one (or $BEELINE_STATE)")
    .option('--json', 'print JSON');
}

function readToken(path: string | undefined): string | undefined {
  const token = readGiven('--token-file', path);
  if (token === undefined || /^[!-~]+$/.test(token)) return token;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--token-file',
    detail: `${path} holds no token`,
    remedy: 'write into it what beeline token prints',
  });
}

/** Where the daemon of a folder listens: as a rule inside, elsewhere if its configuration or systemd says so. */
function localSocket(state: string): string {
  const inside = join(state, 'socket');
  if (existsSync(inside)) return inside;
  const other = readDaemonFile(state)?.addresses.find((address) => address.startsWith('unix:'));
  return other === undefined ? inside : other.slice('unix:'.length);
}

function readGiven(option: string, path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  checkReadable(option, path);
  return readFileSync(path, 'utf8').trim();
}

export function endpointOf(options: ClientOptions, env: NodeJS.ProcessEnv = process.env): Endpoint {
  const url = options.host ?? env.BEELINE_HOST ?? '';
  if (url === '') {
    const state = options.state ?? env.BEELINE_STATE ?? defaultState(env);
    return { kind: 'unix', path: localSocket(state) };
  }
  if (/^unix:./.test(url)) return { kind: 'unix', path: resolve(url.slice('unix:'.length)) };
  if (!/^wss?:\/\/[^/]+\/?$/.test(url) || !URL.canParse(url)) {
    throw new BeelineError('BEELINE_E_OPTION_VALUE', {
      option: '--host',
      detail: `${url} is no address of a daemon`,
      remedy: 'write wss://HOST:PORT, unix:PATH or ws://localhost:PORT',
    });
  }
  const { protocol, hostname } = new URL(url);
  if (protocol === 'ws:' && !isLoopback(hostname.replace(/^\[|\]$/g, ''))) {
    throw new BeelineError('BEELINE_E_OPTION_VALUE', {
      option: '--host',
      detail: `${url} would carry the token across the network in clear`,
      remedy: 'write wss://HOST:PORT, or reach it by an SSH tunnel',
    });
  }
  const token = readToken(options.tokenFile ?? env.BEELINE_TOKEN_FILE);
  const ca = readGiven('--ca', options.ca);
  return { kind: 'url', url, token, ...(ca !== undefined && { ca }) };
}

/** Connects, acts, and disconnects, whatever happens. */
export async function withDaemon<T>(options: ClientOptions, act: (client: MonitorClient) => Promise<T>): Promise<T> {
  const client = await connect(endpointOf(options));
  try {
    return await act(client);
  } finally {
    client.close();
  }
}
