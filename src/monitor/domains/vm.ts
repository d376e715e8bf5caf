// Domain vm: the life of guests.
import { type Static, Type } from '@sinclair/typebox';
import { event, method } from '../declare.js';
import { Counters, closed, count, nullable, oneOf, StateCause, Time, VmName, VmState } from '../types.js';

const path = Type.String({ minLength: 1, maxLength: 4096, pattern: '^/' });

export const RestartPolicy = Type.Object(
  {
    when: oneOf(
      ['never', 'on-failure', 'always'],
      'on-failure: after a crash or a panic; always: also after the guest powered off or reset. Never after a stop that was asked for.',
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'Restarts in a row before giving up (default: 5).' }),
    ),
  },
  { ...closed, description: 'Waits of 1 s, 2 s, 4 s up to 60 s; a run of a minute starts the count anew.' },
);

const deviceBus = oneOf(['mmio', 'pci'], "How the guest gets at it: a slot of virtio-mmio's (the default), or PCI.");

export const VmDrive = Type.Object(
  {
    path,
    format: Type.Optional(oneOf(['raw', 'qcow2'], 'Default: as the first bytes of the file say.')),
    readonly: Type.Optional(Type.Boolean({ description: 'Default: false.' })),
    snapshot: Type.Optional(
      Type.Boolean({ description: 'Writes go to a temporary file that every start makes anew (default: false).' }),
    ),
    at: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'A snapshot inside a qcow2 file whose state to show.' }),
    ),
    serial: Type.Optional(
      Type.String({ pattern: '^[ -~]{1,20}$', description: 'What the guest reads as its serial number.' }),
    ),
    aio: Type.Optional(oneOf(['io_uring', 'threads'], 'Default: io_uring, or threads where the host refuses it.')),
    bus: Type.Optional(deviceBus),
  },
  { ...closed, description: 'A disk.' },
);
export type VmDrive = Static<typeof VmDrive>;

const ipv4 = Type.String({ pattern: '^((25[0-5]|(2[0-4]|1\\d|[1-9]|)\\d)(\\.(?!$)|$)){4}$' });
const port = Type.Integer({ minimum: 1, maximum: 65535 });

export const VmForward = Type.Object(
  {
    protocol: oneOf(['tcp', 'udp'], 'Of both ports.'),
    hostAddress: Type.Optional({ ...ipv4, description: 'Default: every address of the host.' }),
    hostPort: port,
    guestAddress: Type.Optional({ ...ipv4, description: 'Default: 10.0.2.15, the first one that DHCP gives.' }),
    guestPort: port,
  },
  { ...closed, description: 'A port of the host that leads to one of the guest.' },
);
export type VmForward = Static<typeof VmForward>;

export const VmNetwork = Type.Object(
  {
    kind: oneOf(['user', 'tap'], "user: address translation in the guest's process; tap: an interface of the host."),
    mac: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$',
        description: "The card's address (default: 52:54:00:12:34:56 and on).",
      }),
    ),
    restrict: Type.Optional(
      Type.Boolean({
        description: 'Of user: the guest reaches nothing, and is reached by forwarded ports only (default: false).',
      }),
    ),
    forwards: Type.Optional(Type.Array(VmForward, { maxItems: 64, description: 'Of user.' })),
    interface: Type.Optional(
      Type.String({ minLength: 1, maxLength: 15, description: 'Of tap, which needs it: its name.' }),
    ),
    bus: Type.Optional(deviceBus),
  },
  { ...closed, description: 'A network card, and what it is connected to.' },
);
export type VmNetwork = Static<typeof VmNetwork>;

export const VmShare = Type.Object(
  {
    path,
    tag: Type.String({ pattern: '^[!-~]{1,31}$', description: 'By which the guest knows it.' }),
    readonly: Type.Optional(Type.Boolean({ description: 'Default: false.' })),
    bus: Type.Optional(deviceBus),
  },
  { ...closed, description: 'A folder that the guest may mount with 9p.' },
);
export type VmShare = Static<typeof VmShare>;

export const VmPort = Type.Object(
  {
    console: Type.Optional(
      Type.Boolean({ description: "Whether it is a terminal of the guest's, /dev/hvc0 and so on (default: false)." }),
    ),
    name: Type.Optional(
      Type.String({
        pattern: '^[!-~]{1,100}$',
        description: 'By which the guest finds it; a port that is no console needs one.',
      }),
    ),
    kind: oneOf(
      ['socket', 'file', 'serial'],
      "socket: whoever connects to a Unix socket, one at a time; file: the end of a file; serial: the guest's console here.",
    ),
    path: Type.Optional({ ...path, description: 'Of socket and file, which need it.' }),
    truncate: Type.Optional(
      Type.Boolean({ description: 'Of file: every start removes what it holds (default: false).' }),
    ),
    bus: Type.Optional(deviceBus),
  },
  { ...closed, description: 'A port of the console device, and where its bytes go.' },
);
export type VmPort = Static<typeof VmPort>;

