// Unix sockets as files, and as descriptors that were handed over.
import { existsSync, lstatSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { BeelineError, messageOf, systemCode } from '../errors.js';

function hasListener(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Takes away a socket that a daemon has left behind. Throws BEELINE_E_LISTEN when something else is in its place. */
export async function makeRoom(path: string): Promise<void> {
  const refuse = (detail: string, cause?: unknown): never => {
    throw new BeelineError('BEELINE_E_LISTEN', { address: `unix:${path}`, detail }, cause);
  };
  try {
    if (!lstatSync(path).isSocket()) refuse('there is a file that is not a socket');
    if (await hasListener(path)) refuse('another process listens there');
    rmSync(path);
  } catch (error) {
    if (error instanceof BeelineError) throw error;
    const code = systemCode(error);
    if (code !== 'ENOENT') refuse(code ?? messageOf(error), error);
    // Listening there would fail with EACCES, which says little.
    if (!existsSync(dirname(path))) refuse('its folder does not exist', error);
  }
}

/** Where a Unix socket lies, by the kernel's list of those (proc(5)); undefined: it is another kind of socket. */
export function unixPathOf(descriptor: number): string | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1];
  for (const line of readFileSync('/proc/self/net/unix', 'utf8').split('\n')) {
    // Num RefCount Protocol Flags Type St Inode Path
    const [, found, path = ''] = /^(?:\S+ +){6}(\d+)(?: (.*))?$/.exec(line) ?? [];
    if (found !== undefined && found === inode) return path;
  }
  return undefined;
}
