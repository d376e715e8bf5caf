// QEMU's spellings of `run` options, turned into ours where both mean the same, before the command line is parsed.
import { BeelineError } from '../errors.js';
import { formatBytes, parseMemory } from '../memory-size.js';
import { nearest } from './nearest.js';

/** Words behind commas, as QEMU has them: the first may go without its name; two commas are one of the text. */
class Properties {
  readonly #option: string;
  readonly #words = new Map<string, string>();

  constructor(option: string, text: string, first: string) {
    this.#option = option;
    const parts = text
      .replaceAll(',,', '\0')
      .split(',')
      .map((part) => part.replaceAll('\0', ','));
    for (const [index, part] of parts.entries()) {
      const cut = part.indexOf('=');
      if (cut >= 0) this.#words.set(part.slice(0, cut), part.slice(cut + 1));
      else if (index === 0) this.#words.set(first, part);
      else this.#words.set(part, 'on');
    }
  }

  /** Takes a word away. */
  take(...names: string[]): string | undefined {
    let found: string | undefined;
    for (const name of names) {
      found ??= this.#words.get(name);
      this.#words.delete(name);
    }
    return found;
  }

  flag(name: string): boolean {
    const value = this.take(name) ?? 'off';
    if (value !== 'on' && value !== 'off') throw refused(this.#option, `${name}=${value} is neither on nor off`);
    return value === 'on';
  }

  /** Takes a word away that changes nothing when it has one of these values. */
  ignore(name: string, ...values: string[]): void {
    const value = this.#words.get(name);
    if (value !== undefined && (values.length === 0 || values.includes(value))) this.#words.delete(name);
  }

  /** What is left has no counterpart. */
  end(): void {
    const [left] = this.#words;
    if (left !== undefined) throw refused(this.#option, `${left[0]}=${left[1]} has no counterpart here`);
  }
}

function refused(option: string, detail: string, remedy = 'see beeline run --help'): BeelineError {
  return new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy });
}

/** QEMU's names of CPU models that are ours. */
const cpuModels: Readonly<Record<string, string>> = {
  'cortex-a57': 'a57',
  a57: 'a57',
  'neoverse-n1': 'n1',
  n1: 'n1',
};

/** Without those that ask for nothing to be done. */
function networkWords(words: readonly string[]): string[] {
  return words.filter((word) => !/^(script|downscript|restrict)=(no|off)$/.test(word));
}

/** A Unix socket as --serial takes it. */
function socketOf(option: string, properties: Properties): string {
  const path = properties.take('path');
  if (path === undefined) throw refused(option, 'there is no path', 'give path=, a Unix socket');
  const server = properties.take('server') ?? 'off';
  properties.ignore('nowait');
  properties.ignore('reconnect', '0');
  if (server === 'on' && properties.take('wait') === 'on') throw refused(option, 'wait=on has no counterpart here');
  properties.ignore('wait');
  properties.end();
  return `unix:${path}${server === 'on' ? ',server' : ''}`;
}

type Bus = 'mmio' | 'pci';

const onBus = (bus: Bus) => (bus === 'pci' ? ['bus=pci'] : []);

interface Backend {
  /** With the option that has to stand before it. */
  readonly words: readonly string[];
  used: boolean;
}

/** What one command line says, gathered in order. */
class Translation {
  readonly words: string[] = [];
  /** By identifier: what waits for its -device. */
  readonly #drives = new Map<string, Backend>();
  readonly #networks = new Map<string, Backend>();
  /** As --serial and --qmp take them. */
  readonly #chardevs = new Map<string, string>();
  readonly #folders = new Map<string, Backend>();
  /** Kinds of -object by identifier, and the identifiers that were asked for: they may stand anywhere. */
  readonly #objects = new Map<string, string>();
  readonly #wantedObjects: { option: string; kind: RegExp; identifier: string }[] = [];
  /** Bytes of each memory-backend-ram. */
  readonly #memories = new Map<string, number>();
  #machineMemory: string | undefined;
  #memoryBytes: number | undefined;
  /** Where ports go that come next. */
  #serialBus: Bus | undefined;
  #snapshot = false;

