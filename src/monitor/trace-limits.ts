// What traces can be of, and how large, for those who have no use for schemas.
export const traceCategories = [
  'exceptions',
  'interrupts',
  'returns',
  'calls',
  'sleeps',
  'devices',
  'maintenance',
  'registers',
] as const;
export type TraceCategory = (typeof traceCategories)[number];

/** As TraceKind of the core numbers them. */
export const traceKinds = [
  'exception',
  'interrupt',
  'acknowledge',
  'return',
  'call',
  'sleep',
  'wake',
  'deviceRead',
  'deviceWrite',
  'maintenance',
  'register',
] as const;
export type TraceKind = (typeof traceKinds)[number];

export const defaultTraceRecords = 16_384;
export const mostTraceRecords = 262_144;
export const mostTraceEvents = 2000;
