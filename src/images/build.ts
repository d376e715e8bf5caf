// Carries out recipes, as a list of steps that whoever runs them can report.
import { copyFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { hasCommand } from '../host.js';
import { diskFull, runTool, ToolError } from '../process.js';
import type { BuildFolder, BuildRecord } from './cache.js';
import { findImage, type Image } from './catalogue.js';
import { DebianBuild } from './debian-build.js';
import type { DebianRecipe, ExtendedRecipe, MakeRecipe } from './schema.js';

export interface Step {
  readonly title: string;
  /** `report` takes what it is doing just now. */
  run(report: (text: string) => void): Promise<void>;
}

export interface Build {
  readonly steps: readonly Step[];
  /** Valid once every step has run. */
  readonly record: BuildRecord;
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
  const { recipe, name } = image.definition;
  switch (recipe.kind) {
    case 'make':
      return makeBuild(image, recipe, folder, signal);
    case 'debian':
      return new DebianBuild(name, image.folder, recipe, folder, signal);
    case 'debian-with': {
      const base = baseOf(image, recipe);
      return new DebianBuild(name, base.folder, base.recipe, folder, signal);
    }
  }
}

/** The recipe that `recipe` adds packages to, with them, and the folder of its files. */
function baseOf(
  image: Image,
  { image: name, release, packages, firmware }: ExtendedRecipe,
): { folder: string; recipe: DebianRecipe } {
  const base = findImage(name, dirname(image.folder));
  const { recipe } = base.definition;
  if (recipe.kind !== 'debian' || recipe.disk === undefined) {
    const path = join(image.folder, 'image.json');
    throw new BeelineError('BEELINE_E_IMAGE_MALFORMED', { path, detail: `/recipe/image: ${name} has no disk` });
  }
  const disk = {
    ...recipe.disk,
    packages: [...recipe.disk.packages, ...packages],
    ...(firmware !== undefined && { firmware }),
  };
  return { folder: base.folder, recipe: { ...recipe, ...(release !== undefined && { release }), disk } };
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
  return image.definition.recipe.kind === 'make'
    ? `correct the recipe in ${image.folder}`
    : "check the network and this machine's apt sources, then try again";
}