  machine(option: string, text: string): void {
    const properties = new Properties(option, text, 'type');
    const type = properties.take('type') ?? 'virt';
    if (!/^virt(-\d+\.\d+)?$/.test(type)) throw refused(option, `${type} is no machine of ours`, 'choose virt');
    // QEMU's own default is 2.
    const gic = properties.take('gic-version') ?? '2';
    this.words.push('--gic', gic === 'max' ? '3' : gic);
    properties.ignore('accel', 'tcg');
    const acpi = properties.take('acpi');
    if (acpi !== undefined) this.words.push('--acpi', acpi === 'auto' ? 'on' : acpi);
    for (const name of ['secure', 'virtualization', 'mte']) properties.ignore(name, 'off');
    for (const name of ['usb', 'graphics', 'dump-guest-core']) properties.ignore(name, 'off');
    properties.ignore('highmem');
    this.#machineMemory = properties.take('memory-backend') ?? this.#machineMemory;
    properties.end();
  }

  cpu(option: string, text: string): void {
    const model = cpuModels[text];
    if (model === undefined) throw refused(option, `${text} is no CPU of ours`, 'choose neoverse-n1 or cortex-a57');
    this.words.push('--cpu', model);
  }

  memory(option: string, text: string): void {
    const properties = new Properties(option, text, 'size');
    const size = properties.take('size') ?? '';
    this.words.push('--memory', size);
    properties.end();
    this.#memoryBytes = parseMemory(size);
  }

  cpus(option: string, text: string): void {
    const properties = new Properties(option, text, 'cpus');
    const cpus = properties.take('cpus') ?? '1';
    for (const name of ['sockets', 'clusters', 'cores', 'threads', 'maxcpus']) properties.ignore(name, '1', cpus);
    properties.end();
    this.words.push('--cpus', cpus);
  }

  drive(option: string, text: string): void {
    const properties = new Properties(option, text, 'file');
    const file = properties.take('file');
    if (file === undefined) throw refused(option, 'there is no file');
    const bus = properties.take('if') ?? 'virtio';
    const identifier = properties.take('id');
    if (bus === 'pflash') {
      const unit = properties.take('unit') ?? (this.words.includes('--firmware') ? '1' : '0');
      for (const name of ['format', 'readonly', 'index']) properties.ignore(name);
      properties.end();
      this.words.push(unit === '0' ? '--firmware' : '--firmware-vars', file);
      return;
    }
    if (bus !== 'virtio' && bus !== 'none') throw refused(option, `if=${bus} has no counterpart here`, 'choose virtio');
    const words = [file.replaceAll(',', ',,')];
    const format = properties.take('format');
    if (format !== undefined) words.push(`format=${format}`);
    for (const name of ['readonly', 'snapshot']) if (properties.flag(name)) words.push(name);
    const aio = properties.take('aio');
    if (aio !== undefined && aio !== 'native') words.push(`aio=${aio}`);
    const serial = properties.take('serial');
    if (serial !== undefined) words.push(`serial=${serial}`);
    properties.ignore('cache', 'writeback', 'none');
    for (const name of ['media', 'index', 'discard', 'detect-zeroes']) properties.ignore(name);
    properties.end();
    const backend = { words: ['--drive', words.join(',')], used: false };
    if (bus === 'none') this.#drives.set(identifier ?? '', backend);
    else this.words.push(...backend.words);
  }

  netdev(option: string, text: string): void {
    const [type = '', ...rest] = text.split(',');
    const words = networkWords(rest.filter((word) => !word.startsWith('id=')));
    const identifier = rest.find((word) => word.startsWith('id='))?.slice(3) ?? '';
    this.#networks.set(identifier, { words: [type, ...words], used: false });
    if (!/^(user|tap)$/.test(type)) throw refused(option, `${type} has no counterpart here`, 'choose user or tap');
  }

  nic(option: string, text: string): void {
    if (text === 'none') return;
    const [type = '', ...rest] = text.split(',').filter((word) => !/^model=virtio(-net.*)?$/.test(word));
    if (!/^(user|tap)$/.test(type))
      throw refused(option, `${type} has no counterpart here`, 'choose user, tap or none');
    this.words.push('--net', [type, ...networkWords(rest)].join(','));
  }

