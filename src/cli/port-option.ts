// --console and --port: ports of the guest's console device, and where their bytes go.
import { BeelineError } from '../errors.js';
import type { Port } from '../native/addon.js';

const target = 'socket=PATH|file=PATH[,truncate]|stdio';
const forms = { '--console': `${target}[,name=NAME][,bus=mmio|pci]`, '--port': `NAME,${target}[,bus=mmio|pci]` };

function portError(option: keyof typeof forms, detail: string): BeelineError {
  const remedy = `write it as ${forms[option]}, with ,, for a comma`;
  return new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy });
}

/** By which the guest finds a port: /dev/virtio-ports/NAME. */
export const portName = /^[!-~]{1,100}$/;

function parse(option: keyof typeof forms, initial: Port, parts: readonly string[]): Port {
  let port = initial;
  let hasTarget = false;
  const seen = new Set<string>();
  for (const part of parts) {
    const [, word = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(part) ?? [];
    if (seen.has(word)) throw portError(option, `${word} is given twice`);
    seen.add(word);
    const isTarget = (word === 'socket' || word === 'file') && value !== undefined && value !== '';
    if (isTarget || (word === 'stdio' && value === undefined)) {
      if (hasTarget) throw portError(option, `${part} is a second place for its bytes`);
      hasTarget = true;
      port = { ...port, kind: word === 'stdio' ? 'serial' : word, path: value ?? '' };
    } else if (word === 'truncate' && value === undefined) port = { ...port, truncate: true };
    else if (word === 'bus' && (value === 'mmio' || value === 'pci')) port = { ...port, bus: value };
    else if (word === 'name' && port.console && value !== undefined && portName.test(value)) {
      port = { ...port, name: value };
    } else throw portError(option, `${part === '' ? 'an empty option' : part} is not known`);
  }
  if (!hasTarget) throw portError(option, 'there is no place for its bytes');
  if (port.truncate && port.kind !== 'file') throw portError(option, 'truncate is for a file');
  return port;
}

/** Two commas are one of the text. */
function split(text: string): string[] {
  return text
    .replaceAll(',,', '\0')
    .split(',')
    .map((part) => part.replaceAll('\0', ','));
}

const none: Port = { console: false, name: '', kind: 'socket', path: '', truncate: false };

export function parseConsole(text: string): Port {
  return parse('--console', { ...none, console: true }, split(text));
}

export function parsePort(text: string): Port {
  const [name = '', ...parts] = split(text);
  if (!portName.test(name)) throw portError('--port', `${name === '' ? 'an empty name' : name} is no name of a port`);
  return parse('--port', { ...none, name }, parts);
}

/** Consoles first; a name is one port's. */
export function joinPorts(consoles: readonly Port[], ports: readonly Port[]): Port[] {
  const all = [...consoles, ...ports];
  const names = all.map(({ name }) => name).filter((name) => name !== '');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw portError('--port', `there are two ports called ${twice}`);
  return all;
}
