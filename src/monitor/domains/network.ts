// Domain network: the network cards of a guest.
import { type Static, Type } from '@sinclair/typebox';
import { event, method } from '../declare.js';
import { closed, noResult, nullable, oneOf, VmName } from '../types.js';
import { VmForward } from './vm.js';

const CardIndex = Type.Integer({ minimum: 0, maximum: 31, description: 'Number of the card (default: 0).' });
const Link = oneOf(['up', 'down'], 'down: the cable is out, and frames are lost both ways.');
const { protocol, hostAddress, hostPort } = VmForward.properties;
const hostEnd = { protocol, hostAddress, hostPort };
const card = Type.Optional(CardIndex);

export const ForwardChange = Type.Object({ card, ...VmForward.properties }, closed);
export type ForwardChange = Static<typeof ForwardChange>;
export const HostEnd = Type.Object({ card, ...hostEnd }, closed);
export type HostEnd = Static<typeof HostEnd>;
export const LinkChange = Type.Object({ card, link: Link }, closed);
export type LinkChange = Static<typeof LinkChange>;

export const Card = Type.Object(
  {
    kind: oneOf(['user', 'tap'], "user: address translation in the guest's process; tap: an interface of the host."),
    mac: Type.String({ description: "The card's address." }),
    bus: oneOf(['mmio', 'pci'], 'How the guest gets at it.'),
    link: Link,
    restrict: Type.Boolean({ description: 'The guest reaches nothing, and is reached by forwarded ports only.' }),
    interface: nullable(Type.String(), "The host's; null: it is of kind user."),
    forwards: Type.Array(VmForward, { description: 'As they are now.' }),
  },
  { ...closed, description: 'A network card, and what it is connected to.' },
);
export type Card = Static<typeof Card>;

const errors = [
  'BEELINE_E_VM_UNKNOWN',
  'BEELINE_E_VM_STATE',
  'BEELINE_E_VM_PROCESS',
  'BEELINE_E_CARD_UNKNOWN',
] as const;
const lasting = 'It ends with the process of the guest: the next start begins as its config says.';

export const network = {
  description:
    'The network cards of a guest. vm.create gives it some; what is changed here lasts until its process ends.',
  methods: {
    list: method({
      description: 'The cards of a guest that has a process, the first one first.',
      role: 'control',
      params: Type.Object({ vm: VmName }, closed),
      result: Type.Object({ cards: Type.Array(Card) }, closed),
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS'],
    }),
    addForward: method({
      description: `Has a port of the host lead to one of the guest, behind a card of kind user. ${lasting}`,
      role: 'admin',
      params: Type.Object({ vm: VmName, ...ForwardChange.properties }, closed),
      result: noResult,
      errors: [...errors, 'BEELINE_E_FORWARD'],
    }),
    removeForward: method({
      description: `Ends that for a port of the host, whether it was asked for here or in the config; connections through it stay. ${lasting}`,
      role: 'admin',
      params: Type.Object({ vm: VmName, ...HostEnd.properties }, closed),
      result: noResult,
      errors: [...errors, 'BEELINE_E_FORWARD_UNKNOWN'],
    }),
    setLink: method({
      description: `Takes the cable of a card out, or puts it in; the guest is told. ${lasting}`,
      role: 'control',
      params: Type.Object({ vm: VmName, ...LinkChange.properties }, closed),
      result: noResult,
      errors,
    }),
  },
  events: {
    forwardAdded: event(
      'A port of the host leads to the guest.',
      Type.Object({ card: CardIndex, ...VmForward.properties }, closed),
    ),
    forwardRemoved: event('It does not any more.', Type.Object({ card: CardIndex, ...hostEnd }, closed)),
    link: event('The cable of a card was taken out or put in.', Type.Object({ card: CardIndex, link: Link }, closed)),
  },
  notices: {},
} as const;
