// Writes schemas/ from the sources.
import { mkdirSync, writeFileSync } from 'node:fs';
import { schemas } from '../dist/src/schemas.js';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [file, schema] of Object.entries(schemas)) {
  writeFileSync(new URL(file, folder), `${JSON.stringify(schema, null, 2)}\n`);
}
