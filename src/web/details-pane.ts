// Below the console: registers, memory, snapshots, events and the log of a guest, a tab each.
import type { MonitorClient } from '../monitor/client.js';
import type { Snapshot } from '../monitor/domains/snapshot.js';
import type { EventNotice } from '../monitor/follow.js';
import { element } from './dom.js';

const bytesShown = 256;
const bytesInRow = 16;
const eventsShown = 200;
const linesShown = 200;

const tabs = ['Registers', 'Memory', 'Snapshots', 'Events', 'Log'] as const;
type Tab = (typeof tabs)[number];

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class DetailsPane {
  readonly element: HTMLElement;
  readonly #client: MonitorClient;
  readonly #vm: string;
  readonly #buttons: HTMLButtonElement[];
  readonly #panel = element('div', { class: 'panel', role: 'tabpanel', tabindex: '0', 'aria-label': 'Registers' });
  readonly #cpu = element('select', { 'aria-label': 'CPU' });
  readonly #address = element('input', {
    'aria-label': 'Address',
    value: '0x40000000',
    spellcheck: 'false',
    size: '20',
  });
  readonly #space = element('select', { 'aria-label': 'Kind of address' });
  readonly #events: EventNotice[] = [];
  #tab: Tab = 'Registers';

  constructor(client: MonitorClient, vm: string, cpus: number) {
    this.#client = client;
    this.#vm = vm;
    for (let cpu = 0; cpu < cpus; cpu++) this.#cpu.append(element('option', { value: String(cpu) }, `CPU ${cpu}`));
    for (const space of ['virtual', 'physical']) this.#space.append(element('option', { value: space }, space));
    for (const field of [this.#cpu, this.#space, this.#address])
      field.addEventListener('change', () => void this.show());
    this.#buttons = tabs.map((tab) =>
      element('button', { type: 'button', role: 'tab', click: () => this.#select(tab) }, tab),
    );
    const list = element('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Details' }, ...this.#buttons);
    list.addEventListener('keydown', ({ key }) => {
      const step = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
      if (step === 0) return;
      const next = (tabs.indexOf(this.#tab) + step + tabs.length) % tabs.length;
      this.#select(tabs[next] ?? 'Registers');
      this.#buttons[next]?.focus();
    });
    const refresh = element('button', { type: 'button', click: () => void this.show() }, 'Refresh');
    this.element = element(
      'section',
      { class: 'details', 'aria-label': 'Details' },
      element(
        'div',
        { class: 'pane-bar' },
        list,
        element('span', { class: 'space' }),
        this.#cpu,
        this.#address,
        this.#space,
        refresh,
      ),
      this.#panel,
    );
    this.#select('Registers');
    void this.#readEvents();
  }

  #select(tab: Tab): void {
    this.#tab = tab;
    tabs.forEach((name, index) => {
      this.#buttons[index]?.setAttribute('aria-selected', String(name === tab));
      this.#buttons[index]?.setAttribute('tabindex', name === tab ? '0' : '-1');
    });
    this.#cpu.hidden = tab !== 'Registers' && tab !== 'Memory';
    this.#address.hidden = this.#space.hidden = tab !== 'Memory';
    this.#panel.setAttribute('aria-label', tab);
    void this.show();
  }

  /** Reads anew what the tab shows. */
  async show(): Promise<void> {
    const tab = this.#tab;
    let content: Node[];
    try {
      content = await this.#content(tab);
    } catch (error) {
      content = [element('p', { class: 'muted' }, words(error))];
    }
    if (tab === this.#tab) this.#panel.replaceChildren(...content);
  }

  #content(tab: Tab): Promise<Node[]> | Node[] {
    switch (tab) {
      case 'Registers':
        return this.#registers();
      case 'Memory':
        return this.#memory();
      case 'Snapshots':
        return this.#snapshots();
      case 'Events':
        return this.#eventLines();
      case 'Log':
        return this.#log();
    }
  }

  async #registers(): Promise<Node[]> {
    const registers = await this.#client.call('cpu.registers', { vm: this.#vm, cpu: Number(this.#cpu.value) });
    const table = (title: string, rows: readonly (readonly [string, string])[]) =>
      element(
        'dl',
        { class: 'registers', 'aria-label': title },
        ...rows.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
      );
    const wide = (value: string) => `0x${value.slice(2).padStart(16, '0')}`;
    const { pc, sp, pstate, el, fpcr, fpsr } = registers;
    return [
      table('General', [
        ['pc', wide(pc)],
        ['sp', wide(sp)],
        ['pstate', pstate],
        ['level', `EL${el}`],
        ...registers.x.map((value, index) => [`x${index}`, wide(value)] as const),
      ]),
      table('System', [...Object.entries(registers.system).map(([name, value]) => [name, wide(value)] as const)]),
      table('Floating point', [
        ['fpcr', fpcr],
        ['fpsr', fpsr],
        ...registers.v.map((value, index) => [`v${index}`, value] as const),
      ]),
    ];
  }

  async #memory(): Promise<Node[]> {
    const space = this.#space.value === 'physical' ? 'physical' : 'virtual';
    const address = this.#address.value.trim();
    const { base64 } = await this.#client.call('memory.read', {
      vm: this.#vm,
      address,
      length: bytesShown,
      space,
      cpu: Number(this.#cpu.value),
    });
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const rows: string[] = [];
    for (let at = 0; at < bytes.length; at += bytesInRow) {
      const row = [...bytes.subarray(at, at + bytesInRow)];
      const place = (BigInt(address) + BigInt(at)).toString(16).padStart(16, '0');
      const digits = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
      rows.push(`${place}  ${digits.padEnd(3 * bytesInRow)} ${text}`);
    }
    return [element('pre', {}, rows.join('\n'))];
  }

  async #snapshots(): Promise<Node[]> {
    const { snapshots } = await this.#client.call('snapshot.list', { vm: this.#vm });
    if (snapshots.length === 0) return [element('p', { class: 'muted' }, 'None is saved.')];
    return [element('ul', { class: 'snapshots' }, ...snapshots.map((snapshot) => this.#snapshotRow(snapshot)))];
  }

  #snapshotRow({ name, bytes, savedAt }: Snapshot): HTMLElement {
    const params = { vm: this.#vm, name };
    const button = (label: string, does: () => Promise<unknown>, kind = '') => {
      const click = () => void this.#do(does);
      return element('button', { type: 'button', class: kind, 'aria-label': `${label} ${name}`, click }, label);
    };
    const facts = `${(bytes / 1024 ** 2).toFixed(1)} MiB · ${new Date(savedAt).toLocaleString()}`;
    return element(
      'li',
      {},
      element('strong', {}, name),
      element('span', { class: 'muted' }, facts),
      button('Load', () => this.#client.call('snapshot.load', params)),
      button('Delete', () => this.#client.call('snapshot.delete', params), 'danger'),
    );
  }

  /** Shows what has become of it, or why it was refused. */
  async #do(does: () => Promise<unknown>): Promise<void> {
    try {
      await does();
      await this.show();
    } catch (error) {
      this.#panel.prepend(element('p', { class: 'error', role: 'alert' }, words(error)));
    }
  }

  /** Saves the guest under the time of the moment. */
  async saveSnapshot(): Promise<void> {
    const name = new Date().toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '-');
    await this.#client.call('snapshot.save', { vm: this.#vm, name });
    this.#select('Snapshots');
  }

  async #readEvents(): Promise<void> {
    const { events } = await this.#client.call('monitor.events', { vms: [this.#vm], limit: eventsShown });
    // Some may have come by themselves meanwhile.
    const known = new Set(this.#events.map(({ cursor }) => cursor));
    this.#events.unshift(...(events as EventNotice[]).filter(({ cursor }) => !known.has(cursor)));
    if (this.#tab === 'Events') void this.show();
  }

  take(event: EventNotice): void {
    this.#events.push(event);
    if (this.#events.length > eventsShown) this.#events.shift();
    if (this.#tab === 'Events') void this.show();
  }

  #eventLines(): Node[] {
    const rows = [...this.#events]
      .reverse()
      .map(({ time, event, data }) =>
        element(
          'li',
          {},
          element('time', {}, time.slice(11, 23)),
          ' ',
          element('strong', {}, event),
          ' ',
          element('span', { class: 'muted' }, JSON.stringify(data)),
        ),
      );
    return rows.length === 0
      ? [element('p', { class: 'muted' }, 'Nothing has happened yet.')]
      : [element('ol', { class: 'events' }, ...rows)];
  }

  async #log(): Promise<Node[]> {
    const { lines } = await this.#client.call('log.read', { vm: this.#vm, lines: linesShown });
    return [element('pre', {}, lines.length === 0 ? 'The log is empty.' : lines.join('\n'))];
  }
}
