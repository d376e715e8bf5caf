// QMP on sockets, for any number of clients, or on standard input and output for one.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { BeelineError, messageOf } from '../errors.js';
import type { EventName } from './commands.js';
import type { QmpHost } from './host.js';
import { QmpSession, type QmpTarget } from './session.js';
import { createQmpTarget } from './target.js';

const largestClients = 64;
/** Answers and events that a client may leave unread, in bytes. */
const largestBacklog = 4 * 1024 * 1024;

export type QmpAddress =
  | { readonly kind: 'stdio' }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export class QmpServer {
  readonly #target: QmpTarget;
  readonly #servers: Server[] = [];
  readonly #sessions = new Set<QmpSession>();
  readonly #clients = new Set<Socket>();
  #usesStdio = false;

  constructor(host: QmpHost) {
    this.#target = createQmpTarget(host, (name, data) => this.event(name, data));
  }

  /** Throws BEELINE_E_LISTEN. A Unix socket is its owner's alone. */
  async listen(address: QmpAddress): Promise<void> {
    if (address.kind === 'stdio') {
      this.#usesStdio = true;
      this.#serve(process.stdin, process.stdout, () => undefined);
      return;
    }
    const server = createServer((socket) => this.#connected(socket));
    this.#servers.push(server);
    const name = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(new BeelineError('BEELINE_E_LISTEN', { address: name, detail: messageOf(error) }, error)),
      );
      if (address.kind === 'tcp') {
        server.listen(address.port, address.host, resolve);
        return;
      }
      rmSync(address.path, { force: true });
      server.listen(address.path, () => {
        chmodSync(address.path, 0o600);
        resolve();
      });
    });
  }

  #connected(socket: Socket): void {
    if (this.#clients.size >= largestClients) {
      socket.destroy();
      return;
    }
    this.#clients.add(socket);
    const session = this.#serve(socket, socket, () => socket.destroySoon());
    socket.on('close', () => {
      session.close();
      this.#sessions.delete(session);
      this.#clients.delete(socket);
    });
  }

  #serve(input: Readable, output: Writable, close: () => void): QmpSession {
    const session = new QmpSession(this.#target, {
      send: (text) => {
        if (output.destroyed) return;
        // A client that reads nothing loses its connection, not the guest its memory.
        if (output.writableLength > largestBacklog) output.destroy();
        else output.write(text);
      },
      pause: () => input.pause(),
      resume: () => input.resume(),
      close,
    });
    this.#sessions.add(session);
    input.on('data', (data: Buffer) => session.push(data));
    input.on('error', () => input.destroy());
    return session;
  }

  /** Memory into a file, as a client's dump-guest-memory would do it. */
  async dump(path: string): Promise<void> {
    await this.#target['dump-guest-memory']({ paging: false, protocol: `file:${path}` });
  }

  event(name: EventName, data: object): void {
    for (const session of this.#sessions) session.event(name, data);
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#clients) socket.destroySoon();
    for (const session of this.#sessions) session.close();
    if (this.#usesStdio) process.stdin.pause();
  }
}
