// One client of QMP: greeting, negotiation, commands in order and out of band, events.
import { messageOf } from '../errors.js';
import { firstFault } from '../monitor/validation.js';
import { version } from '../version.js';
import { type Arguments, type CommandName, commands, type EventName, isCommandName, type Returns } from './commands.js';
import { QmpError } from './errors.js';
import { qmpSchema } from './introspection.js';
import { JsonSplitter } from './json-splitter.js';

/** The version of QEMU whose protocol this is. */
export const protocolLevel = { major: 7, minor: 2, micro: 0 } as const;
/** Commands that may wait for their turn before the client is made to wait. */
const largestQueue = 8;

type Own = 'qmp_capabilities' | 'query-version' | 'query-commands' | 'query-qmp-schema';
/** The machine, as far as QMP asks it. */
export type QmpTarget = {
  readonly [N in Exclude<CommandName, Own>]: (args: Arguments<N>) => Returns<N> | Promise<Returns<N>>;
};

export interface QmpOutput {
  send(text: string): void;
  /** Nothing is to be read from the client until resume(). */
  pause(): void;
  resume(): void;
  close(): void;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Command {
  readonly name: CommandName;
  readonly args: unknown;
  readonly id: unknown;
}

export class QmpSession {
  readonly #target: QmpTarget;
  readonly #output: QmpOutput;
  readonly #splitter = new JsonSplitter();
  #negotiated = false;
  #oob = false;
  /** What is to be answered in order, refusals among it. */
  #queue: (() => Promise<void>)[] = [];
  #busy = false;
  #paused = false;
  #closed = false;

  constructor(target: QmpTarget, output: QmpOutput) {
    this.#target = target;
    this.#output = output;
    this.#send({ QMP: { version: describeVersion(), capabilities: ['oob'] } });
  }

  push(data: Buffer): void {
    if (this.#closed) return;
    for (const piece of this.#splitter.push(data)) {
      if (piece.kind === 'object') {
        this.#onText(piece.text);
      } else {
        this.#fail(undefined, new QmpError('GenericError', 'JSON parse error, expecting an object'));
        if (piece.kind !== 'overflow') continue;
        this.close();
        this.#output.close();
      }
    }
  }

  event(name: EventName, data: object, time = Date.now()): void {
    if (!this.#negotiated || this.#closed) return;
    const timestamp = { seconds: Math.floor(time / 1000), microseconds: (time % 1000) * 1000 };
    this.#send({ event: name, ...(Object.keys(data).length > 0 && { data }), timestamp });
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
  }

  #onText(text: string): void {
    let id: unknown;
    let isOob = false;
    let answer: () => Promise<void>;
    try {
      const request = parse(text);
      id = request.id;
      isOob = 'exec-oob' in request;
      const command = this.#read(request, isOob);
      answer = () => this.#execute(command);
    } catch (error) {
      answer = async () => this.#fail(id, error);
    }
    if (isOob) {
      void answer();
      return;
    }
    this.#queue.push(answer);
    if (this.#queue.length >= largestQueue && !this.#paused) {
      this.#paused = true;
      this.#output.pause();
    }
    void this.#work();
  }

  /** Checks all there is to check before anything happens. */
  #read(request: Record<string, unknown>, oob: boolean): Command {
    for (const key of Object.keys(request)) {
      if (!['execute', 'exec-oob', 'arguments', 'id'].includes(key)) {
        throw new QmpError('GenericError', `QMP input member '${key}' is unexpected`);
      }
    }
    if (oob === 'execute' in request) {
      throw new QmpError('GenericError', "QMP input lacks member 'execute', or has 'exec-oob' besides it");
    }
    const name = oob ? request['exec-oob'] : request.execute;
    if (typeof name !== 'string') throw new QmpError('GenericError', "QMP input member 'execute' must be a string");
    if (!this.#negotiated && name !== 'qmp_capabilities') {
      throw new QmpError('CommandNotFound', "Expecting capabilities negotiation with 'qmp_capabilities'");
    }
    if (!isCommandName(name) || (this.#negotiated && name === 'qmp_capabilities')) {
      throw new QmpError('CommandNotFound', `The command ${name.slice(0, 100)} has not been found`);
    }
    if (oob && !this.#oob) throw new QmpError('GenericError', 'Out-of-band capability was not enabled');
    if (oob && !commands[name].oob) throw new QmpError('GenericError', `The command ${name} does not support OOB`);
    const args = request.arguments ?? {};
    if (!isObject(args)) throw new QmpError('GenericError', "QMP input member 'arguments' must be an object");
    const fault = firstFault(commands[name].arguments, args);
    if (fault !== undefined) throw new QmpError('GenericError', `Parameter ${fault}`);
    return { name, args, id: request.id };
  }

  /** One after the other. */
  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      await next();
      if (this.#paused && this.#queue.length < largestQueue) {
        this.#paused = false;
        this.#output.resume();
      }
    }
    this.#busy = false;
  }

  async #execute({ name, args, id }: Command): Promise<void> {
    try {
      const result = await this.#run(name, args);
      if (!this.#closed) this.#send({ return: result, ...(id !== undefined && { id }) });
    } catch (error) {
      this.#fail(id, error);
    }
  }

  #run(name: CommandName, args: unknown): unknown {
    switch (name) {
      case 'qmp_capabilities': {
        this.#oob = (args as Arguments<'qmp_capabilities'>).enable?.includes('oob') ?? false;
        this.#negotiated = true;
        return {};
      }
      case 'query-version':
        return describeVersion();
      case 'query-commands':
        return Object.keys(commands).map((command) => ({ name: command }));
      case 'query-qmp-schema':
        return qmpSchema();
      default:
        return this.#target[name](args as never);
    }
  }

  #fail(id: unknown, error: unknown): void {
    if (this.#closed) return;
    const errorClass = error instanceof QmpError ? error.errorClass : 'GenericError';
    this.#send({ error: { class: errorClass, desc: messageOf(error) }, ...(id !== undefined && { id }) });
  }

  #send(message: object): void {
    this.#output.send(`${JSON.stringify(message)}\r\n`);
  }
}

function describeVersion(): Returns<'query-version'> {
  return { qemu: protocolLevel, package: `beeline-${version()}` };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Told below.
  }
  throw new QmpError('GenericError', 'JSON parse error, invalid object');
}
