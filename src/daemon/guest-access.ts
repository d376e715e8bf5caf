// What the user whom guests run as may do with files, found out before a process is started that would fail over them.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { BeelineError, messageOf } from '../errors.js';
import { findAddon } from '../native/loader.js';
import { projectRoot } from '../paths.js';
import { readDisk } from './given-files.js';
import type { StartFile } from './guest/protocol.js';
import type { GuestUser } from './guest-user.js';
import { isCached } from './handed-images.js';

/** As test(1) names them. x: to pass through a folder. */
type Right = 'r' | 'w' | 'x';

interface Need {
  readonly option: string;
  readonly path: string;
  readonly right: Right;
}

/** Prints how many words are left, from the first file on that is refused. */
const script = 'while [ $# -gt 0 ]; do [ "-$1" "$2" ] || { echo $#; exit; }; shift 2; done';

/** The first that the user lacks. Only a process of the user's tells what the kernel lets it do. */
function firstRefused<N extends Pick<Need, 'path' | 'right'>>(user: GuestUser, needs: readonly N[]): N | undefined {
  if (needs.length === 0) return undefined;
  const words = needs.flatMap(({ right, path }) => [right, path]);
  const { uid, gid } = user;
  const { error, status, stdout } = spawnSync('/bin/sh', ['-c', script, 'sh', ...words], {
    ...{ uid, gid, cwd: '/', encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  });
  if (error !== undefined || status !== 0) {
    const detail = `what ${user.name} may do cannot be found out: /bin/sh ${error === undefined ? `ended with ${status}` : messageOf(error)}`;
    throw new BeelineError('BEELINE_E_INTERNAL', { detail }, error);
  }
  return stdout === '' ? undefined : needs[(words.length - Number(stdout)) / 2];
}

export function mayRead(user: GuestUser, path: string): boolean {
  return firstRefused(user, [{ path, right: 'r' }]) === undefined;
}

/** From the root down. */
function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [...foldersAbove(folder), folder];
}

/** Why, in words. */
function explain(user: GuestUser, path: string): string {
  const folders = foldersAbove(resolve(path)).map((folder) => ({ path: folder, right: 'x' as const }));
  const closed = firstRefused(user, folders);
  return closed === undefined ? 'its own permissions do not allow it' : `${closed.path} does not let others pass`;
}

/** A file that is to be made when it is not there. */
function written(option: string, path: string): Need[] {
  if (existsSync(path)) return [{ option, path, right: 'w' }];
  return (['w', 'x'] as const).map((right) => ({ option, path: dirname(resolve(path)), right }));
}

function* needsOf(config: StartFile['config']): Generator<Need> {
  const { kernel, initrd, dtb, firmware, firmwareVars, loads, drives = [], shares = [], ports = [] } = config;
  const read = (option: string, path: string): Need => ({ option, path, right: 'r' });
  for (const [option, path] of Object.entries({ kernel, initrd, dtb, firmware })) {
    if (path !== '') yield read(option, path);
  }
  if (firmwareVars !== '') {
    if (existsSync(firmwareVars)) yield read('firmwareVars', firmwareVars);
    yield* written('firmwareVars', firmwareVars);
  }
  for (const { path } of loads) yield read('loads', path);
  for (const drive of drives) {
    yield read('drives', drive.path);
    if (!drive.readonly && !drive.snapshot) yield { option: 'drives', path: drive.path, right: 'w' };
    for (const path of readDisk(drive).backing) yield read('drives', path);
  }
  for (const { path, readonly } of shares) {
    yield read('shares', path);
    yield { option: 'shares', path, right: 'x' };
    if (!readonly) yield { option: 'shares', path, right: 'w' };
  }
  for (const { kind, path } of ports) {
    if (kind === 'file') yield* written('ports', path);
    else if (kind === 'socket') yield* written('ports', join(dirname(path), 'socket'));
  }
}

const actions = { r: 'read', w: 'write to', x: 'pass through' } as const;

/** Throws BEELINE_E_FILE_USER. Images are no matter: they are handed over. */
export function checkGuestFiles(user: GuestUser, config: StartFile['config']): void {
  const needs = [...needsOf(config)].filter(({ path }) => !isCached(path));
  const refused = firstRefused(user, needs);
  if (refused === undefined) return;
  const { option, path, right } = refused;
  throw new BeelineError('BEELINE_E_FILE_USER', {
    ...{ option, path, user: user.name, action: actions[right], detail: explain(user, path) },
  });
}

/** What every guest's process needs: Node, the program, the folder of guests. Throws BEELINE_E_CONFIG. */
export function checkSurroundings(user: GuestUser, guests: string): void {
  const needs = [
    { path: process.execPath, right: 'x' },
    { path: join(projectRoot, 'package.json'), right: 'r' },
    { path: join(projectRoot, 'node_modules'), right: 'x' },
    { path: findAddon(), right: 'r' },
    { path: guests, right: 'x' },
  ] as const;
  const refused = firstRefused(user, needs);
  if (refused === undefined) return;
  const { path, right } = refused;
  const remedy =
    path === guests ? 'give another folder with --state, such as /var/lib/beeline' : 'install it elsewhere';
  const detail = `guests could not ${actions[right]} ${path} (${explain(user, path)}): ${remedy}`;
  throw new BeelineError('BEELINE_E_CONFIG', { path: `user = "${user.name}"`, detail });
}
