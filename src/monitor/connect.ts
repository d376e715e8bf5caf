// Opens connections to a daemon: its Unix socket, or ws:// and wss:// with a token.
import { WebSocket } from 'ws';
import { BeelineError, messageOf } from '../errors.js';
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

/** Rejects with BEELINE_E_DAEMON_UNREACHABLE or BEELINE_E_UNAUTHORIZED. */
export function connect(endpoint: Endpoint): Promise<MonitorClient> {
  return new Promise((resolve, reject) => {
    const address = describeEndpoint(endpoint);
    let socket: WebSocket;
    try {
      socket = openSocket(endpoint);
    } catch (error) {
      reject(new BeelineError('BEELINE_E_DAEMON_UNREACHABLE', { address, detail: messageOf(error) }, error));
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
      reject(new BeelineError('BEELINE_E_DAEMON_UNREACHABLE', { address, detail: error.message }, error));
    });
    socket.on('unexpected-response', (_request, response) => {
      socket.terminate();
      if (response.statusCode === 401) reject(new BeelineError('BEELINE_E_UNAUTHORIZED'));
      const detail = `HTTP status ${response.statusCode}`;
      reject(new BeelineError('BEELINE_E_DAEMON_UNREACHABLE', { address, detail }));
    });
    socket.on('close', (code, reason) => {
      transport.onClose(lastError || reason.toString() || `status ${code}`);
    });
    socket.on('open', () => resolve(new MonitorClient(transport)));
  });
}