export const VmConfig = Type.Object(
  {
    image: Type.Optional(Type.String({ maxLength: 100, description: 'A guest image that is built.' })),
    kernel: Type.Optional(path),
    initrd: Type.Optional(path),
    dtb: Type.Optional(path),
    append: Type.Optional(Type.String({ maxLength: 2048, description: 'Kernel command line.' })),
    firmware: Type.Optional(path),
    firmwareVars: Type.Optional(path),
    loads: Type.Optional(
      Type.Array(
        Type.Object({ path, address: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) }, closed),
        { maxItems: 16, description: 'Files copied to guest memory as they are.' },
      ),
    ),
    drives: Type.Optional(Type.Array(VmDrive, { maxItems: 16, description: "The guest's first disk first." })),
    networks: Type.Optional(Type.Array(VmNetwork, { maxItems: 8, description: 'Its first card first.' })),
    balloon: Type.Optional({ ...deviceBus, description: 'A memory balloon on this bus (default: none).' }),
    shares: Type.Optional(Type.Array(VmShare, { maxItems: 8, description: 'Each with a tag of its own.' })),
    ports: Type.Optional(Type.Array(VmPort, { maxItems: 29, description: 'Its first console first.' })),
    memoryBytes: Type.Optional(
      Type.Integer({ minimum: 1, multipleOf: 2 * 1024 * 1024, maximum: Number.MAX_SAFE_INTEGER }),
    ),
    cpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
    cpu: Type.Optional(oneOf(['n1', 'a57'], 'CPU model (default: n1).')),
    gic: Type.Optional(Type.Union([Type.Literal(2), Type.Literal(3)], { description: 'Default: 3.' })),
    acpi: Type.Optional(Type.Boolean({ description: 'Whether firmware is offered ACPI tables (default: true).' })),
    tier: Type.Optional(oneOf(['interpreter', 'direct'], 'Execution engine (default: direct).')),
    countBlocks: Type.Optional(
      Type.Boolean({
        description:
          'Of the tier direct: count how often each translated block is executed, for perf.hotBlocks. The guest is slower for it (default: false).',
      }),
    ),
    reboot: Type.Optional(Type.Boolean({ description: 'Whether a reset restarts the guest (default: true).' })),
    restart: Type.Optional(RestartPolicy),
  },
  {
    ...closed,
    description:
      'What a guest is made of. Files, drives, networks, shares and ports need the role admin; an image does not.',
  },
);
export type VmConfig = Static<typeof VmConfig>;

export const VmStatus = Type.Object(
  {
    name: VmName,
    id: Type.String({ description: 'Tells guests of one name, made one after the other, apart.' }),
    state: VmState,
    cause: StateCause,
    detail: Type.String({ description: 'A few words more about the cause; may be empty.' }),
    since: Type.String({ description: 'When it came to this state.' }),
    createdAt: Time,
    startedAt: nullable(Time, 'The latest start.'),
    pid: nullable(count, 'Process of the guest while it has one.'),
    restarts: Type.Integer({ minimum: 0, description: 'Restarts by policy since the last start that was asked for.' }),
    panicked: Type.Boolean({ description: 'Whether its kernel has panicked since the start.' }),
    memoryBytes: count,
    cpus: Type.Integer({ minimum: 1 }),
    haltedCpus: Type.Array(Type.Integer({ minimum: 0 }), { description: 'Those that cpu.halt has halted alone.' }),
    consoleEnd: Type.Integer({ minimum: 0, description: 'Bytes that its console has written, all starts together.' }),
    config: VmConfig,
  },
  closed,
);
export type VmStatus = Static<typeof VmStatus>;

const one = Type.Object({ vm: VmName }, closed);
const status = VmStatus;
const lifeErrors = ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS'] as const;

