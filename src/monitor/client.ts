// A client of the monitor, typed by its declarations, apart from any transport.
import { BeelineError } from '../errors.js';
import { type Frame, FrameKind, readFrame, writeFrame } from './frames.js';
import { errorFrom, readMessage, writeRequest } from './json-rpc.js';
import type { MethodName, NoticeName, NoticeParams, Params, Result } from './protocol.js';

/** An open connection; texts and binary messages. */
export interface Transport {
  send(data: string | Uint8Array): void;
  close(): void;
  /** Set by the client. */
  onText: (text: string) => void;
  onBinary: (data: Uint8Array) => void;
  /** Once, after the last message; `reason` in a few words. */
  onClose: (reason: string) => void;
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: BeelineError) => void;
}

export class MonitorClient {
  readonly #transport: Transport;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<string, Set<(params: never) => void>>();
  readonly #frames = new Map<number, (frame: Frame) => void>();
  /** Frames of streams whose attach has been answered, but whose caller has not come back yet. */
  readonly #early = new Map<number, Frame[]>();
  readonly #closed: Promise<string>;
  #closeReason: string | undefined;
  #lastId = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
    transport.onText = (text) => this.#onText(text);
    transport.onBinary = (data) => this.#onBinary(data);
    this.#closed = new Promise((resolve) => {
      transport.onClose = (reason) => {
        this.#closeReason = reason;
        const error = new BeelineError('BEELINE_E_CONNECTION_LOST', { detail: reason });
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
        resolve(reason);
      };
    });
  }

  /** Resolves with the reason when the connection has ended. */
  get closed(): Promise<string> {
    return this.#closed;
  }

  /** Rejects with the BeelineError that the daemon answered, or BEELINE_E_CONNECTION_LOST. */
  call<N extends MethodName>(method: N, params: Params<N>): Promise<Result<N>> {
    if (this.#closeReason !== undefined) {
      return Promise.reject(new BeelineError('BEELINE_E_CONNECTION_LOST', { detail: this.#closeReason }));
    }
    const id = ++this.#lastId;
    return new Promise<Result<N>>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#transport.send(writeRequest(id, method, params));
    });
  }

  /** Calls `listener` for each notice of that name; returns what ends that. */
  on<N extends NoticeName>(name: N, listener: (params: NoticeParams<N>) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener as (params: never) => void);
    return () => listeners.delete(listener as (params: never) => void);
  }

  /** Attaches to a console; `output` gets its bytes in order. */
  async attach(
    params: Params<'console.attach'>,
    output: (bytes: Uint8Array, offset: number) => void,
  ): Promise<Result<'console.attach'>> {
    const result = await this.call('console.attach', params);
    const take = (frame: Frame) => output(frame.bytes, frame.offset);
    this.#frames.set(result.stream, take);
    for (const frame of this.#early.get(result.stream) ?? []) take(frame);
    this.#early.delete(result.stream);
    return result;
  }

  async detach(stream: number): Promise<void> {
    this.#frames.set(stream, () => undefined);
    await this.call('console.detach', { stream });
  }

  /** Types to an attached console, in order with earlier calls; what cannot be delivered is told by nobody. */
  type(stream: number, bytes: Uint8Array): void {
    if (this.#closeReason !== undefined) return;
    this.#transport.send(writeFrame({ kind: FrameKind.input, stream, offset: 0, bytes }));
  }

  close(): void {
    this.#transport.close();
  }

  #onText(text: string): void {
    for (const message of readMessage(text).messages) {
      if (message.kind === 'notification') {
        for (const listener of this.#listeners.get(message.method) ?? []) listener(message.params as never);
      } else if (message.kind === 'result' || message.kind === 'error') {
        const id = Number(message.id);
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        if (message.kind === 'result') waiting?.resolve(message.result as never);
        else waiting?.reject(errorFrom(message.error));
      }
    }
  }

  #onBinary(data: Uint8Array): void {
    const frame = readFrame(data);
    if (frame?.kind !== FrameKind.output) return;
    const take = this.#frames.get(frame.stream);
    if (take !== undefined) take(frame);
    else this.#early.set(frame.stream, [...(this.#early.get(frame.stream) ?? []), frame]);
  }
}
