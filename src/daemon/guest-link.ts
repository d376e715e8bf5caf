// The daemon's connection to a guest's process.
import { createConnection } from 'node:net';
import type { Static } from '@sinclair/typebox';
import { BeelineError } from '../errors.js';
import { firstFault } from '../monitor/validation.js';
import { type GuestMethod, type GuestNotice, guestMethods, guestNotices } from './guest/protocol.js';
import { LineRpc } from './line-rpc.js';

export interface GuestLinkEvents {
  onNotice(notice: GuestNotice): void;
  onClose(): void;
}

/** A process that does not answer within this time is taken for stuck, in milliseconds. */
const answerLimit = 20_000;

export type GuestParams<M extends GuestMethod> = Static<(typeof guestMethods)[M]['params']>;
type GuestResult<M extends GuestMethod> = Static<(typeof guestMethods)[M]['result']>;

export class GuestLink {
  readonly #rpc: LineRpc;
  readonly #vm: string;

  private constructor(rpc: LineRpc, vm: string) {
    this.#rpc = rpc;
    this.#vm = vm;
  }

  /** Rejects with the system's error when nobody listens there. */
  static open(path: string, vm: string, events: GuestLinkEvents): Promise<GuestLink> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        const rpc = new LineRpc(socket, {
          onRequest: (method) => {
            throw new BeelineError('BEELINE_E_METHOD_UNKNOWN', { method });
          },
          onNotification: (method) => {
            const notice = guestNotices.find((candidate) => candidate === method);
            if (notice !== undefined) events.onNotice(notice);
          },
          onClose: () => events.onClose(),
        });
        resolve(new GuestLink(rpc, vm));
      });
    });
  }

  /** Rejects with what the process refuses, or BEELINE_E_VM_PROCESS when it is gone, stuck, or talks nonsense. */
  async request<M extends GuestMethod>(
    method: M,
    params: GuestParams<M>,
    limit = answerLimit,
  ): Promise<GuestResult<M>> {
    const failed = (detail: string, cause?: unknown) =>
      new BeelineError('BEELINE_E_VM_PROCESS', { vm: this.#vm, detail }, cause);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(failed(`no answer within ${limit / 1000} s`)), limit);
    });
    try {
      const result = await Promise.race([this.#rpc.request(method, params), late]);
      const fault = firstFault(guestMethods[method].result, result);
      if (fault !== undefined) throw failed(`its answer to ${method} is malformed (${fault})`);
      return result as GuestResult<M>;
    } catch (error) {
      if (error instanceof BeelineError && error.code === 'BEELINE_E_CONNECTION_LOST')
        throw failed('it is gone', error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#rpc.close();
  }
}
