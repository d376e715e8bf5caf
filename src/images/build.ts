// Carries out recipes, as a list of steps that whoever runs them can report.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { gzipSync, constants as zlibConstants } from 'node:zlib';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { hasCommand } from '../host.js';
import { diskFull, runTool, ToolError } from '../process.js';
import { type BuildFolder, type BuildRecord, sha256 } from './cache.js';
import type { Image } from './catalogue.js';
import { type CpioEntry, cpioArchive } from './cpio.js';
import { collectModules, kernelRelease, moduleIndex } from './kernel-modules.js';
import { type FetchedPackage, PrivateApt } from './private-apt.js';
import type { DebianRecipe, InitramfsEntry, MakeRecipe } from './schema.js';

export interface Step {
  readonly title: string;
  run(): Promise<void>;
}

export interface Build {
  readonly steps: readonly Step[];
  /** Valid once every step has run. */
  readonly record: BuildRecord;
}

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
  const { kernel } = recipe;
  const modules = kernel.modules === undefined ? [] : ['lib/modules/*'];
  const wanted = new Map<string, string[]>([[kernel.package, [kernel.path, ...modules]]]);
  for (const entry of recipe.initramfs) {
    if (entry.type !== 'file' || !('package' in entry.from)) continue;
    const { package: name, path } = entry.from;
    const paths = wanted.get(name) ?? [];
    if (!paths.includes(path)) paths.push(path);
    wanted.set(name, paths);
  }
  return wanted;
}

class DebianBuild implements Build {
  readonly steps: Step[];
  readonly record: { packages: BuildRecord['packages']; boot: BuildRecord['boot'] } = {
    packages: [],
    boot: { kernel: 'vmlinuz', initrd: 'initrd.img' },
  };
  readonly #recipe: DebianRecipe;
  readonly #image: Image;
  readonly #folder: BuildFolder;
  readonly #signal: AbortSignal;
  /** By the name that the recipe uses. */
  readonly #unpacked = new Map<string, string>();
  #apt: PrivateApt | undefined;

  constructor(image: Image, recipe: DebianRecipe, folder: BuildFolder, signal: AbortSignal) {
    this.#image = image;
    this.#recipe = recipe;
    this.#folder = folder;
    this.#signal = signal;
    this.steps = [
      { title: `Read the package lists for ${recipe.architecture}`, run: () => this.#open() },
      ...[...wantedFiles(recipe)].map(([name, paths]) => ({
        title: `Fetch ${name}`,
        run: () => this.#fetch(name, paths),
      })),
      { title: 'Write the initramfs', run: async () => this.#assemble() },
    ];
  }

  async #open(): Promise<void> {
    const options = { signal: this.#signal };
    this.#apt = await PrivateApt.open(join(this.#folder.work, 'apt'), this.#recipe.architecture, options);
  }

  async #fetch(name: string, paths: readonly string[]): Promise<void> {
    const apt = this.#apt;
    if (apt === undefined) throw new Error('the package lists have not been read');
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
    this.record.packages.push({
      name: fetched.name,
      version: fetched.version,
      sha256: sha256(readFileSync(fetched.file)),
    });
    this.#unpacked.set(name, await apt.unpack(fetched, paths));
  }

  #packageFile(name: string, wildcard: string): string {
    const folder = this.#unpacked.get(name);
    if (folder === undefined) throw new Error(`the package ${name} has not been fetched`);
    return matchingFile(folder, wildcard, name);
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
        const source =
          'package' in from ? this.#packageFile(from.package, from.path) : join(this.#image.folder, from.recipe);
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
    copyFileSync(this.#packageFile(kernel.package, kernel.path), join(this.#folder.result, 'vmlinuz'));
    const archive = cpioArchive([...initramfs.map((entry) => this.#entry(entry)), ...this.#modules()]);
    const compressed = gzipSync(archive, { level: zlibConstants.Z_BEST_COMPRESSION });
    writeFileSync(join(this.#folder.result, 'initrd.img'), compressed);
  }
}

/** Packages that have the recipe's missing tools. */
export function missingTools(recipe: MakeRecipe): string[] {
  return recipe.tools.filter(({ command }) => !hasCommand(command)).map((tool) => tool.package);
}

function makeBuild(image: Image, recipe: MakeRecipe, folder: BuildFolder, signal: AbortSignal): Build {
  const out = join(folder.work, 'out');
  return {
    record: { packages: [], boot: {} },
    steps: [
      {
        title: 'Compile the guests',
        run: async () => {
          const packages = missingTools(recipe);
          if (packages.length > 0) {
            throw new BeelineError('BEELINE_E_PACKAGES_MISSING', { packages: packages.join(' ') });
          }
          const args = ['-C', image.folder, `-j${availableParallelism()}`, `OUT=${out}`];
          await runTool('make', args, { signal });
          for (const guest of image.definition.guests ?? []) {
            copyFileSync(join(out, guest.kernel), join(folder.result, guest.kernel.replaceAll('/', '-')));
          }
        },
      },
    ],
  };
}

export function planBuild(image: Image, folder: BuildFolder, signal: AbortSignal): Build {
  const { recipe } = image.definition;
  return recipe.kind === 'debian'
    ? new DebianBuild(image, recipe, folder, signal)
    : makeBuild(image, recipe, folder, signal);
}

/** What a failed step means to the user. */
export function buildError(image: Image, folder: BuildFolder, error: unknown): unknown {
  if (error instanceof BeelineError) return error;
  const { name } = image.definition;
  const code = systemCode(error);
  const detail = messageOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || diskFull.test(detail)) {
    return new BeelineError('BEELINE_E_DISK_FULL', { path: folder.path }, error);
  }
  return new BeelineError('BEELINE_E_IMAGE_BUILD', { name, detail, remedy: remedyFor(image, error) }, error);
}

function remedyFor(image: Image, error: unknown): string {
  if (error instanceof ToolError && error.isMissing) return 'install it; Debian has it in every system';
  return image.definition.recipe.kind === 'debian'
    ? "check the network and this machine's apt sources, then try again"
    : `correct the recipe in ${image.folder}`;
}
