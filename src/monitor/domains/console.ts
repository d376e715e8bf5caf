// Domain console: the serial ports and virtio consoles of guests.
import { type Static, Type } from '@sinclair/typebox';
import { method, notice } from '../declare.js';
import { closed, count, noResult, VmName } from '../types.js';

const Stream = Type.Integer({
  minimum: 1,
  maximum: 0xffff_ffff,
  description: 'Number of a viewer on this connection; binary frames carry it.',
});

const characters = (description: string) => Type.Integer({ minimum: 1, maximum: 65_535, description });

export const ConsoleSize = Type.Object(
  { columns: characters('Characters in a line.'), rows: characters('Lines.') },
  closed,
);
export type ConsoleSize = Static<typeof ConsoleSize>;

/** Bytes of one console.write in base64. */
const longestWrite = 64 * 1024;

export const console = {
  description:
    'The consoles of guests: the serial port, or the virtio console that takes its place. What a guest writes is kept whether or not somebody looks. Each byte has an offset, ' +
    'counted from the first start of the guest on; output comes as binary frames with the offset of their first byte. ' +
    'Any number of viewers, each at its own pace: one that falls behind what is kept is told how much it missed.',
  methods: {
    attach: method({
      description: 'Follows the console of a guest. Output begins right after the answer.',
      role: 'view',
      params: Type.Object(
        {
          vm: VmName,
          history: Type.Optional(
            Type.Integer({ minimum: 0, description: 'How many bytes of what was written before (default: 65536).' }),
          ),
          from: Type.Optional(
            Type.Integer({
              minimum: 0,
              description: 'The offset to begin with, instead of `history`: to go on after a lost connection.',
            }),
          ),
        },
        closed,
      ),
      result: Type.Object(
        {
          stream: Stream,
          offset: Type.Integer({ minimum: 0, description: 'Where output begins.' }),
          end: Type.Integer({ minimum: 0, description: 'How far the guest has written.' }),
          missed: Type.Integer({ minimum: 0, description: 'Bytes behind `from` that are not kept any more.' }),
          resizable: Type.Boolean({ description: 'Whether this connection may give it a size (console.resize).' }),
        },
        closed,
      ),
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_STREAM_LIMIT'],
    }),
    detach: method({
      description: 'Ends a viewer.',
      role: 'view',
      params: Type.Object({ stream: Stream }, closed),
      result: noResult,
      errors: ['BEELINE_E_STREAM_UNKNOWN'],
    }),
    write: method({
      description:
        'Types to the guest. Binary frames to a stream do the same without an answer. Answers when the bytes are queued.',
      role: 'control',
      params: Type.Object(
        {
          vm: VmName,
          base64: Type.String({
            maxLength: Math.ceil(longestWrite / 3) * 4,
            pattern: '^[A-Za-z0-9+/]*={0,2}$',
            description: 'The bytes.',
          }),
        },
        closed,
      ),
      result: Type.Object({ written: count }, closed),
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS', 'BEELINE_E_CONSOLE_FULL'],
    }),
    resize: method({
      description:
        'Tells a guest how large its console is. Only a virtio console has a size, a serial port has none. There is ' +
        'one size for all viewers: that of the last one who gave it. A guest that does not run has it from its next ' +
        'start on, as long as the daemon runs. Among several consoles or ports, some releases of Linux interchange the two ' +
        'numbers, not those of Debian 12 and 13; the size of a console alone is right with all.',
      role: 'control',
      params: Type.Object(
        {
          vm: VmName,
          ...ConsoleSize.properties,
          console: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 28,
              description:
                'Which virtio console, counted from 0 among those of its config (default: the one that is shown here).',
            }),
          ),
        },
        closed,
      ),
      result: noResult,
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_PROCESS', 'BEELINE_E_CONSOLE_SIZE', 'BEELINE_E_CONSOLE_UNKNOWN'],
    }),
    read: method({
      description: 'Reads what the console has written, without following it.',
      role: 'view',
      params: Type.Object(
        {
          vm: VmName,
          from: Type.Optional(Type.Integer({ minimum: 0, description: 'Offset; without it the last `length` bytes.' })),
          length: Type.Optional(Type.Integer({ minimum: 1, maximum: 65536, description: 'At most (default: 65536).' })),
        },
        closed,
      ),
      result: Type.Object({ offset: count, end: count, missed: count, base64: Type.String() }, closed),
      errors: ['BEELINE_E_VM_UNKNOWN'],
    }),
  },
  events: {},
  notices: {
    missed: notice(
      'This viewer was too slow, or the history could not be written: these bytes are gone; output goes on at `to`.',
      Type.Object({ stream: Stream, from: count, to: count }, closed),
    ),
    detached: notice(
      'A viewer ended because its guest was deleted.',
      Type.Object({ stream: Stream, vm: VmName }, closed),
    ),
  },
} as const;
