// Where the guest's serial port leads, but for what a terminal needs.
import { chmodSync, closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { BeelineError, messageOf } from '../errors.js';
import type { SerialTarget } from './parse.js';

export interface SerialOutput {
  write(data: Uint8Array): void;
  close(): void;
}

class SerialFile implements SerialOutput {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  write(data: Uint8Array): void {
    for (let done = 0; done < data.length; ) done += writeSync(this.#file, data, done);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** What whoever is connected may leave unread, in bytes; what comes then is lost, and the guest goes on. */
const largestBacklog = 4 * 1024 * 1024;

/** One peer at a time. While there is none, output is lost; a peer that goes away stops nothing. */
class SerialSocket implements SerialOutput {
  readonly #input: (data: Uint8Array) => void;
  readonly #server: Server | undefined;
  #peer: Socket | undefined;

  constructor(input: (data: Uint8Array) => void, isServer: boolean) {
    this.#input = input;
    if (!isServer) return;
    this.#server = createServer((socket) => {
      if (this.#peer === undefined) this.#join(socket);
      else socket.destroy();
    });
  }

  #join(socket: Socket): void {
    this.#peer = socket;
    socket.on('data', this.#input);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#peer = undefined;
    });
  }

  /** Throws BEELINE_E_SERIAL or BEELINE_E_LISTEN. */
  async open(path: string): Promise<void> {
    const server = this.#server;
    const code = server === undefined ? 'BEELINE_E_SERIAL' : 'BEELINE_E_LISTEN';
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error) =>
        reject(new BeelineError(code, { address: path, path, detail: messageOf(error) }, error));
      if (server === undefined) {
        const socket = createConnection(path);
        socket.once('error', failed);
        socket.once('connect', () => {
          socket.off('error', failed);
          this.#join(socket);
          resolve();
        });
        return;
      }
      rmSync(path, { force: true });
      server.once('error', failed);
      server.listen(path, () => {
        chmodSync(path, 0o600);
        resolve();
      });
    });
  }

  write(data: Uint8Array): void {
    const peer = this.#peer;
    if (peer !== undefined && peer.writableLength <= largestBacklog) peer.write(Buffer.from(data));
  }

  close(): void {
    this.#server?.close();
    this.#peer?.destroySoon();
  }
}

/** `input` takes what comes from a socket. Standard input is somebody else's. */
export async function openSerial(target: SerialTarget, input: (data: Uint8Array) => void): Promise<SerialOutput> {
  switch (target.kind) {
    case 'file':
      return new SerialFile(target.path);
    case 'unix': {
      const socket = new SerialSocket(input, target.server);
      await socket.open(target.path);
      return socket;
    }
    case 'stdio':
      return { write: (data) => void process.stdout.write(data), close: () => undefined };
    case 'none':
      return { write: () => undefined, close: () => undefined };
  }
}
