// The escape key of the serial console: Ctrl-A, then x, c, s, ? or Ctrl-A.

const ctrlA = 0x01;

export type EscapeAction = 'quit' | 'resume' | 'save' | 'help';

export interface EscapeKeysEvents {
  onData(data: Uint8Array): void;
  onAction(action: EscapeAction): void;
}

export const escapeHelp = [
  'Ctrl-A x       quit Beeline',
  'Ctrl-A c       continue a guest that has paused',
  'Ctrl-A s       save the guest to the file of --snapshot-save and go on',
  'Ctrl-A ?       show this help',
  'Ctrl-A Ctrl-A  send Ctrl-A to the guest',
];

const actions: Readonly<Record<string, EscapeAction>> = { x: 'quit', c: 'resume', s: 'save', '?': 'help', h: 'help' };

/** Separates what is meant for the guest from what is meant for us. An unknown key after Ctrl-A is dropped. */
export class EscapeKeys {
  readonly #events: EscapeKeysEvents;
  #pending = false;

  constructor(events: EscapeKeysEvents) {
    this.#events = events;
  }

  push(bytes: Uint8Array): void {
    let plain: number[] = [];
    const flush = () => {
      if (plain.length > 0) this.#events.onData(Uint8Array.from(plain));
      plain = [];
    };
    for (const byte of bytes) {
      if (!this.#pending) {
        if (byte === ctrlA) this.#pending = true;
        else plain.push(byte);
        continue;
      }
      this.#pending = false;
      if (byte === ctrlA) plain.push(ctrlA);
      const key = String.fromCharCode(byte).toLowerCase();
      const action = actions[key];
      if (action !== undefined) {
        flush();
        this.#events.onAction(action);
      }
    }
    flush();
  }
}
