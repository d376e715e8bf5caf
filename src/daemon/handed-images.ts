// Images for guests' processes that are somebody else's: the cache is in the home of the daemon's user, which others may not
// enter. Their files are linked into a folder of the daemon's where that does, and copied otherwise; they stay root's.
import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, link, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { imageCache } from '../images/cache.js';
import type { StartFile } from './guest/protocol.js';

type Config = StartFile['config'];

const readableByAll = 0o444;
const writableByOthers = 0o022;
/** utimes(2) is given times that went through floating point. */
const timeTolerance = 1;

/** A path that leads out of the cache again is a client's attempt at files of the daemon's user. */
export function isCached(path: string): boolean {
  return resolve(path) === path && path.startsWith(`${imageCache()}${sep}`);
}

function isSame(one: Stats, other: Stats): boolean {
  if (one.dev === other.dev && one.ino === other.ino) return true;
  return one.size === other.size && Math.abs(one.mtimeMs - other.mtimeMs) < timeTolerance;
}

export class HandedImages {
  readonly #folder: string;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The same machine, of images that the user may read. Throws BEELINE_E_STATE_FOLDER. */
  async handOver(config: Config, mayRead: (path: string) => boolean): Promise<Config> {
    const { kernel, initrd, firmware, drives = [] } = config;
    const handed = new Map<string, string>();
    for (const path of [kernel, initrd, firmware, ...drives.map((drive) => drive.path)]) {
      if (isCached(path) && !mayRead(path)) handed.set(path, await this.#exclusively(() => this.#take(path)));
    }
    const at = (path: string) => handed.get(path) ?? path;
    return {
      ...config,
      ...{ kernel: at(kernel), initrd: at(initrd), firmware: at(firmware) },
      drives: drives.map((drive) => ({ ...drive, path: at(drive.path) })),
    };
  }

  /** Removes those of other images. */
  keepOnly(images: ReadonlySet<string>): Promise<void> {
    return this.#exclusively(async () => {
      const names = await readdir(this.#folder).catch(() => []);
      const unused = names.filter((name) => !images.has(name));
      await Promise.all(unused.map((name) => rm(join(this.#folder, name), { recursive: true, force: true })));
    });
  }

  /** Guests that start at the same time may be of the same image. */
  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #take(source: string): Promise<string> {
    const target = join(this.#folder, relative(imageCache(), source));
    const unfinished = `${target}.part`;
    try {
      const wanted = await stat(source);
      const found = await stat(target).catch(() => undefined);
      if (found !== undefined && isSame(wanted, found)) return target;
      await mkdir(dirname(target), { recursive: true });
      for (const folder of [this.#folder, dirname(target)]) await chmod(folder, 0o711);
      await rm(unfinished, { force: true });
      if (!(await linkReadable(source, wanted, unfinished))) {
        await copyFile(source, unfinished, constants.COPYFILE_FICLONE);
        await chmod(unfinished, readableByAll);
        await utimes(unfinished, wanted.atimeMs / 1000, wanted.mtimeMs / 1000);
      }
      await rename(unfinished, target);
      return target;
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      const detail = `${source} cannot be handed over to guests: ${systemCode(error) ?? messageOf(error)}`;
      const remedy = 'make room, or give another folder with --state';
      throw new BeelineError('BEELINE_E_STATE_FOLDER', { path: this.#folder, detail, remedy }, error);
    }
  }
}

/** Whether it could be linked; a link has the permissions of the file, which may be too few or too many. */
async function linkReadable(source: string, { mode, uid }: Stats, target: string): Promise<boolean> {
  const fits =
    (mode & readableByAll) === readableByAll && (mode & writableByOthers) === 0 && uid === process.getuid?.();
  if (!fits) return false;
  return link(source, target).then(
    () => true,
    () => false,
  );
}
