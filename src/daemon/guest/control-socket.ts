// The Unix socket of a guest's process: the daemon asks, the process answers and tells what is new.
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { BeelineError, messageOf } from '../../errors.js';
import { firstFault } from '../../monitor/validation.js';
import { LineRpc } from '../line-rpc.js';
import { type GuestMethod, type GuestNotice, guestMethods, guestNotices } from './protocol.js';

export type GuestHandlers = { readonly [M in GuestMethod]: (params: never) => unknown };

/** A notice that the other side has not read yet need not be sent again. */
class Listener {
  readonly rpc: LineRpc;
  readonly #waiting = new Set<GuestNotice>();

  constructor(rpc: LineRpc) {
    this.rpc = rpc;
  }

  tell(notice: GuestNotice): void {
    if (!this.rpc.isBusy) {
      this.rpc.notify(notice, {});
      return;
    }
    if (this.#waiting.size === 0) this.rpc.onceIdle(() => this.#tellWaiting());
    this.#waiting.add(notice);
  }

  #tellWaiting(): void {
    for (const notice of this.#waiting) this.rpc.notify(notice, {});
    this.#waiting.clear();
  }
}

export class ControlSocket {
  readonly #server: Server;
  readonly #listeners = new Set<Listener>();

  constructor(handlers: GuestHandlers) {
    this.#server = createServer((socket) => {
      const listener = new Listener(
        new LineRpc(socket, {
          onRequest: (method, params) => answer(handlers, method, params),
          onNotification: () => undefined,
          onClose: () => this.#listeners.delete(listener),
        }),
      );
      this.#listeners.add(listener);
      // It may have looked into the files, and something come since, before the connection was accepted.
      for (const notice of guestNotices) listener.tell(notice);
    });
  }

  /** The socket is accessible to its owner alone, since the folder around it is. */
  listen(path: string): Promise<void> {
    rmSync(path, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) =>
        reject(new BeelineError('BEELINE_E_LISTEN', { address: path, detail: messageOf(error) }, error)),
      );
      this.#server.listen(path, resolve);
    });
  }

  tell(notice: GuestNotice): void {
    for (const listener of this.#listeners) listener.tell(notice);
  }

  close(): void {
    this.#server.close();
    for (const { rpc } of this.#listeners) rpc.close();
  }
}

function answer(handlers: GuestHandlers, method: string, params: unknown): unknown {
  if (!Object.hasOwn(guestMethods, method)) throw new BeelineError('BEELINE_E_METHOD_UNKNOWN', { method });
  const name = method as GuestMethod;
  const fault = firstFault(guestMethods[name].params, params);
  if (fault !== undefined) throw new BeelineError('BEELINE_E_PARAMS', { method, detail: fault });
  return handlers[name](params as never);
}
