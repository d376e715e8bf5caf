// Finds guest image definitions: guest-images/NAME/image.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { parseMemory } from '../memory-size.js';
import { projectRoot } from '../paths.js';
import { type ImageDefinition, ImageSchema } from './schema.js';

export interface Image {
  readonly definition: ImageDefinition;
  /** The recipe's folder. */
  readonly folder: string;
}

/** $BEELINE_GUEST_IMAGES, or the project's own. */
export function guestImagesFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.BEELINE_GUEST_IMAGES || join(projectRoot, 'guest-images');
}

export function imageNames(folder = guestImagesFolder()): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    const detail = systemCode(error) ?? messageOf(error);
    throw new BeelineError(
      'BEELINE_E_FILE_UNREADABLE',
      { option: 'BEELINE_GUEST_IMAGES', path: folder, detail },
      error,
    );
  }
  return names.filter((name) => existsSync(join(folder, name, 'image.json'))).sort();
}

function firstProblem(value: unknown): string | undefined {
  // In a union the innermost complaint says more than "matches none"; TypeBox keeps them in `errors`.
  const first = Value.Errors(ImageSchema, value).First();
  if (first === undefined) return undefined;
  const inner = first.errors.map((errors) => [...errors]).sort((a, b) => a.length - b.length)[0]?.[0];
  const error = inner ?? first;
  return `${error.path === '' ? 'the document' : error.path} is wrong (${error.message.toLowerCase()})`;
}

/** Reads and checks an image.json. Throws BEELINE_E_IMAGE_MALFORMED. */
export function readDefinition(path: string, expectedName: string): ImageDefinition {
  const malformed = (detail: string, cause?: unknown) =>
    new BeelineError('BEELINE_E_IMAGE_MALFORMED', { path, detail }, cause);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw malformed(`it is not JSON (${messageOf(error)})`, error);
  }
  const problem = firstProblem(value);
  if (problem !== undefined) throw malformed(problem);
  const definition = value as ImageDefinition;
  if (definition.name !== expectedName) throw malformed(`/name is not the name of its folder, ${expectedName}`);
  if (definition.recipe.kind === 'make' && definition.guests === undefined) {
    throw malformed('a recipe of kind make needs /guests');
  }
  if (definition.recipe.kind !== 'make' && definition.guests !== undefined) {
    throw malformed('/guests is for recipes of kind make');
  }
  for (const { memory } of [definition, ...(definition.guests ?? [])]) {
    if (memory === undefined) continue;
    try {
      parseMemory(memory);
    } catch (error) {
      throw malformed(`/memory is wrong (${messageOf(error)})`, error);
    }
  }
  return definition;
}

/** All that can be named: NAME, or NAME/GUEST for images of several guests. */
export function runnableNames(image: Image): string[] {
  const { name, guests } = image.definition;
  return guests === undefined ? [name] : guests.map((guest) => `${name}/${guest.name}`);
}

/** Throws BEELINE_E_IMAGE_UNKNOWN or BEELINE_E_IMAGE_MALFORMED. */
export function findImage(name: string, folder = guestImagesFolder()): Image {
  const known = imageNames(folder);
  if (!known.includes(name)) {
    throw new BeelineError('BEELINE_E_IMAGE_UNKNOWN', { name: name || "''", known: known.join(', ') || 'none' });
  }
  const path = join(folder, name);
  return { definition: readDefinition(join(path, 'image.json'), name), folder: path };
}
