// The tree that qom-list and qom-get show: the machine, its CPUs, drives and memory, under QEMU's paths.
import { drivePath } from './blocks.js';
import type { Returns } from './commands.js';
import { QmpError, refused } from './errors.js';
import type { QmpHost } from './host.js';

interface Node {
  readonly type: string;
  readonly properties: Readonly<Record<string, { readonly type: string; readonly value: unknown }>>;
}

const text = (value: string) => ({ type: 'string', value });
const flag = (value: boolean) => ({ type: 'bool', value });
const whole = (value: number) => ({ type: 'uint64', value });

export function cpuPath(index: number): string {
  return `/machine/unattached/device[${index}]`;
}

/** Every object by its path. */
function nodesOf({ config, chardevs }: QmpHost): Map<string, Node> {
  const container = { type: 'container', properties: {} };
  const nodes = new Map<string, Node>([
    ['/', container],
    [
      '/machine',
      {
        type: 'virt-7.2-machine',
        properties: {
          kernel: text(config.kernel),
          initrd: text(config.initrd),
          append: text(config.append),
          dtb: text(config.dtb),
          firmware: text(config.firmware),
          'gic-version': text(String(config.gicVersion)),
          secure: flag(false),
          virtualization: flag(false),
          usb: flag(false),
          graphics: flag(false),
          its: flag(config.gicVersion === 3),
        },
      },
    ],
    ['/machine/unattached', container],
    ['/machine/peripheral', container],
    ['/machine/peripheral-anon', container],
    ['/objects', container],
    [
      '/objects/mach-virt.ram',
      { type: 'memory-backend-ram', properties: { size: whole(config.memoryBytes), share: flag(false) } },
    ],
    ['/chardevs', container],
  ]);
  const model = config.cpuModel === 'n1' ? 'neoverse-n1' : 'cortex-a57';
  for (let index = 0; index < config.cpus; index++) {
    nodes.set(cpuPath(index), { type: `${model}-arm-cpu`, properties: { realized: flag(true) } });
  }
  for (const [index, drive] of config.drives.entries()) {
    const properties = { realized: flag(true), serial: text(drive.serial), drive: text(drive.path) };
    nodes.set(drivePath(index), { type: 'virtio-blk-device', properties });
  }
  for (const { label } of chardevs) nodes.set(`/chardevs/${label}`, { type: 'chardev', properties: {} });
  return nodes;
}

function find(host: QmpHost, path: string): { nodes: Map<string, Node>; node: Node; path: string } {
  const nodes = nodesOf(host);
  const clean = path.length > 1 ? path.replace(/\/+$/, '') : path;
  const node = nodes.get(clean);
  if (node === undefined) throw new QmpError('DeviceNotFound', `Device '${path.slice(0, 200)}' not found`);
  return { nodes, node, path: clean };
}

export function listObject(host: QmpHost, at: string): Returns<'qom-list'> {
  const { nodes, node, path } = find(host, at);
  const prefix = path === '/' ? '/' : `${path}/`;
  const children = [...nodes].filter(
    ([name]) => name.startsWith(prefix) && name.length > prefix.length && !name.slice(prefix.length).includes('/'),
  );
  return [
    { name: 'type', type: 'string' },
    ...Object.entries(node.properties).map(([name, { type }]) => ({ name, type })),
    ...children.map(([name, child]) => ({ name: name.slice(prefix.length), type: `child<${child.type}>` })),
  ];
}

export function getProperty(host: QmpHost, at: string, property: string): unknown {
  const { nodes, node, path } = find(host, at);
  if (property === 'type') return node.type;
  const own = Object.hasOwn(node.properties, property) ? node.properties[property] : undefined;
  if (own !== undefined) return own.value;
  const child = `${path === '/' ? '' : path}/${property}`;
  if (!property.includes('/') && nodes.has(child)) return child;
  throw refused(`Property '${node.type}.${property.slice(0, 200)}' not found`);
}
