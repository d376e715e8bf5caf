// beeline image: list, build, path, verify, remove.
import { BeelineError, ExitStatus } from '../errors.js';
import { cachedFolder, inspectCache, removeCached } from '../images/cache.js';
import { findImage, imageNames, runnableNames } from '../images/catalogue.js';
import { bootFiles, buildImage, resolveRunnable } from '../images/ensure.js';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Every image, whether it is built, and what it is. A malformed one is reported after the rest. */
export function listImages(options: { readonly names?: boolean }): number {
  const problems: BeelineError[] = [];
  const rows: string[][] = [];
  for (const name of imageNames()) {
    try {
      const image = findImage(name);
      if (options.names) {
        for (const runnable of runnableNames(image)) print(runnable);
        continue;
      }
      const { state } = inspectCache(image);
      rows.push([name, state, image.definition.description]);
      for (const guest of image.definition.guests ?? []) rows.push([`${name}/${guest.name}`, state, guest.description]);
    } catch (error) {
      if (!(error instanceof BeelineError)) throw error;
      problems.push(error);
      if (!options.names) rows.push([name, 'malformed', '']);
    }
  }
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
  for (const problem of problems) process.stderr.write(`beeline: ${problem.message}\n`);
  return problems[0]?.status ?? ExitStatus.ok;
}

export async function buildImages(
  names: readonly string[],
  options: { readonly force: boolean; readonly quiet: boolean },
): Promise<number> {
  for (const image of names.map((name) => findImage(name))) {
    const { name } = image.definition;
    if (!options.force && inspectCache(image).state === 'ready') {
      if (!options.quiet) print(`${name} is up to date in ${cachedFolder(name)}`);
      continue;
    }
    const manifest = await buildImage(image, options);
    if (options.quiet) continue;
    const packages = manifest.packages.map((item) => `${item.name} ${item.version}`).join(', ');
    print(`${name} is built in ${cachedFolder(name)}${packages === '' ? '' : ` from ${packages}`}`);
  }
  return ExitStatus.ok;
}

/** Prints the folder of a built image, or one of its files: the kernel where NAME/GUEST is named and no file. */
export function printImagePath(
  name: string,
  options: { readonly [file in 'kernel' | 'initrd' | 'disk' | 'firmware']?: boolean },
): number {
  const file = (['initrd', 'disk', 'firmware'] as const).find((one) => options[one] === true) ?? 'kernel';
  const isFile = options[file] === true || name.includes('/');
  const { image, guest } = isFile ? resolveRunnable(name) : { image: findImage(name), guest: undefined };
  const imageName = image.definition.name;
  const cache = inspectCache(image);
  if (cache.state === 'broken')
    throw new BeelineError('BEELINE_E_IMAGE_BROKEN', { name: imageName, detail: cache.detail });
  if (cache.state !== 'ready') throw new BeelineError('BEELINE_E_IMAGE_NOT_BUILT', { name: imageName });
  if (!isFile) {
    print(cachedFolder(imageName));
    return ExitStatus.ok;
  }
  const files = bootFiles(image, guest, cache.manifest);
  const path = files[file];
  if (path === undefined) {
    const detail = `image ${name} has none`;
    throw new BeelineError('BEELINE_E_OPTION_VALUE', { option: `--${file}`, detail, remedy: 'leave it out' });
  }
  print(path);
  return ExitStatus.ok;
}

/** Checks every byte of the images named, or of all that are built. */
export function verifyImages(names: readonly string[]): number {
  let status: number = ExitStatus.ok;
  const chosen = names.length > 0 ? names : imageNames();
  for (const name of chosen) {
    const cache = inspectCache(findImage(name), { everything: true });
    if (cache.state === 'missing' && names.length === 0) continue;
    if (cache.state === 'ready') {
      print(`${name}: ${Object.keys(cache.manifest.files).length} files are whole`);
      continue;
    }
    status = ExitStatus.failure;
    const why = { missing: 'is not built', outdated: 'is older than its recipe', broken: 'is broken' }[cache.state];
    const detail = cache.state === 'broken' ? ` (${cache.detail})` : '';
    process.stderr.write(`beeline: image ${name} ${why}${detail}; run: beeline image build ${name}\n`);
  }
  return status;
}

export function removeImages(names: readonly string[]): number {
  for (const image of names.map((name) => findImage(name))) {
    const { name } = image.definition;
    print(removeCached(name) ? `${name} is removed` : `${name} was not built`);
  }
  return ExitStatus.ok;
}
