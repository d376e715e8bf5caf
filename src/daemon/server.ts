// HTTP and WebSocket: who may connect, and what is served.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { includesRole, type Role } from '../monitor/declare.js';
import { type Config, isLoopback, tcpAddress } from './config.js';
import type { DaemonLog } from './daemon-log.js';
import { proxyQmp } from './qmp-proxy.js';
import { Failures } from './rate.js';
import { type Answer, closeStatus, Session } from './session.js';
import { makeRoom, unixPathOf } from './socket-files.js';
import { readCertificate } from './tls-files.js';
import { roleOf, type Tokens } from './tokens.js';
import { WebFiles } from './web-files.js';

export interface ServerContext {
  readonly config: Config;
  readonly tokens: Tokens;
  readonly log: DaemonLog;
  readonly answer: Answer;
  readonly metrics: () => Promise<string>;
  readonly isReady: () => boolean;
  /** The Unix socket where a guest serves QMP; undefined when it has none. */
  readonly qmpSocket: (vm: string) => string | undefined;
}

const qmpPath = /^\/qmp\/([a-z0-9_.-]+)$/;

/** A client has this long for its headers, and for its whole request, in milliseconds. */
const requestLimit = 5000;
const lookInterval = 1000;
const failuresAllowed = 10;
const failurePeriod = 60_000;
/** Connections of clients that have shown no token yet. */
const largestUnauthenticated = 32;

interface Refusal {
  readonly status: number;
  readonly words: string;
  readonly reason: string;
}

type Admission = { readonly role: Role | undefined } | Refusal;

function isRefusal(admission: Admission): admission is Refusal {
  return 'status' in admission;
}

