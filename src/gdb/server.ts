// The socket that gdb connects to: "target remote". One gdb at a time; another one is turned away at once.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { BeelineError, messageOf } from '../errors.js';
import type { MachineDebugger } from '../vm/debugger.js';
import { GdbSession } from './session.js';

export type GdbAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export function describeGdbAddress(address: GdbAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `tcp:${host}:${address.port}`;
}

/** What a gdb that does not read may leave waiting, in bytes. */
const mostUnsent = 4 * 1024 * 1024;

export class GdbServer {
  readonly #debugger: MachineDebugger;
  readonly #server: Server;
  #socket: Socket | undefined;
  #session: GdbSession | undefined;

  constructor(machineDebugger: MachineDebugger) {
    this.#debugger = machineDebugger;
    this.#server = createServer((socket) => this.#connected(socket));
  }

  /** The address in use: the port chosen where 0 was given. */
  listen(address: GdbAddress): Promise<GdbAddress> {
    if (address.kind === 'unix') rmSync(address.path, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        const details = { address: describeGdbAddress(address), detail: messageOf(error) };
        reject(new BeelineError('BEELINE_E_LISTEN', details, error));
      });
      if (address.kind === 'unix') {
        this.#server.listen(address.path, () => {
          chmodSync(address.path, 0o600);
          resolve(address);
        });
        return;
      }
      this.#server.listen(address.port, address.host, () => {
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound !== null ? { ...address, port: bound.port } : address);
      });
    });
  }

  #connected(socket: Socket): void {
    if (this.#session !== undefined) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const session = new GdbSession(this.#debugger, {
      send: (data) => {
        socket.write(data);
        if (socket.writableLength > mostUnsent) socket.destroy();
      },
      close: () => socket.end(),
    });
    this.#socket = socket;
    this.#session = session;
    socket.on('data', (bytes: Buffer) => session.push(bytes));
    // What becomes of the connection, 'close' tells.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      session.end();
      this.#session = undefined;
      this.#socket = undefined;
    });
  }

  /** The guest has ended with this status. */
  close(status: number): void {
    this.#server.close();
    this.#session?.exited(status);
    this.#socket?.end();
  }
}
