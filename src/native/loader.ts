// Finds and loads the native addon.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { BeelineError, messageOf } from '../errors.js';
import { projectRoot } from '../paths.js';
import type { Addon } from './addon.js';

const require = createRequire(import.meta.url);

/** In order of preference: what cmake-js builds, then what node-gyp builds. $BEELINE_ADDON overrides both. */
export function addonPaths(root = projectRoot, env: NodeJS.ProcessEnv = process.env): string[] {
  if (env.BEELINE_ADDON) return [env.BEELINE_ADDON];
  return [join(root, 'build/native/Release/beeline.node'), join(root, 'build/Release/beeline.node')];
}

export function findAddon(paths = addonPaths()): string {
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) throw new BeelineError('BEELINE_E_ADDON_MISSING', { paths: paths.join(', ') });
  return found;
}

let loaded: Addon | undefined;

/** Throws BEELINE_E_ADDON_MISSING, or BEELINE_E_ADDON_BROKEN when a file is there but does not load. */
export function loadAddon(paths?: string[]): Addon {
  if (loaded !== undefined && paths === undefined) return loaded;
  const path = findAddon(paths);
  try {
    const addon = require(path) as Addon;
    if (paths === undefined) loaded = addon;
    return addon;
  } catch (error) {
    const detail = messageOf(error).split('\n')[0] ?? '';
    throw new BeelineError('BEELINE_E_ADDON_BROKEN', { path, detail }, error);
  }
}
