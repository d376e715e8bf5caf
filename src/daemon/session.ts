// One client's connection: who it is, what it may do, what it asks, what it follows.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { BeelineError, messageOf } from '../errors.js';
import { includesRole, type Role } from '../monitor/declare.js';
import { FrameKind, readFrame } from '../monitor/frames.js';
import { type Incoming, readMessage, writeError, writeNotification, writeResult } from '../monitor/json-rpc.js';
import { isMethodName, type MethodName, methods } from '../monitor/protocol.js';
import { firstFault } from '../monitor/validation.js';
import type { DaemonLog } from './daemon-log.js';
import { TokenBucket } from './rate.js';
import { ConsoleStream, type Outgoing, type Stream } from './streams.js';

/** Streams are not asked for more while so much waits to be read, in bytes. */
const highWater = 256 * 1024;
/** Answers are sent whatever waits; who asks that much without reading is dropped. */
const hardLimit = 8 * 1024 * 1024;
const largestPending = 64;
const largestStreams = 256;
/** Seconds to show a token. */
const authenticationLimit = 10;
/** Seconds between pings; who has not answered by the next is gone. */
const pingInterval = 30;
const farewell = 2000;

export const closeStatus = { slow: 4008, unauthorized: 4001, flood: 4029, stopping: 1001 } as const;

export interface SessionLimits {
  readonly rate: number;
  readonly patience: number;
}

/** Answers a method; runs only for who may call it, with parameters that fit. */
export type Answer = (method: MethodName, params: never, session: Session) => unknown;

export interface SessionOptions {
  readonly id: number;
  readonly from: string;
  /** undefined: it has to authenticate first. */
  readonly role: Role | undefined;
  readonly limits: SessionLimits;
  readonly log: DaemonLog;
  readonly answer: Answer;
  /** Role of a token; undefined when it is wrong. */
  readonly authenticate: (token: string) => Role | undefined;
  readonly onClose: () => void;
}

export class Session {
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  readonly #options: SessionOptions;
  readonly #bucket: TokenBucket;
  readonly #streams = new Map<number, Stream>();
  readonly #connectedAt = new Date().toISOString();
  readonly #timers: NodeJS.Timeout[] = [];
  #role: Role | undefined;
  #lastStream = 0;
  #pending = 0;
  /** Messages refused for their number, less those that were not. */
  #refused = 0;
  #received = 0;
  #sent = 0;
  #sentBytes = 0;
  #deliveredBytes = 0;
  #progressAt = performance.now();
  #answersPing = true;
  #pumpScheduled = false;
  /** Streams whose numbers the client does not know yet. */
  readonly #held = new Set<number>();

