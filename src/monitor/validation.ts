// Checks values against the protocol's schemas. A checker is compiled when it is first needed.
import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler, type ValueError } from '@sinclair/typebox/compiler';

const checkers = new WeakMap<TSchema, TypeCheck<TSchema>>();

function checkerOf(schema: TSchema): TypeCheck<TSchema> {
  let checker = checkers.get(schema);
  if (checker === undefined) {
    checker = TypeCompiler.Compile(schema);
    checkers.set(schema, checker);
  }
  return checker;
}

export function accepts<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  return checkerOf(schema).Check(value);
}

/** The first thing that is wrong, in a few words; undefined when nothing is. */
export function firstFault(schema: TSchema, value: unknown): string | undefined {
  const checker = checkerOf(schema);
  if (checker.Check(value)) return undefined;
  const fault = checker.Errors(value).First();
  if (fault === undefined) return 'it does not match its schema';
  const where = fault.path === '' ? 'params' : fault.path.slice(1, 100).replaceAll('/', '.');
  return `${where}: ${expectation(fault)}`;
}

/** The compiler's words, but for what they leave open: which values there are, and what a pattern means. */
function expectation({ message, schema }: ValueError): string {
  const values = (schema.anyOf as TSchema[] | undefined)?.map((choice) => choice.const as unknown);
  if (values?.every((value) => value !== undefined)) return `Expected one of ${values.join(', ')}`;
  if (schema.pattern === undefined || schema.description === undefined) return message;
  return `${message} (${schema.description.replace(/\.$/, '')})`;
}
