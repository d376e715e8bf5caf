// What traces can be of, for those who have no use for schemas.
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

export const defaultTraceRecords = 16_384;
export const mostTraceRecords = 262_144;
export const mostTraceEvents = 2000;
