// JSON-RPC 2.0 apart from any transport: telling messages apart, and writing them.
import { BeelineError, type ErrorCode, errorTable, isErrorCode } from '../errors.js';

export type RequestId = string | number | null;

export type Incoming =
  | { readonly kind: 'request'; readonly id: RequestId; readonly method: string; readonly params: unknown }
  /** A request that wants no answer. */
  | { readonly kind: 'notification'; readonly method: string; readonly params: unknown }
  | { readonly kind: 'result'; readonly id: RequestId; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: RequestId; readonly error: RpcError }
  /** Something else; `id` is that of the request if it has one. */
  | { readonly kind: 'invalid'; readonly id: RequestId; readonly detail: string };

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: { readonly code: string; readonly details: Readonly<Record<string, string | number>> };
}

/** Longer texts as identifiers would be a way to make us send much for little. */
const longestId = 128;
const largestBatch = 64;

/** The numbers of JSON-RPC; every other error has its own, and `data.code` names the row of the table. */
const standardNumbers: Partial<Record<ErrorCode, number>> = {
  BEELINE_E_MESSAGE: -32600,
  BEELINE_E_METHOD_UNKNOWN: -32601,
  BEELINE_E_PARAMS: -32602,
  BEELINE_E_INTERNAL: -32603,
};

/** For errors of this implementation JSON-RPC reserves -32000 to -32099; they differ by `data.code`. */
const ownNumber = -32000;

export function errorNumber(code: ErrorCode): number {
  return standardNumbers[code] ?? ownNumber;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function idOf(value: Record<string, unknown>): RequestId | undefined {
  const { id } = value;
  if (typeof id === 'string') return id.length <= longestId ? id : undefined;
  if (typeof id === 'number') return Number.isFinite(id) ? id : undefined;
  return id === null ? null : undefined;
}

function readOne(value: unknown): Incoming {
  const invalid = (detail: string, id: RequestId = null): Incoming => ({ kind: 'invalid', id, detail });
  if (!isObject(value)) return invalid('it is not an object');
  const id = idOf(value);
  if (value.jsonrpc !== '2.0') return invalid('jsonrpc is not "2.0"', id);
  if ('id' in value && id === undefined)
    return invalid('id is neither a text of up to 128 characters, a number, nor null');
  if (typeof value.method === 'string') {
    const params = value.params ?? {};
    if (!isObject(params)) return invalid('params is not an object', id);
    if (id === undefined) return { kind: 'notification', method: value.method, params };
    return { kind: 'request', id, method: value.method, params };
  }
  if (id !== undefined && isObject(value.error)) {
    const { code, message, data } = value.error;
    if (typeof code !== 'number' || typeof message !== 'string') return invalid('error is malformed', id);
    if (!isObject(data) || typeof data.code !== 'string' || !isObject(data.details)) {
      return { kind: 'error', id, error: { code, message } };
    }
    const details = data.details as Record<string, string | number>;
    return { kind: 'error', id, error: { code, message, data: { code: data.code, details } } };
  }
  if (id !== undefined && 'result' in value) return { kind: 'result', id, result: value.result };
  return invalid('it has no method', id);
}

/** Reads a message, or a batch of them. */
export function readMessage(text: string): { readonly batch: boolean; readonly messages: readonly Incoming[] } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { batch: false, messages: [{ kind: 'invalid', id: null, detail: 'it is not JSON' }] };
  }
  if (!Array.isArray(value)) return { batch: false, messages: [readOne(value)] };
  if (value.length === 0 || value.length > largestBatch) {
    const detail = `a batch holds 1 to ${largestBatch} messages`;
    return { batch: false, messages: [{ kind: 'invalid', id: null, detail }] };
  }
  return { batch: true, messages: value.map(readOne) };
}

export function writeRequest(id: RequestId, method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

export function writeNotification(method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params });
}

export function writeResult(id: RequestId, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result });
}

export function writeError(id: RequestId, error: BeelineError): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: errorObject(error) });
}

function errorObject(error: BeelineError): RpcError {
  return {
    code: errorNumber(error.code),
    message: error.message,
    data: { code: error.code, details: error.details },
  };
}

/** An error that came over the wire, as it was where it was made. */
export function errorFrom(error: RpcError): BeelineError {
  const code = error.data?.code;
  if (code !== undefined && isErrorCode(code)) return new BeelineError(code, error.data?.details ?? {});
  return new BeelineError('BEELINE_E_DAEMON_REPLY', { detail: error.message });
}

/** Rows of the table as the schema lists them. */
export function describeError(code: ErrorCode) {
  const { cause, remedy } = errorTable[code];
  return { code, number: errorNumber(code), cause, remedy };
}