/** HOST of HOST:PORT, brackets taken off. */
function hostOf(authority: string): string {
  return authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

export class MonitorServer {
  readonly #context: ServerContext;
  readonly #servers: Server[] = [];
  readonly #addresses: string[] = [];
  readonly #sockets: WebSocketServer;
  readonly #sessions = new Set<Session>();
  readonly #failures = new Failures(failuresAllowed, failurePeriod);
  readonly #web = new WebFiles();
  #unauthenticated = 0;
  /** Connections that are passed on to guests. */
  readonly #proxies = new Set<WebSocket>();
  #lastId = 0;

  constructor(context: ServerContext) {
    this.#context = context;
    const maxPayload = context.config.limits.message;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload,
      perMessageDeflate: false,
      clientTracking: false,
    });
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** unix:PATH, ws://HOST:PORT, wss://HOST:PORT */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Listens on what systemd handed over, else on what the configuration says. Throws BEELINE_E_LISTEN. */
  async listen(activated: readonly number[]): Promise<void> {
    const { listen, state } = this.#context.config;
    if (activated.length > 0) {
      for (const fd of activated) await this.#listenOn(`descriptor ${fd}`, { fd });
      return;
    }
    for (const item of listen) {
      const address = tcpAddress(item);
      if (address !== undefined) {
        await this.#listenOn(item, address);
        continue;
      }
      const path = item === 'unix' ? join(state, 'socket') : item.slice('unix:'.length);
      await makeRoom(path);
      // Made under this mask, the socket is never anybody else's to use.
      const mask = process.umask(0o177);
      try {
        await this.#listenOn(item, { path });
      } finally {
        process.umask(mask);
      }
    }
  }

  #listenOn(name: string, where: { fd: number } | { path: string } | { host: string; port: number }): Promise<void> {
    const { tls } = this.#context.config;
    const unixPath = 'fd' in where ? unixPathOf(where.fd) : 'path' in where ? where.path : undefined;
    const isUnix = unixPath !== undefined;
    const usesTls = !isUnix && tls !== undefined;
    const limits = {
      requestTimeout: requestLimit,
      headersTimeout: requestLimit,
      connectionsCheckingInterval: lookInterval,
    };
    const server = usesTls
      ? createTlsServer({ ...limits, handshakeTimeout: requestLimit, ...readCertificate(tls) })
      : createServer(limits);
    server.maxConnections = 2 * this.#context.config.limits.clients + 64;
    server.on('request', (request, response) => {
      this.#onRequest(request, response, isUnix).catch((error: unknown) => {
        this.#context.log.error({ err: error, url: request.url }, 'a request failed');
        response.destroy();
      });
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#onUpgrade(request, socket as Socket, head, isUnix);
    });
    server.on('drop', (data) => {
      this.#context.log.warn(
        { from: isUnix ? 'unix' : data?.remoteAddress, reason: 'too many connections' },
        'refused',
      );
    });
    // Failed handshakes of TLS come here too.
    server.on('clientError', (error, socket) => {
      const address = 'remoteAddress' in socket ? socket.remoteAddress : undefined;
      const from = isUnix ? 'unix' : (address ?? 'a connection that is gone');
      this.#context.log.warn({ from, reason: error.message }, 'refused: not a request');
      socket.destroy();
    });
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        const detail = systemCode(error) ?? messageOf(error);
        reject(new BeelineError('BEELINE_E_LISTEN', { address: name, detail }, error));
      });
      server.listen(where, () => {
        const address = server.address();
        this.#servers.push(server);
        // What the configuration names was checked before; a service manager may hand anything over.
        if (!usesTls && typeof address === 'object' && address !== null && !isLoopback(address.address)) {
          server.close();
          const detail = `${name}, ${describe(address, usesTls)}, is beyond loopback and needs tls`;
          reject(new BeelineError('BEELINE_E_CONFIG', { path: 'the socket that was handed over', detail }));
          return;
        }
        this.#addresses.push(unixPath === undefined ? describe(address, usesTls) : `unix:${unixPath}`);
        resolve();
      });
    });
  }

  // ---- Who may connect ----------------------------------------------------------------------------------------------

  #admit(request: IncomingMessage, isUnix: boolean): Admission {
    const { origin, host } = request.headers;
    if (origin !== undefined && !this.#isAllowedOrigin(origin, host ?? '', isUnix)) {
      return { status: 403, words: 'Forbidden', reason: `origin ${origin.slice(0, 100)}` };
    }
    // The socket's permissions have let in its owner only.
    if (isUnix) return { role: 'admin' };
    const address = request.socket.remoteAddress ?? '';
    if (this.#failures.isBlocked(address)) {
      return { status: 429, words: 'Too Many Requests', reason: 'too many wrong tokens' };
    }
    const shown = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (shown === undefined) return { role: undefined };
    const role = this.#authenticate(shown, address);
    return role === undefined ? { status: 401, words: 'Unauthorized', reason: 'wrong token' } : { role };
  }

  /**
   * Pages of the daemon itself, and those that the configuration names. A name that is not loopback's could be anybody's,
   * made to point here.
   */
  #isAllowedOrigin(origin: string, host: string, isUnix: boolean): boolean {
    if (this.#context.config.origins.includes(origin)) return true;
    if (isUnix || !URL.canParse(origin)) return false;
    const { protocol, host: originHost } = new URL(origin);
    return /^https?:$/.test(protocol) && originHost === host && isLoopback(hostOf(host));
  }

  #authenticate(token: string, address: string): Role | undefined {
    if (this.#failures.isBlocked(address)) return undefined;
    const role = roleOf(this.#context.tokens, token);
    if (role === undefined) this.#failures.note(address);
    return role;
  }

  // ---- HTTP ---------------------------------------------------------------------------------------------------------

  async #onRequest(request: IncomingMessage, response: ServerResponse, isUnix: boolean): Promise<void> {
    const send = (status: number, text: string, headers: Readonly<Record<string, string>> = {}) => {
      response.writeHead(status, {
        'content-type': 'text/plain; charset=utf-8',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        ...headers,
      });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    const refuse = (status: number, words: string, reason: string) => {
      this.#logRefusal(request, isUnix, reason);
      response.shouldKeepAlive = false;
      send(status, `${words}\n`);
    };
    request.resume();
    const timer = setTimeout(() => {
      this.#logRefusal(request, isUnix, 'it does not take the answer');
      request.socket.destroy();
    }, this.#context.config.limits.patience * 1000);
    response.once('close', () => clearTimeout(timer));
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Method Not Allowed', 'method');
    const path = request.url?.split('?')[0] ?? '';
    const admission = this.#admit(request, isUnix);
    // Health is told to who is blocked too: behind one address may be others, and what restarts an ill daemon.
    const isBlocked = isRefusal(admission) && admission.status === 429;
    if (isRefusal(admission) && !(isBlocked && (path === '/healthz' || path === '/readyz'))) {
      return refuse(admission.status, admission.words, admission.reason);
    }
    switch (path) {
      case '/healthz':
        return send(200, 'ok\n');
      case '/readyz':
        return this.#context.isReady() ? send(200, 'ready\n') : send(503, 'starting\n');
      case '/metrics':
        if (isRefusal(admission) || admission.role === undefined) return refuse(401, 'Unauthorized', 'no token');
        return send(200, await this.#context.metrics(), { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      default: {
        // The console's files say nothing about guests: whoever reaches the daemon may have them.
        const file = this.#web.get(path);
        return file === undefined ? send(404, 'Not Found\n') : send(200, file.body, file.headers);
      }
    }
  }

  // ---- WebSocket ----------------------------------------------------------------------------------------------------

  #admitClient(request: IncomingMessage, isUnix: boolean): Admission {
    const path = request.url?.split('?')[0] ?? '';
    const qmp = qmpPath.exec(path)?.[1];
    const missing = { status: 404, words: 'Not Found', reason: 'path' };
    if (path !== '/monitor' && qmp === undefined) return missing;
    const admission = this.#admit(request, isUnix);
    if (isRefusal(admission)) return admission;
    // QMP knows no tokens of its own, and everything in it may change the guest.
    if (qmp !== undefined && (admission.role === undefined || !includesRole(admission.role, 'control'))) {
      return { status: 401, words: 'Unauthorized', reason: 'QMP without the role control' };
    }
    // Not before: which guests there are is for those with a token.
    if (qmp !== undefined && this.#context.qmpSocket(qmp) === undefined) return missing;
    const full = (reason: string) => ({ status: 503, words: 'Service Unavailable', reason });
    if (this.#sessions.size + this.#proxies.size >= this.#context.config.limits.clients)
      return full('too many connections');
    if (admission.role === undefined && this.#unauthenticated >= largestUnauthenticated) {
      return full('too many connections without a token');
    }
    return admission;
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer, isUnix: boolean): void {
    const refuse = (status: number, words: string, reason: string) => {
      this.#logRefusal(request, isUnix, reason);
      socket.once('finish', () => socket.destroy());
      socket.end(`HTTP/1.1 ${status} ${words}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    socket.on('error', () => socket.destroy());
    const admission = this.#admitClient(request, isUnix);
    if (isRefusal(admission)) {
      refuse(admission.status, admission.words, admission.reason);
      return;
    }
    const qmp = qmpPath.exec(request.url?.split('?')[0] ?? '')?.[1];
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      const qmpSocket = qmp === undefined ? undefined : this.#context.qmpSocket(qmp);
      if (qmpSocket !== undefined) {
        this.#proxies.add(client);
        proxyQmp(client, qmpSocket, () => this.#proxies.delete(client));
        return;
      }
      const { limits } = this.#context.config;
      const from = isUnix ? 'unix' : (request.socket.remoteAddress ?? 'unknown');
      let counted = admission.role === undefined;
      const settle = () => {
        if (counted) this.#unauthenticated--;
        counted = false;
      };
      if (counted) this.#unauthenticated++;
      const session: Session = new Session(client, socket, {
        id: ++this.#lastId,
        from,
        role: admission.role,
        limits,
        log: this.#context.log,
        answer: this.#context.answer,
        authenticate: (token) => {
          const role = this.#authenticate(token, from);
          if (role !== undefined) settle();
          return role;
        },
        onClose: () => {
          settle();
          this.#sessions.delete(session);
        },
      });
      this.#sessions.add(session);
    });
  }

  #logRefusal(request: IncomingMessage, isUnix: boolean, reason: string): void {
    const from = isUnix ? 'unix' : request.socket.remoteAddress;
    this.#context.log.warn({ from, path: request.url?.slice(0, 100), reason }, 'refused');
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const session of this.#sessions) session.close(closeStatus.stopping, 'the daemon ends');
    for (const client of this.#proxies) client.close(closeStatus.stopping, 'the daemon ends');
    for (const server of this.#servers) server.closeIdleConnections();
    const late = new Promise((resolve) => setTimeout(resolve, requestLimit).unref());
    await Promise.race([Promise.all(closed), late]);
  }
}

function describe(address: AddressInfo | string | null, usesTls: boolean): string {
  if (address === null || typeof address === 'string') return `unix:${address ?? ''}`;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${usesTls ? 'wss' : 'ws'}://${host}:${address.port}`;
}
