// Writes schemas/ and docs/monitor/ from the sources.
import { mkdirSync, writeFileSync } from 'node:fs';
import { referencePages } from '../dist/src/monitor/reference.js';
import { schemas } from '../dist/src/schemas.js';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [file, schema] of Object.entries(schemas)) {
  writeFileSync(new URL(file, folder), `${JSON.stringify(schema, null, 2)}\n`);
}

const pages = new URL('../docs/monitor/', import.meta.url);
for (const [file, text] of referencePages()) writeFileSync(new URL(file, pages), text);
