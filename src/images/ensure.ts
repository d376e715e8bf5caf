// Gets hold of a guest image that can be booted: from the cache when it is whole and up to date, built otherwise.
import { join } from 'node:path';
import { BeelineError } from '../errors.js';
import type { Login } from '../job/job.js';
import { parseMemory } from '../memory-size.js';
import { onEndingSignal, signalStatus } from '../signals.js';
import { buildError, planBuild } from './build.js';
import { BuildFolder, cachedFolder, inspectCache, type Manifest } from './cache.js';
import { findImage, type Image, runnableNames } from './catalogue.js';
import { runSteps } from './progress.js';

export interface BuiltImage {
  readonly kernel?: string;
  readonly initrd?: string;
  /** A qcow2 file; it is not to be written to. */
  readonly disk?: string;
  /** It boots the disk by itself. */
  readonly firmware?: string;
  readonly append?: string;
  readonly login?: Login;
  /** Bytes. */
  readonly memory?: number;
  readonly cpus?: number;
}

export interface EnsureOptions {
  /** No progress, only errors. */
  readonly quiet: boolean;
}

/** Builds, whatever the cache has. Ctrl-C and the like leave nothing half-written behind. */
export async function buildImage(image: Image, { quiet }: EnsureOptions): Promise<Manifest> {
  const controller = new AbortController();
  const forgetSignals = onEndingSignal((signal) => {
    controller.abort(new BeelineError('BEELINE_E_INTERRUPTED', { signal, status: signalStatus(signal) }));
  });
  let folder: BuildFolder | undefined;
  try {
    folder = new BuildFolder();
    const { steps, record } = planBuild(image, folder, controller.signal);
    let manifest: Manifest | undefined;
    const store = {
      title: 'Store it in the cache',
      run: async () => {
        controller.signal.throwIfAborted();
        manifest = folder?.commit(image, record);
      },
    };
    await runSteps(`image ${image.definition.name}`, [...steps, store], quiet);
    if (manifest === undefined) throw new Error('the build left no manifest');
    return manifest;
  } catch (error) {
    throw folder === undefined ? error : buildError(image, folder, error);
  } finally {
    folder?.discard();
    forgetSignals();
  }
}

/** NAME or NAME/GUEST. */
export function resolveRunnable(name: string): { readonly image: Image; readonly guest: string | undefined } {
  const [imageName = '', guest] = name.split('/', 2);
  const image = findImage(imageName);
  if (!runnableNames(image).includes(name)) {
    throw new BeelineError('BEELINE_E_IMAGE_UNKNOWN', { name, known: runnableNames(image).join(', ') });
  }
  return { image, guest };
}

/** Throws BeelineError when there is no such image or it cannot be built. */
export async function ensureImage(name: string, options: EnsureOptions): Promise<BuiltImage> {
  const { image, guest } = resolveRunnable(name);
  const cache = inspectCache(image);
  if (cache.state === 'broken' && !options.quiet) {
    process.stderr.write(
      `beeline: image ${image.definition.name} in the cache is broken (${cache.detail}); building it again\n`,
    );
  }
  const manifest = cache.state === 'ready' ? cache.manifest : await buildImage(image, options);
  return bootFiles(image, guest, manifest);
}

/** What to boot of a built image. */
export function bootFiles(image: Image, guest: string | undefined, manifest: Manifest): BuiltImage {
  const { definition } = image;
  const folder = cachedFolder(definition.name);
  const chosen = definition.guests?.find((candidate) => candidate.name === guest);
  const kernel = chosen?.kernel.replaceAll('/', '-') ?? manifest.boot.kernel;
  const append = chosen?.append ?? definition.append;
  const memory = chosen?.memory ?? definition.memory;
  const cpus = chosen?.cpus ?? definition.cpus;
  return {
    ...(kernel === undefined ? {} : { kernel: join(folder, kernel) }),
    ...(manifest.boot.initrd === undefined ? {} : { initrd: join(folder, manifest.boot.initrd) }),
    ...(manifest.boot.disk === undefined ? {} : { disk: join(folder, manifest.boot.disk) }),
    ...(manifest.boot.firmware === undefined ? {} : { firmware: join(folder, manifest.boot.firmware) }),
    ...(append === undefined ? {} : { append }),
    ...(definition.prompt === undefined ? {} : { login: { ...definition.login, shell: definition.prompt } }),
    ...(memory === undefined ? {} : { memory: parseMemory(memory) }),
    ...(cpus === undefined ? {} : { cpus }),
  };
}
