// Types that several domains share.
import { type Static, type TLiteral, type TSchema, Type } from '@sinclair/typebox';

export const closed = { additionalProperties: false } as const;

export function oneOf<const T extends readonly string[]>(values: T, description: string) {
  const literals = values.map((value) => Type.Literal(value)) as unknown as { [K in keyof T]: TLiteral<T[K] & string> };
  return Type.Union(literals as unknown as TLiteral<T[number]>[], { description });
}

export function nullable<T extends TSchema>(schema: T, description: string) {
  return Type.Union([schema, Type.Null()], { description });
}

export const noParams = Type.Object({}, closed);
export const noResult = Type.Object({}, { ...closed, description: 'Nothing.' });

export const longestName = 32;
export const VmName = Type.String({
  pattern: '^[a-z0-9][a-z0-9_.-]*$',
  maxLength: longestName,
  description: 'Name of a guest: small letters, digits and _ . - inside.',
});

export const Time = Type.String({ maxLength: 40, description: 'ISO 8601, UTC, with milliseconds.' });

export const Cursor = Type.String({
  maxLength: 80,
  pattern: '^[0-9a-f-]{1,64}:[0-9]{1,15}$',
  description: 'A place in the journal of events: everything up to it has been seen.',
});

export const address = Type.String({ pattern: '^0x[0-9a-fA-F]{1,16}$', description: 'Hexadecimal, with 0x.' });
export const Hex = Type.String({ pattern: '^0x[0-9a-f]+$', description: 'Hexadecimal, with 0x.' });
export const CpuIndex = Type.Integer({ minimum: 0, maximum: 63, description: 'Number of the CPU (default: 0).' });

export const count = Type.Integer({ minimum: 0 });
export const Counters = Type.Record(Type.String(), Type.Number({ minimum: 0 }), {
  description: 'Counters by name; which there are depends on the version.',
});

export const vmStates = ['created', 'starting', 'running', 'paused', 'stopped', 'crashed'] as const;
export const VmState = oneOf(
  vmStates,
  'created: never started; starting: its process is being made; running; paused; stopped: ended in order; crashed: its process died or failed.',
);
export type VmState = Static<typeof VmState>;

export const stateCauses = ['request', 'guest', 'reset', 'panic', 'failure', 'killed', 'policy', 'debugger'] as const;
export const StateCause = oneOf(
  stateCauses,
  'request: a client asked; guest: the guest did it; reset: the guest reset and was not to reboot; panic: its kernel panicked; failure: the emulator failed; killed: its process disappeared; policy: the restart policy; debugger: gdb, or a breakpoint, watchpoint or step.',
);
export type StateCause = Static<typeof StateCause>;
