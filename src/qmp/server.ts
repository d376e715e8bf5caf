// QMP on a Unix socket, for any number of clients.
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { BeelineError, messageOf } from '../errors.js';
import type { EventName } from './commands.js';
import { QmpSession, type QmpTarget } from './session.js';

const largestClients = 64;
/** Answers and events that a client may leave unread, in bytes. */
const largestBacklog = 4 * 1024 * 1024;

export class QmpServer {
  readonly #server: Server;
  readonly #clients = new Map<Socket, QmpSession>();

  constructor(target: QmpTarget) {
    this.#server = createServer((socket) => {
      if (this.#clients.size >= largestClients) socket.destroy();
      else this.#serve(socket, target);
    });
  }

  #serve(socket: Socket, target: QmpTarget): void {
    const session = new QmpSession(target, {
      send: (text) => {
        // A client that reads nothing loses its connection, not the guest its memory.
        if (socket.writableLength > largestBacklog) socket.destroy();
        else if (!socket.destroyed) socket.write(text);
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      close: () => socket.destroySoon(),
    });
    this.#clients.set(socket, session);
    socket.on('data', (data: Buffer) => session.push(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      session.close();
      this.#clients.delete(socket);
    });
  }

  /** The socket is accessible to its owner alone, since the folder around it is. Throws BEELINE_E_LISTEN. */
  listen(path: string): Promise<void> {
    rmSync(path, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) =>
        reject(new BeelineError('BEELINE_E_LISTEN', { address: path, detail: messageOf(error) }, error)),
      );
      this.#server.listen(path, resolve);
    });
  }

  event(name: EventName, data: object): void {
    for (const session of this.#clients.values()) session.event(name, data);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#clients.keys()) socket.destroySoon();
  }
}