export const vm = {
  description: 'The life of guests.',
  methods: {
    create: method({
      description: 'Makes a guest and keeps it until it is deleted. With `start`, starts it too.',
      role: 'control',
      params: Type.Object(
        { name: VmName, config: VmConfig, start: Type.Optional(Type.Boolean({ description: 'Default: false.' })) },
        closed,
      ),
      result: status,
      errors: [
        'BEELINE_E_VM_EXISTS',
        'BEELINE_E_LIMIT',
        'BEELINE_E_FORBIDDEN',
        'BEELINE_E_USAGE',
        'BEELINE_E_MEMORY',
        'BEELINE_E_CPUS',
        'BEELINE_E_FILE_MISSING',
        'BEELINE_E_FILE_UNREADABLE',
        'BEELINE_E_FILE_USER',
        'BEELINE_E_STATE_FOLDER',
        'BEELINE_E_FILE_UNWRITABLE',
        'BEELINE_E_FILE_KIND',
        'BEELINE_E_DISK',
        'BEELINE_E_OPTION_VALUE',
        'BEELINE_E_IMAGE_UNKNOWN',
        'BEELINE_E_IMAGE_NOT_BUILT',
        'BEELINE_E_IMAGE_BROKEN',
        'BEELINE_E_VM_PROCESS',
      ],
    }),
    start: method({
      description: 'Starts a guest that is not running. Answers when it runs, or could not be started.',
      role: 'control',
      params: Type.Object(
        {
          vm: VmName,
          paused: Type.Optional(Type.Boolean({ description: 'Start without executing (default: false).' })),
          acceptFiles: Type.Optional(
            Type.Boolean({
              description:
                'Take the files of the guest for what they are now. Else a confined guest is refused when one leads elsewhere by ' +
                'links, has become a qcow2 image, or has a backing file, as it did not at the first start, since the guest could ' +
                'have done that. Default: false; true is for the role admin.',
            }),
          ),
        },
        closed,
      ),
      result: status,
      errors: [
        ...lifeErrors,
        'BEELINE_E_FORBIDDEN',
        'BEELINE_E_FILE_CHANGED',
        'BEELINE_E_FILE_USER',
        'BEELINE_E_STATE_FOLDER',
        'BEELINE_E_LIMIT',
        'BEELINE_E_DISK',
        'BEELINE_E_OPTION_VALUE',
        'BEELINE_E_IMAGE_NOT_BUILT',
        'BEELINE_E_IMAGE_BROKEN',
      ],
    }),
    pause: method({
      description: 'Halts every CPU and the virtual counter. A paused guest stays as it is.',
      role: 'control',
      params: one,
      result: status,
      errors: lifeErrors,
    }),
    resume: method({
      description: 'Lets a paused guest go on. A running guest stays as it is.',
      role: 'control',
      params: one,
      result: status,
      errors: lifeErrors,
    }),
    reset: method({
      description: 'Resets the machine, as its own reset would; a paused guest stays paused.',
      role: 'control',
      params: one,
      result: status,
      errors: lifeErrors,
    }),
    powerdown: method({
      description: 'Presses the power button; whether the guest obeys is its own affair.',
      role: 'control',
      params: one,
      result: status,
      errors: lifeErrors,
    }),
    stop: method({
      description:
        'Ends a guest: presses the power button, waits up to `timeout`, then ends it if `force` says so. Answers when it has stopped.',
      role: 'control',
      params: Type.Object(
        {
          vm: VmName,
          timeout: Type.Optional(
            Type.Number({ minimum: 0, maximum: 3600, description: 'Seconds (default: 10); 0 does not ask the guest.' }),
          ),
          force: Type.Optional(Type.Boolean({ description: 'Default: true.' })),
        },
        closed,
      ),
      result: status,
      errors: [...lifeErrors, 'BEELINE_E_VM_TIMEOUT'],
    }),
    delete: method({
      description: 'Forgets a guest with its console history. With `force`, stops it first.',
      role: 'control',
      params: Type.Object(
        { vm: VmName, force: Type.Optional(Type.Boolean({ description: 'Default: false.' })) },
        closed,
      ),
      result: Type.Object({}, closed),
      errors: lifeErrors,
    }),
    list: method({
      description: 'Every guest, by name.',
      role: 'view',
      params: Type.Object({}, closed),
      result: Type.Object({ vms: Type.Array(status) }, closed),
      errors: [],
    }),
    status: method({
      description: 'One guest.',
      role: 'view',
      params: one,
      result: status,
      errors: ['BEELINE_E_VM_UNKNOWN'],
    }),
  },
  events: {
    created: event('A guest was made.', Type.Object({ config: VmConfig }, closed)),
    deleted: event('A guest was deleted.', Type.Object({}, closed)),
    state: event(
      'A guest came to another state.',
      Type.Object({ from: VmState, to: VmState, cause: StateCause, detail: Type.String() }, closed),
    ),
    reset: event(
      'The machine was reset.',
      Type.Object(
        {
          cause: oneOf(['request', 'guest'], 'Who did it.'),
          count: Type.Integer({
            minimum: 1,
            description: 'Resets of a guest that resets without end are told together.',
          }),
        },
        closed,
      ),
    ),
    powerdown: event('The power button was pressed.', Type.Object({}, closed)),
    panicked: event('The kernel of the guest panicked, as its console tells.', Type.Object({}, closed)),
    crashed: event(
      'The process of a guest died or failed: what is known of its last moments.',
      Type.Object(
        {
          detail: Type.String({ description: 'How it ended, as far as known.' }),
          lastLines: Type.Array(Type.String(), { description: 'Last lines of its console.' }),
          counters: nullable(
            Type.Object(
              {
                at: Time,
                elapsedSeconds: Type.Number({ minimum: 0 }),
                instructions: Type.Number({ minimum: 0 }),
                board: Counters,
              },
              closed,
            ),
            'Counters when they were last noted; null if they never were.',
          ),
        },
        closed,
      ),
    ),
    restart: event(
      'The restart policy starts a guest again.',
      Type.Object({ attempt: Type.Integer({ minimum: 1 }), delaySeconds: Type.Number({ minimum: 0 }) }, closed),
    ),
    lost: event(
      'Events of a guest that were overwritten before the daemon could read them.',
      Type.Object({ count: Type.Integer({ minimum: 1 }) }, closed),
    ),
  },
  notices: {},
} as const;
