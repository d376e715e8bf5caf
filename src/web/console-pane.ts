// A guest's console: what it has written and writes, what is typed to it, and a search in it.
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Terminal } from '@xterm/xterm';
import type { MonitorClient } from '../monitor/client.js';
import { colour, element } from './dom.js';

const scrollback = 20_000;
const history = 256 * 1024;

function theme() {
  return {
    background: colour('--terminal'),
    foreground: colour('--terminal-text'),
    cursor: colour('--accent'),
    selectionBackground: colour('--selection'),
  };
}

export class ConsolePane {
  readonly element: HTMLElement;
  readonly #client: MonitorClient;
  readonly #vm: string;
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #place = element('div', { class: 'screen' });
  readonly #query = element('input', {
    type: 'search',
    placeholder: 'Search',
    'aria-label': 'Search the console',
  });
  readonly #found = element('output');
  readonly #observer: ResizeObserver;
  readonly #forget: (() => void)[];
  #stream: number | undefined;
  /** The guest is told of the size of this pane. */
  #resizable = false;
  #resizing = false;
  #ended = false;

  constructor(client: MonitorClient, vm: string, mayType: boolean) {
    this.#client = client;
    this.#vm = vm;
    this.#terminal = new Terminal({
      // The marks of a search are such.
      allowProposedApi: true,
      cursorBlink: false,
      disableStdin: !mayType,
      fontFamily: '"DejaVu Sans Mono", ui-monospace, monospace',
      fontSize: 13,
      scrollback,
      screenReaderMode: false,
      theme: theme(),
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.loadAddon(this.#search);
    // F6 leaves the console: every other key is the guest's.
    this.#terminal.attachCustomKeyEventHandler(({ key }) => key !== 'F6');
    this.#terminal.onData((text) => this.#type(new TextEncoder().encode(text)));
    this.#terminal.onBinary((text) => this.#type(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    this.#terminal.onResize(() => void this.#tellSize());
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.#found.textContent = resultCount === 0 ? 'none' : `${resultIndex + 1} of ${resultCount}`;
    });
    this.#query.addEventListener('input', () => this.#find(false));
    this.#query.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.#find(event.shiftKey);
      else if (event.key === 'Escape') this.#terminal.focus();
    });
    const button = (label: string, name: string, back: boolean) =>
      element('button', { type: 'button', 'aria-label': name, click: () => this.#find(back) }, label);
    this.element = element(
      'section',
      { class: 'console', 'aria-label': `Console of ${vm}` },
      element(
        'div',
        { class: 'pane-bar', role: 'search' },
        element('strong', {}, 'Console'),
        this.#query,
        button('↑', 'Previous match', true),
        button('↓', 'Next match', false),
        this.#found,
      ),
      this.#place,
    );
    this.#observer = new ResizeObserver(() => this.#fit.fit());
    this.#forget = [
      client.on('console.missed', ({ stream, from, to }) => {
        if (stream === this.#stream) this.#note(`${to - from} bytes are missing here`);
      }),
    ];
  }

  /** Once the element is in the page. */
  async begin(): Promise<void> {
    this.#terminal.open(this.#place);
    this.#fit.fit();
    this.#observer.observe(this.#place);
    const { stream, resizable } = await this.#client.attach({ vm: this.#vm, history }, (bytes) =>
      this.#terminal.write(bytes),
    );
    this.#stream = stream;
    if (this.#ended) await this.#client.detach(stream);
    this.#resizable = resizable && !this.#ended;
    await this.#tellSize();
  }

  /** One request at a time, while a window's edge is moved, and the last size at the end. */
  async #tellSize(): Promise<void> {
    if (!this.#resizable || this.#resizing) return;
    this.#resizing = true;
    const { cols: columns, rows } = this.#terminal;
    try {
      await this.#client.call('console.resize', { vm: this.#vm, columns, rows });
    } catch {
      // The guest has ended; its next start has the size.
    } finally {
      this.#resizing = false;
    }
    if (columns !== this.#terminal.cols || rows !== this.#terminal.rows) await this.#tellSize();
  }

  #type(bytes: Uint8Array): void {
    if (this.#stream !== undefined) this.#client.type(this.#stream, bytes);
  }

  #note(words: string): void {
    this.#terminal.write(`\r\n\x1b[2m[${words}]\x1b[0m\r\n`);
  }

  #find(back: boolean): void {
    const decorations = {
      matchOverviewRuler: '#e3a008',
      activeMatchColorOverviewRuler: '#f97316',
      matchBackground: '#7c5e10',
      activeMatchBackground: '#b45309',
    };
    if (this.#query.value === '') {
      this.#search.clearDecorations();
      this.#found.textContent = '';
    } else if (back) {
      this.#search.findPrevious(this.#query.value, { decorations });
    } else {
      this.#search.findNext(this.#query.value, { decorations });
    }
  }

  focus(): void {
    this.#terminal.focus();
  }

  retheme(): void {
    this.#terminal.options.theme = theme();
  }

  end(): void {
    this.#ended = true;
    this.#resizable = false;
    this.#observer.disconnect();
    for (const forget of this.#forget) forget();
    if (this.#stream !== undefined) this.#client.detach(this.#stream).catch(() => undefined);
    this.#terminal.dispose();
  }
}
