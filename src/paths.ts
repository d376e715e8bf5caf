// Where things lie: the project's own folder and the user's cache.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. This module is compiled to dist/src/. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** $XDG_CACHE_HOME/beeline. As the XDG specification asks, a relative value counts as unset. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache'), 'beeline');
}
