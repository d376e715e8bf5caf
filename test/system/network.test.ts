import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { beeline } from '../support/cli.js';

const prompt = 'beeline:.*# $';
const limit = 200;
const megabytes = 200;

const md5 = (data: Uint8Array) => createHash('md5').update(data).digest('hex');
const lease = (card: string) => `udhcpc -i ${card} -n -q`;

/** Boots debian-busybox with these networks, types the commands, powers off, and returns the console. */
async function guest(networks: readonly string[], commands: readonly string[]): Promise<string> {
  const sends = [...commands, 'poweroff -f'].flatMap((command) => ['--send', `${prompt}=${command}\\n`]);
  const options = networks.flatMap((network) => ['--net', network]);
  const args = ['run', 'debian-busybox', ...options, ...sends, '--timeout', String(limit)];
  const result = await beeline(args, { limit: limit + 20 });
  assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
  return result.stdout;
}

/** A server on this host's loopback while `use` runs. */
async function listening<T>(
  handler: (socket: Socket) => void,
  use: (port: number, server: Server) => Promise<T>,
): Promise<T> {
  const server = createServer({ allowHalfOpen: true }, handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use((server.address() as AddressInfo).port, server);
  } finally {
    server.close();
  }
}

/** A port that is free now. */
const freePort = () =>
  listening(
    () => undefined,
    async (port) => port,
  );

/** Connects as often as it takes until the guest listens, sends, and returns what comes until the end. */
async function exchange(port: number, sent: Uint8Array): Promise<Buffer> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(sent));
      socket.on('data', (data: Buffer) => chunks.push(data));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
    if (chunks.length > 0) return Buffer.concat(chunks);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nobody answers at port ${port}`);
}

describe('networks', function () {
  this.timeout((limit + 60) * 1000);

  it('give a lease, and carry a large file into the guest and back', async () => {
    const data = randomBytes(megabytes << 20);
    const received = createHash('md5');
    const console = await listening(
      (socket) => socket.end(data),
      (source) =>
        listening(
          (socket) => {
            socket.on('data', (part: Buffer) => received.update(part));
            socket.on('end', () => socket.end('taken'));
          },
          (sink) =>
            guest(
              ['user'],
              [
                `${lease('eth0')}; cat /etc/resolv.conf; mount -t tmpfs -o size=400m tmpfs /mnt`,
                `nc 10.0.2.2 ${source} > /mnt/f; md5sum /mnt/f`,
                `nc 10.0.2.2 ${sink} < /mnt/f; echo`,
              ],
            ),
        ),
    );
    assert.match(console, /lease of 10\.0\.2\.15 obtained from 10\.0\.2\.2/);
    assert.match(console, /^nameserver 10\.0\.2\.3\r?$/m);
    assert.match(console, new RegExp(`^${md5(data)}  /mnt/f`, 'm'));
    assert.match(console, /^taken\r?$/m);
    assert.equal(received.digest('hex'), md5(data));
  });

  it('lead ports of the host into the guest, on the card that is asked for', async () => {
    const web = await freePort();
    const echo = await freePort();
    const forwards = `hostfwd=tcp:127.0.0.1:${web}-:80,hostfwd=tcp:127.0.0.1:${echo}-10.0.2.15:7`;
    const running = guest(
      ['user,restrict,mac=52:54:00:aa:bb:cc', `user,${forwards}`],
      [
        'cat /sys/class/net/eth0/address /sys/class/net/eth1/address',
        `${lease('eth1')}; echo from the guest > /tmp/index.html; httpd -h /tmp; nc -l -p 7 -e cat`,
        'killall httpd',
      ],
    );
    const page = await exchange(web, Buffer.from('GET / HTTP/1.0\r\n\r\n'));
    assert.match(page.toString(), /200 OK[\s\S]*from the guest\n$/);
    const data = randomBytes(1 << 20);
    assert.ok((await exchange(echo, data)).equals(data));
    assert.match(await running, /52:54:00:aa:bb:cc\r\n52:54:00:12:34:57/);
  });

  it('keep to themselves with restrict', async () => {
    let reached = false;
    await listening(
      (socket) => {
        reached = true;
        socket.end();
      },
      (port) => guest(['user,restrict'], [`${lease('eth0')}; nc -w 3 10.0.2.2 ${port} < /dev/null`]),
    );
    assert.equal(reached, false);
  });

  it('are refused with a reason', async () => {
    const refuses = async (network: string, message: RegExp) => {
      const result = await beeline(['run', 'debian-busybox', '--net', network], { limit });
      assert.equal(result.status, 2, result.stderr);
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split('\n').length, 1);
    };
    await listening(
      () => undefined,
      (port) =>
        refuses(
          `user,hostfwd=tcp:127.0.0.1:${port}-:22`,
          new RegExp(`--net: TCP port ${port} of 127.0.0.1 is in use; choose`),
        ),
    );
    await refuses('user,hostfwd=tcp:22-:22', /--net: hostfwd=tcp:22-:22 is malformed; write it as user/);
    await refuses('tap,ifname=nowhere0', /--net: there is no interface nowhere0; as root, make it with: ip tuntap add/);
  });
});
