// Opens connections to a daemon: its Unix socket, or ws:// and wss:// with a token.
import { WebSocket } from 'ws';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { MonitorClient, type Transport } from './client.js';

export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'url';
      /** ws://HOST:PORT or wss://HOST:PORT */
      readonly url: string;
      readonly token: string | undefined;
      /** A certificate authority to trust besides the system's, in PEM. */
      readonly ca?: string;
    };

/** Messages of the daemon are never larger; its schema is the largest. */
const largestMessage = 16 * 1024 * 1024;
const handshakeTimeout = 10_000;

export function describeEndpoint(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? endpoint.path : endpoint.url;
}

function openSocket(endpoint: Endpoint): WebSocket {
  const options = { perMessageDeflate: false, maxPayload: largestMessage, handshakeTimeout };
  if (endpoint.kind === 'unix') return new WebSocket(`ws+unix:${endpoint.path}:/monitor`, options);
  const { url, token, ca } = endpoint;
  return new WebSocket(new URL('/monitor', url), {
    ...options,
    ...(ca !== undefined && { ca }),
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  });
}

const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function unreachable(endpoint: Endpoint, error: unknown): BeelineError {
  const code = systemCode(error) ?? '';
  const usesTls = endpoint.kind === 'url' && endpoint.url.startsWith('wss:');
  let remedy =
    endpoint.kind === 'url' ? 'check the address, and that a daemon listens there' : 'start one with: beeline daemon';
  if (untrusted.has(code)) remedy = 'name who signed its certificate with --ca';
  else if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') remedy = 'use a name that its certificate holds';
  else if (code === 'CERT_HAS_EXPIRED') remedy = 'give the daemon a new certificate';
  else if (code === 'EACCES') remedy = 'ask as the user of the daemon, or over TCP with a token';
  else if (usesTls && (code === 'EPROTO' || code === 'ECONNRESET')) remedy = 'write ws:// if it serves no TLS';
  else if (endpoint.kind === 'url' && code === 'ECONNRESET') remedy = 'write wss:// if it serves TLS';
  const address = describeEndpoint(endpoint);
  return new BeelineError('BEELINE_E_DAEMON_UNREACHABLE', { address, detail: messageOf(error), remedy }, error);
}

function refused(endpoint: Endpoint, status: number): BeelineError {
  if (status === 401) return new BeelineError('BEELINE_E_UNAUTHORIZED');
  const [detail, remedy] = refusals.get(status) ?? [`HTTP status ${status}`, 'see its log: beeline logs'];
  return new BeelineError('BEELINE_E_DAEMON_REFUSED', { address: describeEndpoint(endpoint), detail, remedy });
}

const refusals: ReadonlyMap<number, readonly [detail: string, remedy: string]> = new Map([
  [403, ['this origin may not connect', 'add it to origins in its configuration']],
  [404, ['it serves no monitor', 'check the address']],
  [429, ['too many wrong tokens were shown from this address', 'wait a minute, and use the right one']],
  [503, ['too many clients are connected', 'try again later, or raise limits.clients in its configuration']],
]);

/** Rejects with BEELINE_E_DAEMON_UNREACHABLE, BEELINE_E_DAEMON_REFUSED or BEELINE_E_UNAUTHORIZED. */
export function connect(endpoint: Endpoint): Promise<MonitorClient> {
  return new Promise((resolve, reject) => {
    let socket: WebSocket;
    try {
      socket = openSocket(endpoint);
    } catch (error) {
      reject(unreachable(endpoint, error));
      return;
    }
    let lastError = '';
    const transport: Transport = {
      send: (data) => socket.send(data),
      close: () => socket.close(1000),
      onText: () => undefined,
      onBinary: () => undefined,
      onClose: () => undefined,
    };
    socket.on('message', (data, isBinary) => {
      const bytes = data as Buffer;
      if (isBinary) transport.onBinary(bytes);
      else transport.onText(bytes.toString());
    });
    socket.on('error', (error) => {
      lastError = error.message;
      reject(unreachable(endpoint, error));
    });
    socket.on('unexpected-response', (_request, response) => {
      socket.terminate();
      reject(refused(endpoint, response.statusCode ?? 0));
    });
    socket.on('close', (code, reason) => {
      transport.onClose(lastError || reason.toString() || `status ${code}`);
    });
    socket.on('open', () => resolve(new MonitorClient(transport)));
  });
}
