// One guest: what it is, what can be done with it, its console, charts and details.
import type { MonitorClient } from '../monitor/client.js';
import { includesRole, type Role } from '../monitor/declare.js';
import type { VmStatus } from '../monitor/domains/vm.js';
import type { EventNotice } from '../monitor/follow.js';
import type { VmState } from '../monitor/types.js';
import { Charts } from './charts.js';
import { ConsolePane } from './console-pane.js';
import { DetailsPane } from './details-pane.js';
import { element } from './dom.js';

interface Action {
  readonly label: string;
  readonly states: readonly VmState[];
  readonly does: (client: MonitorClient, vm: string, details: DetailsPane) => Promise<unknown>;
  readonly danger?: true;
}

const idle = ['created', 'stopped', 'crashed'] as const;
const living = ['running', 'paused'] as const;

const actions: readonly Action[] = [
  { label: 'Start', states: idle, does: (client, vm) => client.call('vm.start', { vm }) },
  { label: 'Pause', states: ['running'], does: (client, vm) => client.call('vm.pause', { vm }) },
  { label: 'Resume', states: ['paused'], does: (client, vm) => client.call('vm.resume', { vm }) },
  {
    label: 'Step',
    states: ['paused'],
    does: async (client, vm, details) => {
      await client.call('cpu.step', { vm });
      await details.show();
    },
  },
  { label: 'Snapshot', states: living, does: (_client, _vm, details) => details.saveSnapshot() },
  { label: 'Reset', states: living, does: (client, vm) => client.call('vm.reset', { vm }) },
  { label: 'Power button', states: ['running'], does: (client, vm) => client.call('vm.powerdown', { vm }) },
  { label: 'Stop', states: living, does: (client, vm) => client.call('vm.stop', { vm, timeout: 0 }), danger: true },
];

export class GuestView {
  readonly name: string;
  readonly id: string;
  readonly #console: ConsolePane;
  readonly #charts: Charts;
  readonly #details: DetailsPane;
  readonly #state = element('span', { class: 'badge', role: 'status' });
  readonly #facts = element('span', { class: 'muted' });
  readonly #error = element('p', { class: 'error', role: 'alert' });
  readonly #buttons: readonly (readonly [Action, HTMLButtonElement])[];

  readonly #mayControl: boolean;

  constructor(client: MonitorClient, place: HTMLElement, status: VmStatus, role: Role) {
    this.#mayControl = includesRole(role, 'control');
    this.name = status.name;
    this.id = status.id;
    this.#console = new ConsolePane(client, status.name, this.#mayControl);
    this.#charts = new Charts(client, status.name);
    this.#details = new DetailsPane(client, status.name, status.cpus);
    this.#console.element.dataset.area = '';
    this.#details.element.dataset.area = '';
    this.#buttons = actions.map((action) => [
      action,
      element(
        'button',
        { type: 'button', class: action.danger === true ? 'danger' : '', click: () => void this.#do(client, action) },
        action.label,
      ),
    ]);
    const head = element(
      'section',
      { class: 'head', 'aria-label': `Guest ${status.name}` },
      element('h2', {}, status.name),
      this.#state,
      this.#facts,
      element('span', { class: 'space' }),
      element('div', { class: 'actions' }, ...this.#buttons.map(([, button]) => button)),
      this.#error,
    );
    head.dataset.area = '';
    place.replaceChildren(head, this.#console.element, this.#charts.element, this.#details.element);
    this.update(status);
    this.#console.begin().catch((error: unknown) => this.#tell(error));
  }

  async #do(client: MonitorClient, action: Action): Promise<void> {
    this.#error.textContent = '';
    try {
      await action.does(client, this.name, this.#details);
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error: unknown): void {
    this.#error.textContent = error instanceof Error ? error.message : String(error);
  }

  update(status: VmStatus): void {
    const { state, cause, detail, haltedCpus, config } = status;
    this.#state.textContent = state;
    this.#state.className = `badge ${state}`;
    const what = config.image ?? config.kernel ?? config.firmware ?? 'files';
    const why = state === 'running' ? '' : ` · ${[cause, detail].filter((word) => word !== '').join(': ')}`;
    const looks = this.#mayControl ? '' : ' · to look at only';
    const halted = haltedCpus.length === 0 ? '' : ` · halted: CPU ${haltedCpus.join(', ')}`;
    this.#facts.textContent = `${what}${why}${halted}${looks}`;
    for (const [{ states }, button] of this.#buttons) {
      const was = document.activeElement === button;
      button.hidden = !this.#mayControl || !states.includes(state);
      if (was && button.hidden) this.#buttons.find(([, other]) => !other.hidden)?.[1].focus();
    }
  }

  take(event: EventNotice): void {
    this.#details.take(event);
    if (event.event === 'vm.state' || /^(cpu|snapshot)\./.test(event.event)) void this.#details.show();
  }

  retheme(): void {
    this.#console.retheme();
    this.#charts.draw();
  }

  end(): void {
    this.#console.end();
    this.#charts.end();
  }
}
