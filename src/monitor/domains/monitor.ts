// Domain monitor: the connection itself, and events.
import { Type } from '@sinclair/typebox';
import { event, method, notice, roles } from '../declare.js';
import { Cursor, closed, count, noParams, noResult, nullable, oneOf, Time, VmName } from '../types.js';

const Subscription = Type.Integer({ minimum: 1, maximum: 0xffff_ffff });
const RoleName = oneOf(roles, 'What a client may do; each role includes those before it.');

const Filter = {
  events: Type.Optional(
    Type.Array(Type.String({ maxLength: 64, pattern: '^([a-z]+\\.([a-z]+|\\*)|\\*)$' }), {
      maxItems: 32,
      description: 'Names such as vm.state, or vm.*, or * (default: all).',
    }),
  ),
  vms: Type.Optional(Type.Array(VmName, { maxItems: 256, description: 'Only events of these guests (default: all).' })),
};

export const EventRecord = Type.Object(
  {
    cursor: Cursor,
    time: Time,
    event: Type.String({ description: 'Its name, such as vm.state.' }),
    vm: nullable(Type.Object({ name: VmName, id: Type.String() }, closed), 'The guest it is about, if any.'),
    data: Type.Unknown({ description: 'As the event is declared.' }),
  },
  closed,
);

export const monitor = {
  description:
    'The connection itself, and events. Events are kept in a journal and have a cursor. Who subscribes with the cursor ' +
    'of the last event it has seen gets every later one, exactly once, whatever happened to the connection or the daemon.',
  methods: {
    authenticate: method({
      description: 'Shows a token where it could not be shown as `Authorization: Bearer`: first thing on a connection.',
      role: 'view',
      params: Type.Object({ token: Type.String({ maxLength: 256 }) }, closed),
      result: Type.Object({ role: RoleName }, closed),
      errors: ['BEELINE_E_UNAUTHORIZED'],
    }),
    version: method({
      description: 'Who is there.',
      role: 'view',
      params: noParams,
      result: Type.Object(
        {
          version: Type.String(),
          protocol: Type.Integer({ description: 'Grows when something is taken away or changes its meaning.' }),
          pid: count,
          startedAt: Time,
          role: RoleName,
        },
        closed,
      ),
      errors: [],
    }),
    schema: method({
      description: 'This protocol: every method, event, notice and error, with JSON Schemas.',
      role: 'view',
      params: noParams,
      result: Type.Unknown(),
      errors: [],
    }),
    subscribe: method({
      description: 'Sends events from now on, or from a cursor on.',
      role: 'view',
      params: Type.Object({ ...Filter, cursor: Type.Optional(Cursor) }, closed),
      result: Type.Object(
        {
          subscription: Subscription,
          cursor: Cursor,
          missed: Type.Integer({ minimum: 0, description: 'Events behind the cursor that are not kept any more.' }),
        },
        closed,
      ),
      errors: ['BEELINE_E_CURSOR', 'BEELINE_E_STREAM_LIMIT'],
    }),
    unsubscribe: method({
      description: 'Ends a subscription.',
      role: 'view',
      params: Type.Object({ subscription: Subscription }, closed),
      result: noResult,
      errors: ['BEELINE_E_STREAM_UNKNOWN'],
    }),
    events: method({
      description: 'Reads events that are kept, without subscribing.',
      role: 'view',
      params: Type.Object(
        {
          ...Filter,
          cursor: Type.Optional(Cursor),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'At most (default: 100).' })),
        },
        { ...closed, description: 'Without a cursor the latest.' },
      ),
      result: Type.Object(
        {
          events: Type.Array(EventRecord),
          cursor: Type.String({ description: 'To go on with.' }),
          missed: count,
        },
        closed,
      ),
      errors: ['BEELINE_E_CURSOR'],
    }),
    clients: method({
      description: 'Who is connected.',
      role: 'admin',
      params: noParams,
      result: Type.Object(
        {
          clients: Type.Array(
            Type.Object(
              {
                id: count,
                role: RoleName,
                from: Type.String({ description: 'unix, or the address.' }),
                connectedAt: Time,
                received: Type.Integer({ minimum: 0, description: 'Messages.' }),
                sent: Type.Integer({ minimum: 0, description: 'Messages.' }),
                bufferedBytes: count,
              },
              closed,
            ),
          ),
        },
        closed,
      ),
      errors: [],
    }),
    shutdown: method({
      description: 'Ends the daemon. Guests go on; a daemon started later finds them again.',
      role: 'admin',
      params: noParams,
      result: noResult,
      errors: [],
    }),
  },
  events: {
    started: event(
      'The daemon started.',
      Type.Object(
        {
          pid: count,
          version: Type.String(),
          recovered: Type.Integer({ minimum: 0, description: 'Guests found running.' }),
        },
        closed,
      ),
    ),
    stopping: event('The daemon is about to end; guests go on.', Type.Object({ cause: Type.String() }, closed)),
  },
  notices: {
    event: notice(
      'An event, to those who subscribed.',
      Type.Object({ subscription: Subscription, ...EventRecord.properties }, closed),
    ),
    missed: notice(
      'Events that this client should have had are not kept any more.',
      Type.Object({ subscription: Subscription, count: Type.Integer({ minimum: 1 }) }, closed),
    ),
    slow: notice(
      'The client does not read what it is sent; the connection is closed with status 4008.',
      Type.Object({ bufferedBytes: count, seconds: Type.Number({ minimum: 0 }) }, closed),
    ),
  },
} as const;
