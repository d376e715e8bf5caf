// Domain log: what the daemon and the processes of guests have to say.
import { Type } from '@sinclair/typebox';
import { method } from '../declare.js';
import { closed, VmName } from '../types.js';

export const log = {
  description: 'What the daemon and the processes of guests have to say.',
  methods: {
    read: method({
      description: 'The last lines of a log.',
      role: 'control',
      params: Type.Object(
        {
          vm: Type.Optional(VmName),
          lines: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default: 100.' })),
        },
        { ...closed, description: "Without `vm` the daemon's own log." },
      ),
      result: Type.Object({ lines: Type.Array(Type.String()) }, closed),
      errors: ['BEELINE_E_VM_UNKNOWN'],
    }),
  },
  events: {},
  notices: {},
} as const;