  device(option: string, text: string): void {
    const properties = new Properties(option, text, 'driver');
    const driver = properties.take('driver') ?? '';
    if (driver === 'loader') {
      const [file, address] = [properties.take('file'), properties.take('addr')];
      properties.ignore('force-raw', 'on');
      properties.end();
      this.words.push('--load', `${file}@${address}`);
      return;
    }
    const [, plain, suffix, port] =
      /^(?:virtio-(blk|net|rng|serial|9p|balloon)(-device|-pci)?|virt(console|serialport))$/.exec(driver) ?? [];
    const kind = plain ?? port;
    if (kind === undefined) throw refused(option, `${driver} has no counterpart here`);
    const bus: Bus = suffix === '-device' ? 'mmio' : 'pci';
    for (const name of ['id', 'bus', 'addr', 'disable-legacy', 'romfile', 'num-queues']) properties.ignore(name);
    // Every machine has a source of randomness, and every drive a thread.
    if (kind === 'rng') this.#want(option, properties.take('rng'), /^rng-/);
    if (kind === 'blk') this.#want(option, properties.take('iothread'), /^iothread$/);
    if (kind === 'blk') this.#attachDrive(option, properties, bus);
    if (kind === 'net') this.#attachNetwork(option, properties, bus);
    if (kind === 'serial') {
      this.#serialBus = bus;
      properties.ignore('max_ports');
    }
    if (kind === 'balloon') {
      for (const name of ['deflate-on-oom', 'free-page-reporting']) properties.ignore(name, 'on');
      this.words.push('--balloon', bus);
    }
    if (kind === '9p') this.#attachShare(option, properties, bus);
    if (kind === 'console' || kind === 'serialport') this.#attachPort(option, properties, kind === 'console');
    properties.end();
  }

