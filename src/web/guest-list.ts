// The guests of the daemon, with their states and speeds, in a column (a row where it is narrow).
import type { VmStatus } from '../monitor/domains/vm.js';
import { element } from './dom.js';

export interface GuestListEvents {
  choose(name: string): void;
}

export class GuestList {
  readonly #place: HTMLElement;
  readonly #events: GuestListEvents;
  readonly #buttons = new Map<string, HTMLButtonElement>();

  constructor(place: HTMLElement, events: GuestListEvents) {
    this.#place = place;
    this.#events = events;
    place.addEventListener('keydown', (event) => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const all = [...this.#buttons.values()];
      const at = all.indexOf(document.activeElement as HTMLButtonElement);
      all[(at + step + all.length) % all.length]?.focus();
    });
  }

  draw(guests: readonly VmStatus[], chosen: string | undefined): void {
    const focused = [...this.#buttons].find(([, button]) => button === document.activeElement)?.[0];
    this.#buttons.clear();
    const rows = guests.map((guest) => {
      const { name, state, cause, cpus, memoryBytes } = guest;
      const button = element(
        'button',
        {
          type: 'button',
          class: 'guest',
          'aria-current': String(name === chosen),
          click: () => this.#events.choose(name),
        },
        element('span', { class: `state ${state}`, 'aria-hidden': 'true' }),
        element('span', { class: 'name' }, name),
        element('span', { class: 'muted' }, state === 'crashed' || state === 'stopped' ? `${state} (${cause})` : state),
        element('span', { class: 'muted size' }, `${cpus} CPU${cpus === 1 ? '' : 's'} · ${memoryBytes / 2 ** 20} MiB`),
      );
      this.#buttons.set(name, button);
      return element('li', {}, button);
    });
    this.#place.replaceChildren(
      rows.length === 0
        ? element('p', { class: 'muted empty' }, 'There is no guest yet. Make one: beeline create NAME IMAGE --start')
        : element('ul', {}, ...rows),
    );
    if (focused !== undefined) this.#buttons.get(focused)?.focus();
  }

  focus(): void {
    const all = [...this.#buttons.values()];
    (all.find((button) => button.getAttribute('aria-current') === 'true') ?? all[0])?.focus();
  }
}
