// JSON-RPC over a stream, a message a line: what the daemon and the processes of guests speak with each other.
import type { Socket } from 'node:net';
import { BeelineError, messageOf } from '../errors.js';
import {
  errorFrom,
  readMessage,
  writeError,
  writeNotification,
  writeRequest,
  writeResult,
} from '../monitor/json-rpc.js';

/** Longer lines are refused: nothing that we send comes near. */
const longestLine = 1024 * 1024;

export interface LineRpcHandlers {
  /** Answers a request. What it throws is answered as an error. */
  onRequest(method: string, params: unknown): unknown;
  onNotification(method: string, params: unknown): void;
  /** Once. */
  onClose(): void;
}

export class LineRpc {
  readonly #socket: Socket;
  readonly #handlers: LineRpcHandlers;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: BeelineError): void }>();
  #lastId = 0;
  #pieces: Buffer[] = [];
  #pending = 0;
  #closed = false;

  constructor(socket: Socket, handlers: LineRpcHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.on('data', (data: Buffer) => this.#onData(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the other side reads slowly: what can wait should. */
  get isBusy(): boolean {
    return this.#socket.writableNeedDrain;
  }

  onceIdle(callback: () => void): void {
    this.#socket.once('drain', callback);
  }

  /** Rejects with what the other side answered, or when the connection ends first. */
  request(method: string, params: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new BeelineError('BEELINE_E_CONNECTION_LOST', { detail: 'it has ended' }));
        return;
      }
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${writeRequest(id, method, params)}\n`);
    });
  }

  notify(method: string, params: unknown): void {
    if (!this.#closed) this.#socket.write(`${writeNotification(method, params)}\n`);
  }

  close(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #onClose(): void {
    this.#closed = true;
    const error = new BeelineError('BEELINE_E_CONNECTION_LOST', { detail: 'it has ended' });
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#handlers.onClose();
  }

  #onData(data: Buffer): void {
    let rest = data;
    for (let cut = rest.indexOf(0x0a); cut >= 0; cut = rest.indexOf(0x0a)) {
      const line = Buffer.concat([...this.#pieces, rest.subarray(0, cut)]).toString();
      this.#pieces = [];
      this.#pending = 0;
      rest = rest.subarray(cut + 1);
      void this.#onLine(line);
    }
    if (rest.length === 0) return;
    this.#pieces.push(rest);
    this.#pending += rest.length;
    if (this.#pending > longestLine) this.#socket.destroy();
  }

  async #onLine(line: string): Promise<void> {
    const message = readMessage(line).messages[0];
    switch (message?.kind) {
      case 'request': {
        const answer = await this.#answer(message.id, message.method, message.params);
        if (!this.#closed) this.#socket.write(`${answer}\n`);
        break;
      }
      case 'notification':
        this.#handlers.onNotification(message.method, message.params);
        break;
      case 'result':
      case 'error': {
        const waiting = this.#waiting.get(Number(message.id));
        this.#waiting.delete(Number(message.id));
        if (message.kind === 'result') waiting?.resolve(message.result);
        else waiting?.reject(errorFrom(message.error));
        break;
      }
      default:
        this.#socket.destroy();
    }
  }

  async #answer(id: string | number | null, method: string, params: unknown): Promise<string> {
    try {
      return writeResult(id, (await this.#handlers.onRequest(method, params)) ?? {});
    } catch (error) {
      const known =
        error instanceof BeelineError
          ? error
          : new BeelineError('BEELINE_E_INTERNAL', { detail: messageOf(error) }, error);
      return writeError(id, known);
    }
  }
}