  constructor(socket: WebSocket, stream: Socket, options: SessionOptions) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    this.#role = options.role;
    this.#bucket = new TokenBucket(options.limits.rate);
    socket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    socket.on('pong', () => {
      this.#answersPing = true;
    });
    socket.on('error', (error) => this.#log('warn', `connection refused further service: ${error.message}`));
    socket.on('close', () => this.#onClose());
    stream.on('drain', this.#wake);
    this.#timers.push(
      setInterval(() => this.#watch(), 1000),
      setInterval(() => this.#ping(), pingInterval * 1000),
    );
    if (this.#role === undefined) {
      this.#timers.push(setTimeout(() => this.#expectToken(), authenticationLimit * 1000));
    }
  }

  get role(): Role {
    return this.#role ?? 'view';
  }

  describe() {
    return {
      id: this.#options.id,
      role: this.role,
      from: this.#options.from,
      connectedAt: this.#connectedAt,
      received: this.#received,
      sent: this.#sent,
      bufferedBytes: this.#socket.bufferedAmount,
    };
  }

  /** What waits is sent first. */
  close(status: number, reason: string): void {
    this.#pump();
    this.#socket.close(status, reason);
    setTimeout(() => this.#socket.terminate(), farewell).unref();
  }

  // ---- Streams ------------------------------------------------------------------------------------------------------

  /** Throws BEELINE_E_STREAM_LIMIT. The stream begins once the current request has been answered. */
  addStream(make: (number: number, wake: () => void) => Stream): number {
    if (!this.#isOpen) throw new BeelineError('BEELINE_E_CONNECTION_LOST', { detail: 'the client has gone' });
    if (this.#streams.size >= largestStreams) {
      throw new BeelineError('BEELINE_E_STREAM_LIMIT', { limit: largestStreams });
    }
    const number = ++this.#lastStream;
    this.#streams.set(number, make(number, this.#wake));
    this.#held.add(number);
    return number;
  }

  removeStream(kind: Stream['kind'], number: number): void {
    const stream = this.#streams.get(number);
    if (stream?.kind !== kind) throw new BeelineError('BEELINE_E_STREAM_UNKNOWN', { kind, number });
    this.#streams.delete(number);
    this.#held.delete(number);
    stream.close();
  }

  readonly #wake = () => {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(() => this.#pump());
  };

  /** One step of each stream in turn, as long as the client keeps up. */
  #pump(): void {
    this.#pumpScheduled = false;
    let busy = true;
    while (busy && this.#isOpen) {
      busy = false;
      for (const [number, stream] of this.#streams) {
        if (this.#held.has(number)) continue;
        if (this.#socket.bufferedAmount >= highWater) return;
        const messages = stream.next();
        for (const message of messages) this.#sendOutgoing(message);
        busy ||= messages.length > 0;
      }
    }
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #sendOutgoing(message: Outgoing): void {
    if (message.kind === 'binary') this.#send(message.data);
    else this.#send(writeNotification(message.method, message.params));
  }

  #send(data: string | Uint8Array): void {
    if (!this.#isOpen) return;
    this.#sent++;
    this.#sentBytes += data.length;
    this.#socket.send(data, this.#wakeIfStreams);
    if (this.#socket.bufferedAmount <= hardLimit) return;
    this.#log('warn', 'dropped: it asks without reading the answers');
    this.#socket.terminate();
  }

  readonly #wakeIfStreams = () => {
    if (this.#streams.size > 0) this.#wake();
  };

  // ---- Watching -----------------------------------------------------------------------------------------------------

  /** A client that takes nothing of what waits for it is told and dropped. */
  #watch(): void {
    const buffered = this.#socket.bufferedAmount;
    const delivered = this.#sentBytes - buffered;
    const now = performance.now();
    if (buffered === 0 || delivered > this.#deliveredBytes) this.#progressAt = now;
    this.#deliveredBytes = delivered;
    const seconds = (now - this.#progressAt) / 1000;
    if (seconds < this.#options.limits.patience || !this.#isOpen) return;
    this.#log('warn', `dropped: it has read nothing for ${Math.round(seconds)} s`);
    this.#send(writeNotification('monitor.slow', { bufferedBytes: buffered, seconds }));
    this.close(closeStatus.slow, 'too slow');
  }

  #ping(): void {
    if (!this.#answersPing) {
      this.#log('warn', 'dropped: it does not answer');
      this.#socket.terminate();
      return;
    }
    this.#answersPing = false;
    if (this.#isOpen) this.#socket.ping();
  }

  #expectToken(): void {
    if (this.#role !== undefined) return;
    this.#log('warn', 'dropped: it has shown no token');
    this.close(closeStatus.unauthorized, 'no token');
  }

  // ---- Requests -----------------------------------------------------------------------------------------------------

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#received++;
    if (!this.#bucket.take()) {
      this.#refuseFlood(data, isBinary);
      return;
    }
    this.#refused = Math.max(0, this.#refused - 1);
    if (isBinary) this.#onFrame(data);
    else void this.#onText(data.toString());
  }

  #refuseFlood(data: Buffer, isBinary: boolean): void {
    const { rate } = this.#options.limits;
    if (++this.#refused > 10 * rate) {
      this.#log('warn', 'dropped: it floods');
      this.close(closeStatus.flood, 'too many messages');
      return;
    }
    const { batch, messages } = isBinary ? { batch: false, messages: [undefined] } : readMessage(data.toString());
    const replies = messages.flatMap((message) => this.#refuseHasty(message) ?? []);
    if (replies.length > 0) this.#send(batch ? `[${replies.join(',')}]` : replies.join());
  }

  /** Notifications have no answer, not this one either. */
  #refuseHasty(message: Incoming | undefined): string | undefined {
    if (message?.kind === 'notification') return undefined;
    const error = new BeelineError('BEELINE_E_RATE', { limit: this.#options.limits.rate });
    return writeError(message !== undefined && 'id' in message ? message.id : null, error);
  }

  #onFrame(data: Buffer): void {
    const frame = readFrame(data);
    const stream = frame === undefined ? undefined : this.#streams.get(frame.stream);
    if (frame?.kind !== FrameKind.input || !(stream instanceof ConsoleStream)) {
      this.#send(writeError(null, new BeelineError('BEELINE_E_MESSAGE', { detail: 'no such binary frame is known' })));
      return;
    }
    if (!this.#may('control')) {
      this.#send(writeError(null, new BeelineError('BEELINE_E_FORBIDDEN', { action: 'typing', role: 'control' })));
      return;
    }
    stream.vm.write(frame.bytes).catch((error: unknown) => this.#send(writeError(null, this.#known(error))));
  }

  async #onText(text: string): Promise<void> {
    const { batch, messages } = readMessage(text);
    if (!batch) {
      const message = messages[0];
      const reply = message === undefined ? undefined : await this.#reply(message);
      if (reply !== undefined) this.#send(reply);
    } else {
      const replies: string[] = [];
      for (const [index, message] of messages.entries()) {
        // The first has been counted as the message that it came in.
        const reply = index === 0 || this.#bucket.take() ? await this.#reply(message) : this.#refuseHasty(message);
        if (reply !== undefined) replies.push(reply);
      }
      if (replies.length > 0) this.#send(`[${replies.join(',')}]`);
    }
    if (this.#held.size === 0) return;
    this.#held.clear();
    this.#wake();
  }

  /** What to send back; undefined for notifications. */
  async #reply(message: Incoming): Promise<string | undefined> {
    switch (message.kind) {
      case 'request':
        try {
          return writeResult(message.id, await this.#call(message.method, message.params));
        } catch (error) {
          return writeError(message.id, this.#known(error));
        }
      case 'notification':
        await this.#call(message.method, message.params).catch(() => undefined);
        return undefined;
      case 'invalid':
        return writeError(message.id, new BeelineError('BEELINE_E_MESSAGE', { detail: message.detail }));
      default:
        return writeError(message.id, new BeelineError('BEELINE_E_MESSAGE', { detail: 'nothing was asked of you' }));
    }
  }

  async #call(method: string, params: unknown): Promise<unknown> {
    const declaration = methods.get(method);
    if (declaration === undefined || !isMethodName(method)) {
      throw new BeelineError('BEELINE_E_METHOD_UNKNOWN', { method: method.slice(0, 100) });
    }
    if (this.#role === undefined && method !== 'monitor.authenticate') throw new BeelineError('BEELINE_E_UNAUTHORIZED');
    if (!this.#may(declaration.role)) {
      throw new BeelineError('BEELINE_E_FORBIDDEN', { action: method, role: declaration.role });
    }
    const fault = firstFault(declaration.params, params);
    if (fault !== undefined) throw new BeelineError('BEELINE_E_PARAMS', { method, detail: fault });
    if (method === 'monitor.authenticate') return this.#authenticate((params as { token: string }).token);
    if (this.#pending >= largestPending) throw new BeelineError('BEELINE_E_RATE', { limit: largestPending });
    this.#pending++;
    try {
      return (await this.#options.answer(method, params as never, this)) ?? {};
    } finally {
      this.#pending--;
    }
  }

  #may(needed: Role): boolean {
    return needed === 'view' || includesRole(this.role, needed);
  }

  #authenticate(token: string): { role: Role } {
    const role = this.#options.authenticate(token);
    if (role === undefined) {
      this.#log('warn', 'a wrong token was shown');
      if (this.#role === undefined) setImmediate(() => this.close(closeStatus.unauthorized, 'wrong token'));
      throw new BeelineError('BEELINE_E_UNAUTHORIZED');
    }
    this.#role = role;
    return { role };
  }

  #known(error: unknown): BeelineError {
    if (error instanceof BeelineError) return error;
    this.#options.log.error({ err: error, client: this.#options.id }, 'a method failed');
    return new BeelineError('BEELINE_E_INTERNAL', { detail: messageOf(error) }, error);
  }

  #log(level: 'info' | 'warn', message: string): void {
    const { id, from } = this.#options;
    this.#options.log[level]({ client: id, from }, message);
  }

  #onClose(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stream.off('drain', this.#wake);
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
    this.#options.onClose();
  }
}
