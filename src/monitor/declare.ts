// How the monitor protocol is declared: domains of methods, events and notices, each with its schema. Validation, static
// types, JSON Schema, the client and the reference pages all come from these declarations.
import type { TObject, TSchema } from '@sinclair/typebox';
import type { ErrorCode } from '../errors.js';

/** What a client may do; each role includes those before it. */
export const roles = ['view', 'control', 'admin'] as const;
export type Role = (typeof roles)[number];

export interface MethodDeclaration<P extends TObject = TObject, R extends TSchema = TSchema> {
  readonly description: string;
  readonly role: Role;
  readonly params: P;
  readonly result: R;
  /** Errors of its own; every method may also be refused for what `commonErrors` lists. */
  readonly errors: readonly ErrorCode[];
}

/** An event is kept in the journal and delivered with a cursor, exactly once to a client that comes back with it. */
export interface EventDeclaration<D extends TObject = TObject> {
  readonly description: string;
  readonly data: D;
}

/** A notice belongs to one connection and is not repeated. */
export interface NoticeDeclaration<P extends TObject = TObject> {
  readonly description: string;
  readonly params: P;
}

export interface DomainDeclaration {
  readonly description: string;
  readonly methods: Readonly<Record<string, MethodDeclaration>>;
  readonly events: Readonly<Record<string, EventDeclaration>>;
  readonly notices: Readonly<Record<string, NoticeDeclaration>>;
}

export function method<P extends TObject, R extends TSchema>(
  declaration: MethodDeclaration<P, R>,
): MethodDeclaration<P, R> {
  return declaration;
}

export function event<D extends TObject>(description: string, data: D): EventDeclaration<D> {
  return { description, data };
}

export function notice<P extends TObject>(description: string, params: P): NoticeDeclaration<P> {
  return { description, params };
}

export function includesRole(held: Role, needed: Role): boolean {
  return roles.indexOf(held) >= roles.indexOf(needed);
}
