// Small guest image definitions to test with.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A definition that is right; `changes` make it wrong. */
export function definition(name: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    description: 'made for a test',
    recipe: { kind: 'make', tools: [] },
    guests: [{ name: 'one', description: 'first', kernel: 'one', append: 'quiet', memory: '64M' }],
    ...changes,
  };
}

/** Writes guest-images/NAME with a Makefile whose rule is `rule`. */
export function writeRecipe(folder: string, name: string, rule: string, changes: Record<string, unknown> = {}): void {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'image.json'), JSON.stringify(definition(name, changes)));
  writeFileSync(join(path, 'Makefile'), `all:\n\tmkdir -p $(OUT)\n\t${rule}\n`);
}
