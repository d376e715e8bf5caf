// The web console: everything it shows comes over the monitor, as for any other client.
import '@xterm/xterm/css/xterm.css';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import type { MonitorClient } from '../monitor/client.js';
import type { Role } from '../monitor/declare.js';
import type { VmStatus } from '../monitor/domains/vm.js';
import { connect } from './connection.js';
import { byId, element } from './dom.js';
import { GuestList } from './guest-list.js';
import { GuestView } from './guest-view.js';

const firstDelay = 500;
const longestDelay = 8000;
const themeKey = 'beeline.theme';

/**
 * What the page's policy wants of the terminal: the server's nonce on each style sheet that it makes, and no text for style
 * attributes, which are set as properties instead.
 */
function signStyles(): void {
  const nonce = document.querySelector<HTMLLinkElement>('link[rel=stylesheet]')?.nonce ?? '';
  const create = document.createElement.bind(document);
  document.createElement = ((tag: string, options?: ElementCreationOptions) => {
    const made = create(tag, options);
    if (tag === 'style') made.nonce = nonce;
    return made;
  }) as typeof document.createElement;
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name: string, value: string) {
    if (name === 'style' && this instanceof HTMLElement) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
}

function nameIn(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return '';
  }
}

class Page {
  readonly #list = new GuestList(byId('guests'), { choose: (name) => this.#choose(name) });
  readonly #status = byId('connection');
  #guests: VmStatus[] = [];
  #chosen: string | undefined;
  #view: GuestView | undefined;
  #client: MonitorClient | undefined;
  #role: Role = 'view';
  #cursor: string | undefined;

  retheme(): void {
    this.#view?.retheme();
  }

  focusList(): void {
    this.#list.focus();
  }

  async run(): Promise<void> {
    for (let wait = firstDelay; ; wait = Math.min(2 * wait, longestDelay)) {
      try {
        this.#tell('connecting', 'Connecting…');
        const client = await connect();
        wait = firstDelay;
        await this.#follow(client);
        this.#tell('lost', `Connection lost: ${await client.closed}. Trying again…`);
      } catch (error) {
        this.#tell('lost', error instanceof Error ? error.message : String(error));
      }
      this.#view?.end();
      this.#view = undefined;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  #tell(state: string, words: string): void {
    this.#status.textContent = words;
    this.#status.className = state;
  }

  async #follow(client: MonitorClient): Promise<void> {
    this.#client = client;
    client.on('monitor.event', (event) => {
      this.#cursor = event.cursor;
      if (event.vm?.name === this.#view?.name) this.#view?.take(event);
      // Fails with the connection, which is told where it ends.
      this.#refresh().catch(() => undefined);
    });
    const { version, role } = await client.call('monitor.version', {});
    const { cursor } = await this.#subscribe(client);
    this.#cursor ??= cursor;
    this.#role = role;
    this.#tell('connected', `Connected to ${location.host} · ${version}`);
    await this.#refresh();
  }

  /** Where it left off; a daemon whose journal is another has nothing to go on with. */
  async #subscribe(client: MonitorClient): Promise<{ cursor: string }> {
    const cursor = this.#cursor;
    if (cursor === undefined) return client.call('monitor.subscribe', {});
    try {
      return await client.call('monitor.subscribe', { cursor });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'BEELINE_E_CURSOR')) throw error;
      this.#cursor = undefined;
      return client.call('monitor.subscribe', {});
    }
  }

  async #refresh(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    const { vms } = await client.call('vm.list', {});
    this.#guests = [...vms].sort((a, b) => a.name.localeCompare(b.name));
    const wanted = nameIn(location.hash);
    const chosen =
      this.#find(this.#chosen) ??
      this.#find(wanted) ??
      this.#guests.find(({ state }) => state === 'running') ??
      this.#guests[0];
    this.#chosen = chosen?.name;
    this.#draw();
  }

  #find(name: string | undefined): VmStatus | undefined {
    return this.#guests.find((guest) => guest.name === name);
  }

  #choose(name: string): void {
    this.#chosen = name;
    history.replaceState(null, '', `#${encodeURIComponent(name)}`);
    this.#draw();
  }

  #draw(): void {
    this.#list.draw(this.#guests, this.#chosen);
    const status = this.#find(this.#chosen);
    document.title = status === undefined ? 'Beeline' : `${status.name} (${status.state}) · Beeline`;
    if (status === undefined) {
      this.#view?.end();
      this.#view = undefined;
      byId('guest').replaceChildren(element('p', { class: 'muted empty' }, 'No guest is chosen.'));
      return;
    }
    if (this.#view !== undefined && this.#view.id === status.id) {
      this.#view.update(status);
      return;
    }
    this.#view?.end();
    if (this.#client !== undefined) this.#view = new GuestView(this.#client, byId('guest'), status, this.#role);
  }
}

function switchTheme(page: Page): void {
  const root = document.documentElement;
  const now = root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  localStorage.setItem(themeKey, root.dataset.theme);
  page.retheme();
}

/** F6 goes through the areas of the page, backwards with Shift. */
function walkAreas(event: KeyboardEvent, page: Page): void {
  if (event.key !== 'F6') return;
  event.preventDefault();
  const areas = [...document.querySelectorAll<HTMLElement>('[data-area]')];
  const at = areas.findIndex((area) => area.contains(document.activeElement));
  const next = areas[(at + (event.shiftKey ? -1 : 1) + areas.length) % areas.length];
  if (next?.id === 'guests') page.focusList();
  else if (next !== undefined) {
    // Where there is nothing to act on, the area itself is the place to be.
    next.tabIndex = -1;
    (next.querySelector<HTMLElement>('textarea, button:not([hidden]), [tabindex="0"]') ?? next).focus();
  }
}

signStyles();
const kept = localStorage.getItem(themeKey);
if (kept !== null) document.documentElement.dataset.theme = kept;
const page = new Page();
byId('theme').addEventListener('click', () => switchTheme(page));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => page.retheme());
document.addEventListener('keydown', (event) => walkAreas(event, page));
void page.run();
