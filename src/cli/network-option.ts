// --net, and the same in QEMU's spelling.
import { isIPv4 } from 'node:net';
import { BeelineError } from '../errors.js';
import type { Forward, Network } from '../native/addon.js';

const syntax = {
  '--net':
    'write it as user[,hostfwd=tcp|udp:[ADDRESS]:PORT-[ADDRESS]:PORT]...[,restrict][,mac=MAC] or tap,ifname=NAME[,mac=MAC]',
  '-netdev':
    'write it as user,id=ID[,hostfwd=tcp|udp:[ADDRESS]:PORT-[ADDRESS]:PORT]...[,restrict=on] or tap,id=ID,ifname=NAME',
} as const;
type NetworkOption = keyof typeof syntax;

function networkError(option: NetworkOption, detail: string): BeelineError {
  return new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy: syntax[option] });
}

/** A card's address in hexadecimal with colons, as the core takes it: lower case. */
export function parseMac(option: string, text: string): string {
  const isMac = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text);
  // The lowest bit of the first byte is that of groups (IEEE 802).
  if (isMac && (Number.parseInt(text.slice(0, 2), 16) & 1) === 0) return text.toLowerCase();
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option,
    detail: isMac ? `mac=${text} is the address of a group` : `mac=${text} is no address of a card`,
    remedy: 'give one such as mac=52:54:00:12:34:56',
  });
}

/** PROTOCOL:[ADDRESS]:PORT-[ADDRESS]:PORT */
function parseForward(option: NetworkOption, text: string): Forward {
  const [, protocol = '', hostAddress = '', hostPort = '', guestAddress = '', guestPort = ''] =
    /^(tcp|udp|):([^:]*):(\d{1,5})-([^:]*):(\d{1,5})$/.exec(text) ?? [];
  const rule = { hostAddress, hostPort: Number(hostPort), guestAddress, guestPort: Number(guestPort) };
  if (hostPort === '') throw networkError(option, `hostfwd=${text} is malformed`);
  for (const address of [hostAddress, guestAddress]) {
    if (address !== '' && !isIPv4(address)) {
      throw networkError(option, `hostfwd=${text}: ${address} is no IPv4 address`);
    }
  }
  for (const port of [rule.hostPort, rule.guestPort]) {
    if (port < 1 || port > 65535) throw networkError(option, `hostfwd=${text}: there is no port ${port}`);
  }
  return { protocol: protocol === 'udp' ? 'udp' : 'tcp', ...rule };
}

interface Parsed {
  readonly network: Network;
  /** What only QEMU's spelling has. */
  readonly id: string;
}

function parse(option: NetworkOption, text: string): Parsed {
  const [kind, ...parts] = text.split(',');
  if (kind !== 'user' && kind !== 'tap') {
    throw networkError(option, `${kind === '' ? 'an empty value' : kind} is no kind of network`);
  }
  const isUser = kind === 'user';
  const isQemu = option === '-netdev';
  const forwards: Forward[] = [];
  let network: Network = { kind, mac: '', restrict: false, forwards, interface: '' };
  let id = '';
  const seen = new Set<string>();
  for (const part of parts) {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(part) ?? [];
    if (name !== 'hostfwd' && seen.has(name)) throw networkError(option, `${name} is given twice`);
    seen.add(name);
    const flag = value ?? 'on';
    if (name === 'hostfwd' && isUser && value !== undefined) forwards.push(parseForward(option, value));
    else if (name === 'restrict' && isUser && (flag === 'on' || flag === 'off')) {
      network = { ...network, restrict: flag === 'on' };
    } else if (name === 'ifname' && !isUser && value !== undefined) network = { ...network, interface: value };
    else if (name === 'mac' && !isQemu && value !== undefined) network = { ...network, mac: parseMac(option, value) };
    else if (name === 'id' && isQemu && value !== undefined) id = value;
    else if ((name === 'script' || name === 'downscript') && isQemu && !isUser && value === 'no') continue;
    else throw networkError(option, `${part === '' ? 'an empty option' : part} is not known`);
  }
  if (!isUser && network.interface === '') throw networkError(option, 'ifname is missing');
  if (isQemu && id === '') throw networkError(option, 'id is missing');
  return { network, id };
}

export function parseNet(text: string): Network {
  return parse('--net', text).network;
}

/** The value of QEMU's -netdev; the card's address is a matter of -device there, and left empty. */
export function parseNetdev(text: string): Parsed {
  return parse('-netdev', text);
}
