// Derives the private apt's list of sources from the machine's own: the same archives and keyrings, for any architecture.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

/** deb822 (.sources): restrictions to architectures go, and so do stanzas that are disabled or only about source. */
function convertDeb822(text: string): string {
  const stanzas = text.split(/\n\s*\n/).map((stanza) => {
    const fields: string[] = [];
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#') || line.trim() === '') continue;
      if (/^\s/.test(line) && fields.length > 0) fields[fields.length - 1] += `\n${line}`;
      else fields.push(line);
    }
    return fields;
  });
  const kept: string[] = [];
  for (const fields of stanzas) {
    if (fields.some((field) => /^Enabled:\s*(no|false|0)\s*$/i.test(field))) continue;
    if (!fields.some((field) => /^Types:.*\bdeb\b(?!-)/i.test(field))) continue;
    kept.push(
      fields
        .filter((field) => !/^Architectures(-Add|-Remove)?:/i.test(field))
        .map((field) => (/^Types:/i.test(field) ? 'Types: deb' : field))
        .join('\n'),
    );
  }
  return kept.map((stanza) => `${stanza}\n`).join('\n');
}

/** One-line format (.list). */
function convertList(text: string): string {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(.+)$/.exec(line.replace(/#.*/, ''));
    if (match === null) continue;
    const options = (match[1] ?? '').split(/\s+/).filter((option) => option !== '' && !/^arch[+-]?=/.test(option));
    lines.push(`deb ${options.length > 0 ? `[${options.join(' ')}] ` : ''}${(match[2] ?? '').trim()}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

export function convertSources(files: readonly SourceFile[]): SourceFile[] {
  return files
    .map(({ name, text }) => ({ name, text: name.endsWith('.sources') ? convertDeb822(text) : convertList(text) }))
    .filter(({ text }) => text !== '');
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Absent or unreadable: apt ignores such a source as well.
    return undefined;
  }
}

/** The machine's source files as apt reads them: sources.list, then sources.list.d in order of names. */
export function machineSources(list: string, parts: string): SourceFile[] {
  const files: SourceFile[] = [];
  const main = tryRead(list);
  if (main !== undefined) files.push({ name: 'sources.list', text: main });
  let names: string[] = [];
  try {
    names = readdirSync(parts).filter((name) => /^[\w.-]+\.(list|sources)$/.test(name));
  } catch {
    // No such folder.
  }
  for (const name of names.sort()) {
    const text = tryRead(join(parts, name));
    if (text !== undefined) files.push({ name, text });
  }
  return files;
}