  #attachDrive(option: string, properties: Properties, bus: Bus): void {
    const backend = this.#backend(option, this.#drives, properties.take('drive') ?? '', 'drive');
    const serial = properties.take('serial');
    const [name = '', words = ''] = backend.words;
    this.words.push(name, [words, ...(serial === undefined ? [] : [`serial=${serial}`]), ...onBus(bus)].join(','));
  }

  #attachNetwork(option: string, properties: Properties, bus: Bus): void {
    const backend = this.#backend(option, this.#networks, properties.take('netdev') ?? '', 'netdev');
    const mac = properties.take('mac');
    const words = [...backend.words, ...(mac === undefined ? [] : [`mac=${mac}`]), ...onBus(bus)];
    this.words.push('--net', words.join(','));
  }

  #attachShare(option: string, properties: Properties, bus: Bus): void {
    const backend = this.#backend(option, this.#folders, properties.take('fsdev') ?? '', 'fsdev');
    const tag = properties.take('mount_tag');
    if (tag === undefined) throw refused(option, 'there is no mount_tag');
    const [path = '', ...words] = backend.words;
    this.words.push('--share', [path, `tag=${tag}`, ...words, ...onBus(bus)].join(','));
  }

  /** What -fsdev and -virtfs have in common: a folder as --share takes it, but for its tag. */
  #folder(option: string, properties: Properties): string[] {
    const driver = properties.take('driver') ?? '';
    if (driver !== 'local') throw refused(option, `${driver} has no counterpart here`, 'choose local');
    const path = properties.take('path');
    if (path === undefined) throw refused(option, 'there is no path');
    const model = properties.take('security_model') ?? '';
    if (model !== 'none') {
      const remedy = 'choose security_model=none: files are those of who runs the guest';
      throw refused(option, `security_model=${model} has no counterpart here`, remedy);
    }
    properties.ignore('multidevs', 'remap', 'warn');
    return [path.replaceAll(',', ',,'), ...(properties.flag('readonly') ? ['readonly'] : [])];
  }

  fsdev(option: string, text: string): void {
    const properties = new Properties(option, text, 'driver');
    const identifier = properties.take('id') ?? '';
    const words = this.#folder(option, properties);
    properties.end();
    this.#folders.set(identifier, { words, used: false });
  }

  virtfs(option: string, text: string): void {
    const properties = new Properties(option, text, 'driver');
    properties.ignore('id');
    const tag = properties.take('mount_tag');
    if (tag === undefined) throw refused(option, 'there is no mount_tag');
    const [path = '', ...words] = this.#folder(option, properties);
    properties.end();
    // As QEMU's virt has it.
    this.words.push('--share', [path, `tag=${tag}`, ...words, 'bus=pci'].join(','));
  }

  /** As --console and --port take it. */
  #place(option: string, target: string): string {
    const [, kind, path, server] = /^(unix|file):(.+?)(,server)?$/s.exec(target) ?? [];
    if (target === 'stdio') return target;
    if (path === undefined) throw refused(option, `${target} has no counterpart here`, 'choose socket, file or stdio');
    const text = path.replaceAll(',', ',,');
    // QEMU empties the file.
    if (kind === 'file') return `file=${text},truncate`;
    if (server === undefined) throw refused(option, 'the socket is not made here', 'give server=on,wait=off');
    return `socket=${text}`;
  }

  #attachPort(option: string, properties: Properties, isConsole: boolean): void {
    const bus = this.#serialBus;
    if (bus === undefined) throw refused(option, 'no -device virtio-serial-pci or virtio-serial-device is before it');
    const place = this.#place(option, this.#resolve(option, `chardev:${properties.take('chardev') ?? ''}`));
    properties.ignore('nr');
    const name = properties.take('name')?.replaceAll(',', ',,');
    if (name === undefined && !isConsole) throw refused(option, 'a port needs a name here', 'give it name=');
    const words = [place, ...onBus(bus)];
    if (isConsole) this.words.push('--console', [...words, ...(name === undefined ? [] : [`name=${name}`])].join(','));
    else this.words.push('--port', [name, ...words].join(','));
  }

  #backend(option: string, known: ReadonlyMap<string, Backend>, identifier: string, what: string): Backend {
    const backend = known.get(identifier);
    if (backend === undefined) throw refused(option, `no -${what} before it has id=${identifier}`);
    backend.used = true;
    return backend;
  }

  chardev(option: string, text: string): void {
    const properties = new Properties(option, text, 'backend');
    const backend = properties.take('backend') ?? '';
    const identifier = properties.take('id');
    if (identifier === undefined) throw refused(option, 'there is no id');
    let target: string;
    if (backend === 'socket') target = socketOf(option, properties);
    else if (backend === 'file') target = `file:${properties.take('path') ?? ''}`;
    else if (backend === 'stdio' || backend === 'null') target = backend;
    else throw refused(option, `${backend} has no counterpart here`, 'choose socket, file, stdio or null');
    for (const name of ['mux', 'signal', 'logfile']) properties.ignore(name, 'off');
    properties.end();
    this.#chardevs.set(identifier, target);
  }

  /** What stands for chardev:ID; other text as it is. */
  #resolve(option: string, text: string): string {
    if (!text.startsWith('chardev:')) return text;
    const target = this.#chardevs.get(text.slice('chardev:'.length));
    if (target === undefined) throw refused(option, `no -chardev before it has id=${text.slice('chardev:'.length)}`);
    return target;
  }

  object(option: string, text: string): void {
    const properties = new Properties(option, text, 'qom-type');
    const kind = properties.take('qom-type') ?? '';
    const identifier = properties.take('id');
    if (identifier === undefined) throw refused(option, 'there is no id');
    if (kind === 'rng-random') properties.ignore('filename', '/dev/urandom', '/dev/random');
    else if (kind === 'memory-backend-ram') this.#memories.set(identifier, this.#backendBytes(option, properties));
    else if (kind !== 'rng-builtin' && kind !== 'iothread') {
      const remedy = 'choose rng-random, rng-builtin, iothread or memory-backend-ram, or leave it out';
      throw refused(option, `${kind} has no counterpart here`, remedy);
    }
    properties.end();
    if (this.#objects.has(identifier)) throw refused(option, `there are two with id=${identifier}`);
    this.#objects.set(identifier, kind);
  }

  #backendBytes(option: string, properties: Properties): number {
    const size = properties.take('size');
    if (size === undefined) throw refused(option, 'there is no size');
    for (const name of ['share', 'prealloc', 'merge']) properties.ignore(name, 'off');
    properties.ignore('dump', 'on');
    // Without a unit it is bytes, unlike that of -m.
    return parseMemory(/^\d+$/.test(size) ? `${Number(size) / 1024}K` : size);
  }

  #want(option: string, identifier: string | undefined, kind: RegExp): void {
    if (identifier !== undefined) this.#wantedObjects.push({ option, kind, identifier });
  }

  /** What objects are for, once all are known. */
  #useObjects(): void {
    for (const { option, kind, identifier } of this.#wantedObjects) {
      if (!kind.test(this.#objects.get(identifier) ?? '')) {
        throw refused(option, `no such -object has id=${identifier}`, 'give it, or leave the word out');
      }
    }
    for (const identifier of this.#memories.keys()) {
      if (identifier === this.#machineMemory) continue;
      const remedy = `name it by -M memory-backend=${identifier}, or leave it out`;
      throw refused('-object', `no -M has the memory ${identifier}`, remedy);
    }
    if (this.#machineMemory === undefined) return;
    const bytes = this.#memories.get(this.#machineMemory);
    if (bytes === undefined) {
      const remedy = 'give it, or leave memory-backend out';
      throw refused('-M', `no -object memory-backend-ram has id=${this.#machineMemory}`, remedy);
    }
    if (this.#memoryBytes === undefined) this.words.push('--memory', `${bytes / 1024}K`);
    else if (this.#memoryBytes !== bytes) {
      const sizes = `${formatBytes(bytes)}, not the ${formatBytes(this.#memoryBytes)} of -m`;
      throw refused('-object', `the memory ${this.#machineMemory} has ${sizes}`, 'give both the same size');
    }
  }

  qmp(option: string, text: string): void {
    const target = this.#resolve(option, text);
    const [, kind, rest] = /^(unix|tcp):(.*)$/s.exec(target) ?? [];
    if (kind === undefined || rest === undefined) {
      this.words.push('--qmp', target);
      return;
    }
    const properties = new Properties(option, rest, 'path');
    // Others connect to QMP, which waits for nobody.
    for (const name of ['server', 'wait', 'nowait']) properties.ignore(name);
    const place = properties.take('path') ?? '';
    properties.end();
    this.words.push('--qmp', `${kind}:${place}`);
  }

  monitor(option: string, text: string): void {
    const properties = new Properties(option, text, 'chardev');
    const chardev = properties.take('chardev') ?? '';
    const mode = properties.take('mode') ?? 'readline';
    properties.ignore('pretty', 'off');
    properties.end();
    if (mode !== 'control') throw refused(option, `mode=${mode} has no counterpart here`, 'choose mode=control');
    this.qmp(option, `chardev:${chardev}`);
  }

  serial(option: string, given: string): void {
    let text = this.#resolve(option, given);
    if (text.startsWith('unix:')) text = socketOf(option, new Properties(option, text.slice(5), 'path'));
    const target = { 'mon:stdio': 'stdio', stdio: 'stdio', null: 'none', none: 'none' }[text] ?? text;
    if (!/^(stdio|none|file:.+|unix:.+)$/s.test(target)) throw refused(option, `${text} has no counterpart here`);
    this.words.push('--serial', target);
  }

  accelerator(option: string, text: string): void {
    if (!/^tcg(,|$)/.test(text)) throw refused(option, `${text} has no counterpart here`, 'leave it out');
  }

  snapshot(): void {
    this.#snapshot = true;
  }

  /** All words, once every option has been read. */
  finish(): string[] {
    this.#useObjects();
    for (const [what, known] of [
      ['-drive', this.#drives],
      ['-netdev', this.#networks],
      ['-fsdev', this.#folders],
    ] as const) {
      for (const [identifier, { used }] of known) {
        if (!used) throw refused(what, `no -device uses id=${identifier}`);
      }
    }
    if (!this.#snapshot) return this.words;
    return this.words.map((word, index) => {
      const isDrive = this.words[index - 1] === '--drive' && !/,(snapshot|readonly)(,|$)/.test(word);
      return isDrive ? `${word},snapshot` : word;
    });
  }
}

type Handler = (translation: Translation, option: string, value: string) => void;

/** Another name for an option with a value. */
const as =
  (name: string): Handler =>
  (translation, _, value) => {
    translation.words.push(name, value);
  };
const nothing: Handler = () => undefined;

const withValue: Readonly<Record<string, Handler>> = {
  '-M': (translation, ...rest) => translation.machine(...rest),
  '-machine': (translation, ...rest) => translation.machine(...rest),
  '-cpu': (translation, ...rest) => translation.cpu(...rest),
  '-m': (translation, ...rest) => translation.memory(...rest),
  '-smp': (translation, ...rest) => translation.cpus(...rest),
  '-kernel': as('--kernel'),
  '-initrd': as('--initrd'),
  '-append': as('--append'),
  '-dtb': as('--dtb'),
  '-bios': as('--firmware'),
  '-drive': (translation, ...rest) => translation.drive(...rest),
  '-hda': (translation, option, value) => translation.drive(option, `file=${value}`),
  '-netdev': (translation, ...rest) => translation.netdev(...rest),
  '-fsdev': (translation, ...rest) => translation.fsdev(...rest),
  '-virtfs': (translation, ...rest) => translation.virtfs(...rest),
  '-nic': (translation, ...rest) => translation.nic(...rest),
  '-device': (translation, ...rest) => translation.device(...rest),
  '-object': (translation, ...rest) => translation.object(...rest),
  '-chardev': (translation, ...rest) => translation.chardev(...rest),
  '-qmp': (translation, ...rest) => translation.qmp(...rest),
  '-mon': (translation, ...rest) => translation.monitor(...rest),
  '-serial': (translation, ...rest) => translation.serial(...rest),
  '-accel': (translation, ...rest) => translation.accelerator(...rest),
  '-net': (translation, option, value) => translation.nic(option, value),
  '-name': nothing,
  '-rtc': nothing,
  '-monitor': nothing,
  '-display': nothing,
  '-vga': nothing,
};

const withoutValue: Readonly<Record<string, Handler>> = {
  '-S': (translation) => translation.words.push('--paused'),
  '-nographic': nothing,
  '-nodefaults': nothing,
  '-no-user-config': nothing,
  '-no-reboot': (translation) => translation.words.push('--no-reboot'),
  '-snapshot': (translation) => translation.snapshot(),
};

/** Our options, so far as they matter here. */
export interface OwnOptions {
  /** Those with a value. */
  readonly withValue: ReadonlySet<string>;
  readonly all: readonly string[];
}

/** The words behind `beeline run`. Throws BeelineError for what begins with one dash and is not known. */
export function translateQemuOptions(args: readonly string[], own: OwnOptions): string[] {
  const translation = new Translation();
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? '';
    if (word === '--') {
      translation.words.push(...args.slice(index));
      break;
    }
    if (own.withValue.has(word)) {
      translation.words.push(word, ...args.slice(index + 1, index + 2));
      index++;
    } else if (Object.hasOwn(withValue, word)) {
      const value = args[++index];
      if (value === undefined) throw refused(word, 'its value is missing');
      withValue[word]?.(translation, word, value);
    } else if (Object.hasOwn(withoutValue, word)) {
      withoutValue[word]?.(translation, word, '');
    } else if (/^-[^-]/.test(word) && !own.all.includes(word)) {
      const known = [...Object.keys(withValue), ...Object.keys(withoutValue), ...own.all];
      const near = nearest(word, known);
      const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
      throw new BeelineError('BEELINE_E_USAGE', { detail: `unknown option '${word}'${hint}`, command: 'beeline run' });
    } else {
      translation.words.push(word);
    }
  }
  return translation.finish();
}
