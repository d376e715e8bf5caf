// The monitor protocol: all domains, and the types that follow from them.
import type { Static } from '@sinclair/typebox';
import type { ErrorCode } from '../errors.js';
import type { DomainDeclaration, EventDeclaration, MethodDeclaration, NoticeDeclaration } from './declare.js';
import { console } from './domains/console.js';
import { cpu } from './domains/cpu.js';
import { disk } from './domains/disk.js';
import { log } from './domains/log.js';
import { memory } from './domains/memory.js';
import { monitor } from './domains/monitor.js';
import { network } from './domains/network.js';
import { perf } from './domains/perf.js';
import { snapshot } from './domains/snapshot.js';
import { trace } from './domains/trace.js';
import { vm } from './domains/vm.js';

/** Grows when something is taken away or changes its meaning. */
export const protocolVersion = 1;

export const domains = {
  vm,
  console,
  cpu,
  memory,
  snapshot,
  disk,
  network,
  perf,
  trace,
  log,
  monitor,
} as const satisfies Record<string, DomainDeclaration>;

/** What any call may be refused for. */
export const commonErrors = [
  'BEELINE_E_MESSAGE',
  'BEELINE_E_METHOD_UNKNOWN',
  'BEELINE_E_PARAMS',
  'BEELINE_E_UNAUTHORIZED',
  'BEELINE_E_FORBIDDEN',
  'BEELINE_E_RATE',
  'BEELINE_E_INTERNAL',
] as const satisfies readonly ErrorCode[];

type Domains = typeof domains;
type NamesOf<Kind extends 'methods' | 'events' | 'notices'> = {
  [D in keyof Domains]: `${D & string}.${keyof Domains[D][Kind] & string}`;
}[keyof Domains];
type DeclarationOf<
  Kind extends 'methods' | 'events' | 'notices',
  Name extends string,
> = Name extends `${infer D extends keyof Domains & string}.${infer Part}`
  ? Part extends keyof Domains[D][Kind]
    ? Domains[D][Kind][Part]
    : never
  : never;

export type MethodName = NamesOf<'methods'>;
export type EventName = NamesOf<'events'>;
export type NoticeName = NamesOf<'notices'>;

export type Params<N extends MethodName> =
  DeclarationOf<'methods', N> extends MethodDeclaration<infer P, infer _> ? Static<P> : never;
export type Result<N extends MethodName> =
  DeclarationOf<'methods', N> extends MethodDeclaration<infer _, infer R> ? Static<R> : never;
export type EventData<N extends EventName> =
  DeclarationOf<'events', N> extends EventDeclaration<infer D> ? Static<D> : never;
export type NoticeParams<N extends NoticeName> =
  DeclarationOf<'notices', N> extends NoticeDeclaration<infer P> ? Static<P> : never;

function collect<T>(kind: 'methods' | 'events' | 'notices'): ReadonlyMap<string, T> {
  const all = new Map<string, T>();
  for (const [domain, declaration] of Object.entries<DomainDeclaration>(domains)) {
    for (const [name, value] of Object.entries(declaration[kind])) all.set(`${domain}.${name}`, value as T);
  }
  return all;
}

/** By full name, such as vm.create. */
export const methods = collect<MethodDeclaration>('methods');
export const events = collect<EventDeclaration>('events');
export const notices = collect<NoticeDeclaration>('notices');

export function isMethodName(name: string): name is MethodName {
  return methods.has(name);
}
