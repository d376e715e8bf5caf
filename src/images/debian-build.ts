// Fetches Debian packages and makes of them a kernel with an initramfs, and a disk where the recipe wants one.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync, constants as zlibConstants } from 'node:zlib';
import { BeelineError } from '../errors.js';
import { hasCommand } from '../host.js';
import { ToolError } from '../process.js';
import type { SourceFile } from './apt-sources.js';
import type { Build, Step } from './build.js';
import { type BuildFolder, type BuildRecord, sha256 } from './cache.js';
import { type CpioEntry, cpioArchive } from './cpio.js';
import { DiskInstallation } from './disk-installation.js';
import { collectModules, kernelRelease, moduleIndex } from './kernel-modules.js';
import { type FetchedPackage, PrivateApt } from './private-apt.js';
import { releaseSources } from './release-sources.js';
import type { DebianRecipe, InitramfsEntry, PackageFile } from './schema.js';

function octal(mode: string | undefined, otherwise: number): number {
  return mode === undefined ? otherwise : Number.parseInt(mode, 8);
}

/** tar's wildcards: * and ? cross slashes. */
function wildcardPattern(wildcard: string): RegExp {
  const escaped = wildcard.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

/** The one regular file below `folder` that matches. */
function matchingFile(folder: string, wildcard: string, packageName: string): string {
  const pattern = wildcardPattern(wildcard);
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => pattern.test(relative(folder, path)));
  const [first] = found;
  if (first === undefined || found.length > 1) {
    throw new ToolError('tar', undefined, `${found.length} files of the package ${packageName} match ${wildcard}`);
  }
  return first;
}

/** Packages a recipe needs files from, with the wildcards of those files. */
function wantedFiles(recipe: DebianRecipe): Map<string, string[]> {
  const { kernel, disk } = recipe;
  // Below usr since Debian 13.
  const modules = kernel.modules === undefined ? [] : ['*lib/modules/*'];
  const wanted = new Map<string, string[]>([[kernel.package, [kernel.path, ...modules]]]);
  const add = ({ package: name, path }: PackageFile) => {
    const paths = wanted.get(name) ?? [];
    if (!paths.includes(path)) paths.push(path);
    wanted.set(name, paths);
  };
  if (Array.isArray(recipe.initramfs)) {
    for (const entry of recipe.initramfs) if (entry.type === 'file' && 'package' in entry.from) add(entry.from);
  } else {
    add(recipe.initramfs);
  }
  if (disk?.firmware !== undefined) add(disk.firmware);
  return wanted;
}

export class DebianBuild implements Build {
  readonly steps: Step[];
  readonly record: BuildRecord;
  readonly #recipe: DebianRecipe;
  /** Of the recipe and the files beside it. */
  readonly #home: string;
  readonly #folder: BuildFolder;
  readonly #signal: AbortSignal;
  /** Where kernel and initramfs go. */
  readonly #bootFolder: string;
  /** By the name that the recipe uses. */
  readonly #unpacked = new Map<string, string>();
  #apt: PrivateApt | undefined;
  #kernelPackage: FetchedPackage | undefined;

