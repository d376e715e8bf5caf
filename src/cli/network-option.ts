// --net: network cards, and what they are connected to.
import { isIPv4 } from 'node:net';
import { BeelineError } from '../errors.js';
import type { Forward, Network } from '../native/addon.js';

function networkError(detail: string): BeelineError {
  const remedy =
    'write it as user[,hostfwd=tcp|udp:[ADDRESS]:PORT-[ADDRESS]:PORT]...[,restrict][,mac=MAC][,bus=mmio|pci] or tap,ifname=NAME[,mac=MAC][,bus=mmio|pci]';
  return new BeelineError('BEELINE_E_OPTION_VALUE', { option: '--net', detail, remedy });
}

/** A card's address in hexadecimal with colons, as the core takes it: lower case. */
function parseMac(text: string): string {
  const isMac = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text);
  // The lowest bit of the first byte is that of groups (IEEE 802).
  if (isMac && (Number.parseInt(text.slice(0, 2), 16) & 1) === 0) return text.toLowerCase();
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--net',
    detail: isMac ? `mac=${text} is the address of a group` : `mac=${text} is no address of a card`,
    remedy: 'give one such as mac=52:54:00:12:34:56',
  });
}

/** PROTOCOL:[ADDRESS]:PORT-[ADDRESS]:PORT */
function parseForward(text: string): Forward {
  const [, protocol = '', hostAddress = '', hostPort = '', guestAddress = '', guestPort = ''] =
    /^(tcp|udp|):([^:]*):(\d{1,5})-([^:]*):(\d{1,5})$/.exec(text) ?? [];
  const rule = { hostAddress, hostPort: Number(hostPort), guestAddress, guestPort: Number(guestPort) };
  if (hostPort === '') throw networkError(`hostfwd=${text} is malformed`);
  for (const address of [hostAddress, guestAddress]) {
    if (address !== '' && !isIPv4(address)) {
      throw networkError(`hostfwd=${text}: ${address} is no IPv4 address`);
    }
  }
  for (const port of [rule.hostPort, rule.guestPort]) {
    if (port < 1 || port > 65535) throw networkError(`hostfwd=${text}: there is no port ${port}`);
  }
  return { protocol: protocol === 'udp' ? 'udp' : 'tcp', ...rule };
}

export function parseNet(text: string): Network {
  const [kind, ...parts] = text.split(',');
  if (kind !== 'user' && kind !== 'tap') {
    throw networkError(`${kind === '' ? 'an empty value' : kind} is no kind of network`);
  }
  const isUser = kind === 'user';
  const forwards: Forward[] = [];
  let network: Network = { kind, mac: '', restrict: false, forwards, interface: '' };
  const seen = new Set<string>();
  for (const part of parts) {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(part) ?? [];
    if (name !== 'hostfwd' && seen.has(name)) throw networkError(`${name} is given twice`);
    seen.add(name);
    const flag = value ?? 'on';
    if (name === 'hostfwd' && isUser && value !== undefined) forwards.push(parseForward(value));
    else if (name === 'restrict' && isUser && (flag === 'on' || flag === 'off')) {
      network = { ...network, restrict: flag === 'on' };
    } else if (name === 'ifname' && !isUser && value !== undefined) network = { ...network, interface: value };
    else if (name === 'mac' && value !== undefined) network = { ...network, mac: parseMac(value) };
    else if (name === 'bus' && (value === 'mmio' || value === 'pci')) network = { ...network, bus: value };
    else throw networkError(`${part === '' ? 'an empty option' : part} is not known`);
  }
  if (!isUser && network.interface === '') throw networkError('ifname is missing');
  return network;
}
