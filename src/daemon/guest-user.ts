// Whose the processes of guests are, where the daemon is root's and its configuration names somebody else.
import { spawnSync } from 'node:child_process';
import { chmodSync, lchownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BeelineError } from '../errors.js';

export interface GuestUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Throws BEELINE_E_CONFIG for somebody nobody knows, or when only root could do it. */
export function findUser(name: string): GuestUser {
  const refuse = (detail: string): never => {
    throw new BeelineError('BEELINE_E_CONFIG', { path: `user = "${name}"`, detail });
  };
  if (process.getuid?.() !== 0) refuse('only a daemon of root starts guests as somebody else');
  const { stdout } = spawnSync('getent', ['passwd', name], { encoding: 'utf8' });
  const [, , uid, gid] = (stdout ?? '').split(':');
  if (uid === undefined || gid === undefined) refuse('there is no such user');
  return { name, uid: Number(uid), gid: Number(gid) };
}

/** Lets others pass through the folder, to what they may use inside; they cannot look what there is. */
export function letPass(folder: string): void {
  chmodSync(folder, 0o711);
}

/** Hands over a folder with all in it. Links are handed over, not what they lead to. */
export function handOver(path: string, user: GuestUser): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) handOver(inside, user);
    else lchownSync(inside, user.uid, user.gid);
  }
  lchownSync(path, user.uid, user.gid);
}
