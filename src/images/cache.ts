// The cache of built images: $XDG_CACHE_HOME/beeline/images/NAME, each with a manifest of checksums. Images are put
// together in a folder beside it and moved into place whole.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { cacheRoot } from '../paths.js';
import { isAlive } from '../process.js';
import { findImage, type Image } from './catalogue.js';

/** Part of every key: raise it when the same recipe is to give another result. */
const builderVersion = 1;

/** In bytes: what takes longer to read than a guest should wait for. */
const largeFile = 1 << 23;

const ManifestSchema = Type.Object({
  schema: Type.Literal('beeline.image-manifest.1'),
  name: Type.String(),
  key: Type.String(),
  builtAt: Type.String(),
  files: Type.Record(
    Type.String(),
    Type.Object({
      size: Type.Integer(),
      sha256: Type.String(),
      /** When it was written, in milliseconds. */
      modified: Type.Optional(Type.Number()),
    }),
  ),
  packages: Type.Array(Type.Object({ name: Type.String(), version: Type.String(), sha256: Type.String() })),
  boot: Type.Object({
    kernel: Type.Optional(Type.String()),
    initrd: Type.Optional(Type.String()),
    disk: Type.Optional(Type.String()),
    firmware: Type.Optional(Type.String()),
  }),
});
export type Manifest = Static<typeof ManifestSchema>;

/** What a build leaves in its folder, besides the files themselves. */
export type BuildRecord = Pick<Manifest, 'packages' | 'boot'>;

export function imageCache(): string {
  return join(cacheRoot(), 'images');
}

export function cachedFolder(name: string): string {
  return join(imageCache(), name);
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** Changes whenever the recipe, or anything beside it, does. */
export function recipeKey(image: Image): string {
  const hash = createHash('sha256').update(`beeline image ${builderVersion}\n`);
  const { recipe } = image.definition;
  if (recipe.kind === 'debian-with') hash.update(recipeKey(findImage(recipe.image, dirname(image.folder))));
  for (const path of filesBelow(image.folder)) {
    hash.update(`${path}\0${sha256(readFileSync(join(image.folder, path)))}\n`);
  }
  return hash.digest('hex');
}

export type CacheState =
  | { readonly state: 'ready'; readonly manifest: Manifest }
  | { readonly state: 'missing' }
  | { readonly state: 'outdated' }
  | { readonly state: 'broken'; readonly detail: string };

function readManifest(folder: string): Manifest | string {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  } catch (error) {
    return `manifest.json: ${systemCode(error) ?? messageOf(error)}`;
  }
  return Value.Check(ManifestSchema, value) ? value : 'manifest.json has another form';
}

interface Inspection {
  /** Reads large files too, though nobody has touched them. */
  readonly everything?: boolean;
}

function fileProblem(
  folder: string,
  name: string,
  expected: Manifest['files'][string],
  { everything = false }: Inspection,
): string | undefined {
  try {
    const { size, mtimeMs } = statSync(join(folder, name));
    if (!everything && size >= largeFile && size === expected.size && mtimeMs === expected.modified) return undefined;
    const data = readFileSync(join(folder, name));
    if (data.length !== expected.size) return `${name} has ${data.length} bytes instead of ${expected.size}`;
    return sha256(data) === expected.sha256 ? undefined : `${name} has another checksum`;
  } catch (error) {
    return `${name}: ${systemCode(error) ?? messageOf(error)}`;
  }
}

/** Checks the bytes of all files but large ones that were not touched since they were written. */
export function inspectCache(image: Image, inspection: Inspection = {}): CacheState {
  const folder = cachedFolder(image.definition.name);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return { state: 'missing' };
  const manifest = readManifest(folder);
  if (typeof manifest === 'string') return { state: 'broken', detail: manifest };
  for (const [name, expected] of Object.entries(manifest.files)) {
    const detail = fileProblem(folder, name, expected, inspection);
    if (detail !== undefined) return { state: 'broken', detail };
  }
  return manifest.key === recipeKey(image) ? { state: 'ready', manifest } : { state: 'outdated' };
}

/** Folders that builds of this process are still using; gone when the process goes, whatever way. */
const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const folder of unfinished) rmSync(folder, { recursive: true, force: true });
}

/** Removes what builds left behind that were killed on this host. */
function removeAbandoned(root: string): void {
  for (const name of readdirSync(root)) {
    const match = /^\.build-(.+)-(\d+)$/.exec(name);
    if (match?.[1] === hostname() && !isAlive(Number(match[2]))) {
      rmSync(join(root, name), { recursive: true, force: true });
    }
  }
}

function cacheError(path: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new BeelineError('BEELINE_E_DISK_FULL', { path }, error);
  return new BeelineError('BEELINE_E_CACHE', { path, detail: code ?? messageOf(error) }, error);
}

/** A folder to build in, on the cache's file system. */
export class BuildFolder {
  readonly path: string;

  constructor() {
    const root = imageCache();
    this.path = join(root, `.build-${hostname()}-${process.pid}`);
    try {
      mkdirSync(root, { recursive: true });
      removeAbandoned(root);
      rmSync(this.path, { recursive: true, force: true });
    } catch (error) {
      throw cacheError(root, error);
    }
    if (unfinished.size === 0) process.on('exit', removeUnfinished);
    unfinished.add(this.path);
    try {
      mkdirSync(join(this.path, 'result'), { recursive: true });
      mkdirSync(join(this.path, 'work'));
    } catch (error) {
      this.discard();
      throw cacheError(root, error);
    }
  }

  /** Where the image's files go. */
  get result(): string {
    return join(this.path, 'result');
  }

  /** For everything else. */
  get work(): string {
    return join(this.path, 'work');
  }

  /** Writes the manifest and moves the result into the cache. */
  commit(image: Image, record: BuildRecord): Manifest {
    const { name } = image.definition;
    const files: Manifest['files'] = {};
    for (const file of filesBelow(this.result)) {
      const data = readFileSync(join(this.result, file));
      const modified = statSync(join(this.result, file)).mtimeMs;
      files[file] = { size: data.length, sha256: sha256(data), modified };
    }
    const manifest: Manifest = {
      schema: 'beeline.image-manifest.1',
      name,
      key: recipeKey(image),
      builtAt: new Date().toISOString(),
      files,
      packages: record.packages,
      boot: record.boot,
    };
    try {
      writeFileSync(join(this.result, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
      this.#replace(cachedFolder(name));
    } catch (error) {
      throw cacheError(cachedFolder(name), error);
    }
    return manifest;
  }

  #replace(target: string): void {
    // A folder that is not empty cannot be renamed over. Another build may put its own result there in between.
    for (let attempt = 0; ; attempt++) {
      const old = join(this.path, `old-${attempt}`);
      try {
        renameSync(target, old);
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error;
      }
      try {
        renameSync(this.result, target);
        return;
      } catch (error) {
        const code = systemCode(error);
        if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt === 3) throw error;
      }
    }
  }

  discard(): void {
    rmSync(this.path, { recursive: true, force: true });
    unfinished.delete(this.path);
    if (unfinished.size === 0) process.off('exit', removeUnfinished);
  }
}

/** Returns whether there was anything to remove. */
export function removeCached(name: string): boolean {
  const folder = cachedFolder(name);
  const existed = statSync(folder, { throwIfNoEntry: false }) !== undefined;
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    throw cacheError(folder, error);
  }
  return existed;
}
