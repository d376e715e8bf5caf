// A small HTTP proxy, as a machine that lends its network to guests may have one.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** The proxy that this machine itself has to use, if any. */
function ownProxy(): URL | undefined {
  const shell = execFileSync('apt-config', ['shell', 'proxy', 'Acquire::http::Proxy'], { encoding: 'utf8' });
  const address = /^proxy='(http:.*)'$/m.exec(shell)?.[1] ?? process.env.http_proxy;
  return address === undefined || address === '' ? undefined : new URL(address);
}

export class HttpProxy {
  readonly #server: Server;
  readonly #next = ownProxy();
  #requests = 0;

  private constructor() {
    this.#server = createServer((from, to) => this.#forward(from, to));
    this.#server.on('connect', (from: IncomingMessage, client: Duplex) => this.#tunnel(from.url ?? '', client));
  }

  /** On a port of the loopback interface. */
  static async start(): Promise<HttpProxy> {
    const proxy = new HttpProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get requests(): number {
    return this.#requests;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #forward(from: IncomingMessage, to: ServerResponse): void {
    this.#requests++;
    const target = new URL(from.url ?? '');
    const { hostname, port } = this.#next ?? target;
    const path = this.#next === undefined ? target.pathname + target.search : target.href;
    const { 'proxy-connection': _, ...headers } = from.headers;
    const onward = request({ hostname, port, path, method: from.method, headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    });
    onward.on('error', () => (to.headersSent ? to.destroy() : to.writeHead(502).end()));
    from.pipe(onward);
  }

  #tunnel(authority: string, client: Duplex): void {
    this.#requests++;
    const { hostname, port } = new URL(`http://${authority}`);
    const server = connect(Number(port || 443), hostname, () => {
      client.write('HTTP/1.1 200 Connected\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    server.on('error', () => client.destroy());
    client.on('error', () => server.destroy());
  }
}
