// The protocol as data: what monitor.schema answers and schemas/monitor.schema.json holds.
import type { TSchema } from '@sinclair/typebox';
import { type ErrorCode, errorTable } from '../errors.js';
import type { DomainDeclaration, Role } from './declare.js';
import { describeError } from './json-rpc.js';
import { commonErrors, domains, protocolVersion } from './protocol.js';

export interface MethodSchema {
  readonly description: string;
  readonly role: Role;
  readonly params: TSchema;
  readonly result: TSchema;
  readonly errors: readonly ErrorCode[];
}

export interface DomainSchema {
  readonly description: string;
  readonly methods: Readonly<Record<string, MethodSchema>>;
  readonly events: Readonly<Record<string, { readonly description: string; readonly data: TSchema }>>;
  readonly notices: Readonly<Record<string, { readonly description: string; readonly params: TSchema }>>;
}

/** Every error that some method of the protocol declares, in the table's order. */
function usedErrors(): ErrorCode[] {
  const used = new Set<ErrorCode>(commonErrors);
  for (const domain of Object.values<DomainDeclaration>(domains)) {
    for (const { errors } of Object.values(domain.methods)) for (const code of errors) used.add(code);
  }
  return (Object.keys(errorTable) as ErrorCode[]).filter((code) => used.has(code));
}

export function protocolSchema() {
  return {
    protocol: 'beeline.monitor',
    version: protocolVersion,
    commonErrors,
    domains: domains as Readonly<Record<string, DomainSchema>>,
    errors: usedErrors().map(describeError),
  };
}
