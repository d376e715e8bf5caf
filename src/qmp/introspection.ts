// query-qmp-schema, from the declarations: SchemaInfo as QEMU's introspection describes commands, events and types.
import type { TObject, TSchema } from '@sinclair/typebox';
import { commands, events } from './commands.js';

type SchemaInfo = Readonly<Record<string, unknown>>;

const builtins: Readonly<Record<string, { readonly name: string; readonly json: string }>> = {
  string: { name: 'str', json: 'string' },
  integer: { name: 'int', json: 'int' },
  number: { name: 'number', json: 'number' },
  boolean: { name: 'bool', json: 'boolean' },
};

class Types {
  readonly infos: SchemaInfo[] = [];
  readonly #names = new Map<string, string>();

  /** The name of a type, which is described when it is first met. */
  nameOf(schema: TSchema): string {
    const builtin = builtins[String(schema.type)];
    if (builtin !== undefined) {
      return this.#describe(builtin.name, () => ({ 'meta-type': 'builtin', 'json-type': builtin.json }));
    }
    if (schema.type === 'array') {
      const element = this.nameOf(schema.items as TSchema);
      return this.#describe(`[${element}]`, () => ({ 'meta-type': 'array', 'element-type': element }));
    }
    const values = (schema.anyOf as TSchema[] | undefined)?.map((literal) => String(literal.const));
    if (values !== undefined) return this.#number(schema, () => this.#enumeration(values));
    if (schema.const !== undefined) return this.#number(schema, () => this.#enumeration([String(schema.const)]));
    if (schema.type === 'object' && schema.properties !== undefined) {
      return this.#number(schema, () => ({ 'meta-type': 'object', members: this.#members(schema as TObject) }));
    }
    return this.#describe('any', () => ({ 'meta-type': 'builtin', 'json-type': 'value' }));
  }

  #members(schema: TObject): SchemaInfo[] {
    const required = new Set(schema.required ?? []);
    return Object.entries<TSchema>(schema.properties).map(([name, member]) => ({
      name,
      type: this.nameOf(member),
      ...(required.has(name) ? {} : { default: null }),
    }));
  }

  #enumeration(values: readonly string[]): SchemaInfo {
    return { 'meta-type': 'enum', values, members: values.map((name) => ({ name })) };
  }

  /** Types without a name of their own have a number, as in QEMU's answer; equal ones share it. */
  #number(schema: TSchema, info: () => SchemaInfo): string {
    const key = JSON.stringify(schema);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = String(this.#names.size);
    this.#names.set(key, name);
    this.infos.push({ name, ...info() });
    return name;
  }

  #describe(name: string, info: () => SchemaInfo): string {
    if (!this.infos.some((known) => known.name === name)) this.infos.push({ name, ...info() });
    return name;
  }
}

let made: readonly SchemaInfo[] | undefined;

/** Made once: clients may ask for it as often as they like. */
export function qmpSchema(): readonly SchemaInfo[] {
  made ??= makeSchema();
  return made;
}

function makeSchema(): SchemaInfo[] {
  const types = new Types();
  const entries: SchemaInfo[] = Object.entries(commands).map(([name, command]) => ({
    name,
    'meta-type': 'command',
    'allow-oob': command.oob,
    'arg-type': types.nameOf(command.arguments),
    'ret-type': types.nameOf(command.returns),
  }));
  for (const [name, data] of Object.entries(events)) {
    entries.push({ name, 'meta-type': 'event', 'arg-type': types.nameOf(data) });
  }
  return [...entries, ...types.infos];
}
