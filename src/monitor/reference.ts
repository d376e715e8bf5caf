// The reference pages of the monitor, in Markdown, from its declarations.
import type { TObject, TSchema } from '@sinclair/typebox';
import { type DomainSchema, protocolSchema } from './schema.js';

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** A schema in a few words, as a person would say it. */
function typeOf(schema: TSchema): string {
  if (Array.isArray(schema.anyOf)) return (schema.anyOf as TSchema[]).map(typeOf).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.type === 'array') return `array of ${typeOf(schema.items as TSchema)}`;
  if (schema.type === 'object' && schema.patternProperties !== undefined) {
    return `object of ${typeOf(Object.values(schema.patternProperties as Record<string, TSchema>)[0] as TSchema)}`;
  }
  return typeof schema.type === 'string' ? schema.type : 'any';
}

function isObject(schema: TSchema): schema is TObject {
  return schema.type === 'object' && schema.properties !== undefined;
}

/** Members as rows, those of objects inside after them with a dotted name. */
function rows(schema: TObject, prefix = ''): string[] {
  const required = new Set(schema.required ?? []);
  return Object.entries<TSchema>(schema.properties).flatMap(([name, member]) => {
    const optional = required.has(name) ? '' : ' (optional)';
    const own = `| \`${prefix}${name}\`${optional} | ${cell(typeOf(member))} | ${cell(member.description ?? '')} |`;
    const inside = member.type === 'array' ? (member.items as TSchema) : member;
    const mark = member.type === 'array' ? '[]' : '';
    return isObject(inside) ? [own, ...rows(inside, `${prefix}${name}${mark}.`)] : [own];
  });
}

function table(title: string, schema: TSchema): string[] {
  if (!isObject(schema)) return [`${title}: ${schema.description ?? typeOf(schema)}`, ''];
  if (Object.keys(schema.properties).length === 0) return [`${title}: none.`, ''];
  const note = schema.description === undefined ? '' : ` ${schema.description}`;
  return [`${title}:${note}`, '', '| Member | Type | Meaning |', '|---|---|---|', ...rows(schema), ''];
}

function domainPage(name: string, domain: DomainSchema): string {
  const lines = [`# Monitor: ${name}`, '', domain.description, ''];
  for (const [part, method] of Object.entries(domain.methods)) {
    lines.push(`## ${name}.${part}`, '', method.description, '', `Role: ${method.role}.`, '');
    lines.push(...table('Parameters', method.params), ...table('Result', method.result));
    if (method.errors.length > 0) lines.push(`Errors: ${method.errors.map((code) => `\`${code}\``).join(', ')}.`, '');
  }
  for (const [part, event] of Object.entries(domain.events)) {
    lines.push(`## Event ${name}.${part}`, '', event.description, '', ...table('Data', event.data));
  }
  for (const [part, notice] of Object.entries(domain.notices)) {
    lines.push(`## Notice ${name}.${part}`, '', notice.description, '', ...table('Parameters', notice.params));
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function errorPage(): string {
  const { errors, commonErrors } = protocolSchema();
  return [
    '# Monitor: errors',
    '',
    'An error has the `code` of JSON-RPC, a `message` of one line, and in `data.code` the name below; `data.details` has',
    'what fills the braces. Any method may be refused with',
    `${commonErrors.map((code) => `\`${code}\``).join(', ')}.`,
    '',
    '| Name | Number | Cause | What to do |',
    '|---|---|---|---|',
    ...errors.map(
      ({ code, number, cause, remedy }) => `| \`${code}\` | ${number} | ${cell(cause)} | ${cell(remedy)} |`,
    ),
    '',
  ].join('\n');
}

/** File name to content; they lie in docs/monitor/. */
export function referencePages(): ReadonlyMap<string, string> {
  const pages = new Map<string, string>();
  for (const [name, domain] of Object.entries(protocolSchema().domains))
    pages.set(`${name}.md`, domainPage(name, domain));
  pages.set('errors.md', errorPage());
  return pages;
}
