// Installs a system on a disk, in a guest: so neither root nor programs of the guest's architecture are needed here.
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parseMemory } from '../memory-size.js';
import { runTool } from '../process.js';
import { type BuildFolder, sha256 } from './cache.js';
import { cpioArchive } from './cpio.js';
import { runInstaller } from './installer-guest.js';
import type { FetchedPackage, PrivateApt } from './private-apt.js';
import type { DiskRecipe } from './schema.js';

/** The seconds since 1970 at which a package was made, as its archive says (deb(5), ar(5)). */
function packageTime(file: string): number {
  const header = Buffer.alloc(36);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return Number(header.toString('latin1', 24, 36).trim()) || 0;
}

/** A UUID that is always the same for the same text (RFC 9562, version 8). */
function uuidFor(text: string): string {
  const hex = sha256(Buffer.from(text));
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join('-');
}

/** What boots the guest that installs. */
export interface Installer {
  readonly kernel: string;
  readonly initrd: string;
}

export class DiskInstallation {
  /** Its name in the result. */
  readonly file = 'disk.qcow2';
  readonly #name: string;
  readonly #home: string;
  readonly #recipe: DiskRecipe;
  readonly #folder: BuildFolder;
  readonly #installer: Installer;
  readonly #signal: AbortSignal;

  /** `name`: of the image; `home`: the folder of the recipe's files. */
  constructor(
    name: string,
    home: string,
    recipe: DiskRecipe,
    folder: BuildFolder,
    installer: Installer,
    signal: AbortSignal,
  ) {
    this.#name = name;
    this.#home = home;
    this.#recipe = recipe;
    this.#folder = folder;
    this.#installer = installer;
    this.#signal = signal;
  }

  #work(name: string): string {
    return join(this.#folder.work, name);
  }

  /** Fetches the packages and puts the archive together that the guest gets. */
  async fetch(apt: PrivateApt, kernel: FetchedPackage, report: (text: string) => void): Promise<FetchedPackage[]> {
    const essential = new Set((await apt.plan(['?essential', 'usr-is-merged'])).map(({ name }) => name));
    const planned = await apt.plan(['?essential', ...this.#recipe.packages]);
    const fetched = await apt.downloadAll(planned, report);

    const material = this.#work('material');
    cpSync(join(this.#home, this.#recipe.material), material, { recursive: true });
    mkdirSync(join(material, 'packages'));
    for (const { file } of fetched) linkSync(file, join(material, 'packages', basename(file)));
    copyFileSync(kernel.file, join(material, 'kernel.deb'));
    const list = (name: string, chosen: readonly FetchedPackage[]) => {
      writeFileSync(join(material, name), chosen.map(({ file }) => `${basename(file)}\n`).join(''));
    };
    list(
      'essential',
      fetched.filter(({ name }) => essential.has(name)),
    );
    list(
      'others',
      fetched.filter(({ name }) => !essential.has(name)),
    );
    const sources = join(material, 'files/etc/apt/sources.list.d');
    mkdirSync(sources, { recursive: true });
    for (const { name, text } of apt.sources) {
      writeFileSync(join(sources, name === 'sources.list' ? 'machine.list' : name), text);
    }
    const epoch = Math.max(...[kernel, ...fetched].map(({ file }) => packageTime(file)));
    writeFileSync(join(material, 'parameters'), this.#parameters(epoch));
    const how = ['--sort=name', `--mtime=@${epoch}`, '--owner=0', '--group=0', '--numeric-owner', '--mode=go=rX,u+rw'];
    await runTool('tar', ['-c', '-f', this.#work('material.tar'), ...how, '-C', material, '.'], {
      signal: this.#signal,
    });
    return fetched;
  }

  /** Variables of the shell, for the recipe's `install`. */
  #parameters(epoch: number): string {
    const variables = {
      SOURCE_DATE_EPOCH: epoch,
      UUID: uuidFor(this.#name),
      ...(this.#recipe.firmware === undefined
        ? { ROOT: '/dev/vda' }
        : { ROOT: '/dev/vda1', ESP: '/dev/vda15', ESP_UUID: uuidFor(`${this.#name} ESP`) }),
    };
    return Object.entries(variables)
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  }

  /** The initramfs with the recipe's `install` for its init: the kernel unpacks one archive after the other. */
  #initrd(): string {
    const install = { path: join(this.#home, this.#recipe.install), to: this.#work('install-initrd.img') };
    copyFileSync(this.#installer.initrd, install.to);
    const data = readFileSync(install.path);
    appendFileSync(install.to, gzipSync(cpioArchive([{ type: 'file', path: 'init', mode: 0o755, data }])));
    return install.to;
  }

  async install(report: (text: string) => void): Promise<void> {
    const disk = this.#work('disk.raw');
    writeFileSync(disk, '');
    truncateSync(disk, parseMemory(this.#recipe.size));
    await runInstaller({
      kernel: this.#installer.kernel,
      initrd: this.#initrd(),
      disks: [disk, this.#work('material.tar')],
      signal: this.#signal,
      report,
    });
  }

  async compress(): Promise<void> {
    // The guest is off; its machine may hold the file's lock until it is collected.
    const args = ['convert', '-U', '-f', 'raw', '-O', 'qcow2', '-c', '-o', 'compression_type=zstd'];
    const target = join(this.#folder.result, this.file);
    await runTool('qemu-img', [...args, this.#work('disk.raw'), target], { signal: this.#signal });
  }
}