  constructor(name: string, home: string, recipe: DebianRecipe, folder: BuildFolder, signal: AbortSignal) {
    this.#home = home;
    this.#recipe = recipe;
    this.#folder = folder;
    this.#signal = signal;
    this.steps = [
      { title: `Read the package lists for ${recipe.architecture}`, run: () => this.#open() },
      ...[...wantedFiles(recipe)].map(([wanted, paths]) => ({
        title: `Fetch ${wanted}`,
        run: () => this.#fetch(wanted, paths),
      })),
      { title: 'Write the initramfs', run: async () => this.#assemble() },
    ];
    const boot = { kernel: 'vmlinuz', initrd: 'initrd.img' };
    this.record = { packages: [], boot };
    const { disk } = recipe;
    this.#bootFolder = disk?.firmware === undefined ? folder.result : folder.work;
    if (disk === undefined) return;
    const installer = { kernel: join(this.#bootFolder, boot.kernel), initrd: join(this.#bootFolder, boot.initrd) };
    const installation = new DiskInstallation(name, home, disk, folder, installer, signal);
    const { file } = installation;
    const how = disk.firmware === undefined ? boot : { firmware: 'firmware.fd' };
    this.record = { packages: [], boot: { ...how, disk: file } };
    this.steps.push(
      { title: 'Fetch the packages of the disk', run: (report) => this.#fetchDisk(installation, report) },
      { title: 'Install them in a guest', run: (report) => installation.install(report) },
      { title: 'Compress the disk', run: () => installation.compress() },
    );
    const { firmware } = disk;
    if (firmware === undefined) return;
    this.steps.push({
      title: 'Copy the firmware',
      run: async () => {
        const source = this.#packageFile(firmware);
        copyFileSync(source, join(folder.result, 'firmware.fd'));
      },
    });
  }

  async #open(): Promise<void> {
    const { architecture, release, disk } = this.#recipe;
    if (disk !== undefined && !hasCommand('qemu-img')) {
      throw new BeelineError('BEELINE_E_PACKAGES_MISSING', { packages: 'qemu-utils' });
    }
    const options = {
      signal: this.#signal,
      ...(release !== undefined && { sources: (own: SourceFile[]) => releaseSources(own, release) }),
    };
    this.#apt = await PrivateApt.open(join(this.#folder.work, 'apt'), architecture, options);
  }

  get #openApt(): PrivateApt {
    if (this.#apt === undefined) throw new Error('the package lists have not been read');
    return this.#apt;
  }

  async #fetch(name: string, paths: readonly string[]): Promise<void> {
    const apt = this.#openApt;
    let record = await apt.show(name);
    const { kernel } = this.#recipe;
    if (name === kernel.package && kernel.follow !== undefined) {
      const pattern = new RegExp(kernel.follow);
      const dependency = record.depends.find((candidate) => pattern.test(candidate));
      if (dependency === undefined) {
        throw new ToolError('apt-cache', undefined, `${name} depends on nothing that matches ${kernel.follow}`);
      }
      record = await apt.show(dependency);
    }
    const fetched: FetchedPackage = await apt.download(record);
    if (name === kernel.package) this.#kernelPackage = fetched;
    this.#record(fetched);
    this.#unpacked.set(name, await apt.unpack(fetched, paths));
  }

  #record({ name, version, file }: FetchedPackage): void {
    this.record.packages.push({ name, version, sha256: sha256(readFileSync(file)) });
  }

  async #fetchDisk(installation: DiskInstallation, report: (text: string) => void): Promise<void> {
    if (this.#kernelPackage === undefined) throw new Error('the kernel has not been fetched');
    const fetched = await installation.fetch(this.#openApt, this.#kernelPackage, report);
    for (const item of fetched) this.#record(item);
  }

  #packageFile({ package: name, path }: PackageFile): string {
    const folder = this.#unpacked.get(name);
    if (folder === undefined) throw new Error(`the package ${name} has not been fetched`);
    return matchingFile(folder, path, name);
  }

  #entry(entry: InitramfsEntry): CpioEntry {
    switch (entry.type) {
      case 'directory':
        return { type: 'directory', path: entry.path, mode: octal(entry.mode, 0o755) };
      case 'symlink':
        return { type: 'symlink', path: entry.path, mode: 0o777, target: entry.target };
      case 'character':
        return {
          type: 'character',
          path: entry.path,
          mode: octal(entry.mode, 0o600),
          major: entry.major,
          minor: entry.minor,
        };
      case 'file': {
        const { from } = entry;
        const source = 'package' in from ? this.#packageFile(from) : join(this.#home, from.recipe);
        return { type: 'file', path: entry.path, mode: octal(entry.mode, 0o644), data: readFileSync(source) };
      }
    }
  }

  /** The kernel's modules that the recipe wants, as modprobe finds them. */
  #modules(): CpioEntry[] {
    const { kernel } = this.#recipe;
    if (kernel.modules === undefined) return [];
    const unpacked = this.#unpacked.get(kernel.package) ?? '';
    const found = collectModules(unpacked, kernel.modules);
    const index = moduleIndex(found);
    const home = `lib/modules/${kernelRelease(unpacked)}`;
    const folder = (path: string): CpioEntry => ({ type: 'directory', path, mode: 0o755 });
    const file = (path: string, data: Buffer): CpioEntry => ({ type: 'file', path, mode: 0o644, data });
    return [
      folder('lib'),
      folder('lib/modules'),
      folder(home),
      ...found.map(({ name, data }) => file(`${home}/${name}.ko`, data)),
      file(`${home}/modules.dep`, Buffer.from(index.dep)),
      file(`${home}/modules.alias`, Buffer.from(index.alias)),
    ];
  }

  #assemble(): void {
    const { kernel, initramfs } = this.#recipe;
    copyFileSync(this.#packageFile(kernel), join(this.#bootFolder, 'vmlinuz'));
    const initrd = join(this.#bootFolder, 'initrd.img');
    if (!Array.isArray(initramfs)) {
      copyFileSync(this.#packageFile(initramfs), initrd);
      return;
    }
    const archive = cpioArchive([...initramfs.map((entry) => this.#entry(entry)), ...this.#modules()]);
    const compressed = gzipSync(archive, { level: zlibConstants.Z_BEST_COMPRESSION });
    writeFileSync(initrd, compressed);
  }
}
