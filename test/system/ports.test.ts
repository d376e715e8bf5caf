import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

const prompt = 'beeline:.*# $';
const limit = 120;
const megabytes = 8;

const md5 = (data: Uint8Array) => createHash('md5').update(data).digest('hex');

/** Connects as soon as there is a socket. */
async function connectTo(path: string): Promise<Socket> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (existsSync(path)) {
      const socket = connect(path);
      const isThere = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      if (isThere) return socket;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nobody listens at ${path}`);
}

/** Everything that comes until `done` says so of it, or the end. */
function collect(socket: Socket, done: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const finish = () => resolve(text);
    socket.on('data', (data: Buffer) => {
      text += data.toString();
      if (done(text)) finish();
    });
    socket.on('close', finish);
    socket.on('error', finish);
  });
}

describe('consoles and ports', function () {
  this.timeout((limit + 30) * 1000);
  const folder = new TemporaryFolder();

  /** Boots debian-busybox with these options, types the commands, powers off, and returns the console. */
  async function guest(options: readonly string[], commands: readonly string[]): Promise<string> {
    const sends = [...commands, 'poweroff -f'].flatMap((command) => ['--send', `${prompt}=${command}\\n`]);
    const args = ['run', 'debian-busybox', ...options, ...sends, '--timeout', String(limit)];
    const result = await beeline(args, { limit: limit + 20 });
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    return result.stdout;
  }

  for (const bus of ['mmio', 'pci']) {
    it(`carry bytes both ways on ${bus}, and one port does not hold up another`, async () => {
      const at = (name: string) => folder.at(`${bus}-${name}`);
      const data = randomBytes(megabytes << 20);
      writeFileSync(at('log'), 'before\n');
      const running = guest(
        [
          ['--console', `socket=${at('tty')},bus=${bus}`],
          ['--port', `org.example.data,socket=${at('data')},bus=${bus}`],
          ['--port', `idle,socket=${at('idle')},bus=${bus}`],
          ['--port', `log,file=${at('log')},bus=${bus}`],
        ].flat(),
        [
          'until [ -e /dev/virtio-ports/log ]; do usleep 10000; done',
          'cat /sys/class/virtio-ports/*/name; (yes > /dev/virtio-ports/idle) & echo to the log > /dev/virtio-ports/log',
          'yes console | head -c 100000 > /dev/hvc0; echo past it',
          `head -c ${data.length} < /dev/virtio-ports/org.example.data > /tmp/f; md5sum /tmp/f`,
          'cat /tmp/f > /dev/virtio-ports/org.example.data; echo sent',
          'head -n 1 /dev/hvc0',
        ],
      );
      const idle = await connectTo(at('idle'));
      idle.pause();
      const socket = await connectTo(at('data'));
      let missing = data.length;
      const echo = new Promise<Buffer>((resolve) => {
        const chunks: Buffer[] = [];
        socket.on('data', (part: Buffer) => {
          chunks.push(part);
          missing -= part.length;
          if (missing <= 0) resolve(Buffer.concat(chunks));
        });
        socket.on('close', () => resolve(Buffer.concat(chunks)));
      });
      socket.write(data);
      assert.equal(md5(await echo), md5(data), 'what comes back');
      const terminal = await connectTo(at('tty'));
      const output = collect(terminal, (text) => text.length >= 64 * 1024);
      terminal.write('typed at the console\n');
      assert.match(await output, /^(?:[a-z]*\r\n)*console\r\n/);
      const console = await running;
      terminal.destroy();
      idle.destroy();
      assert.match(console, /org\.example\.data\r?\n/);
      assert.match(console, /^typed at the console\r?$/m);
      assert.match(console, /^past it\r?$/m);
      assert.match(console, new RegExp(`^${md5(data)}  /tmp/f`, 'm'));
      assert.equal(readFileSync(at('log'), 'utf8'), 'before\nto the log\n');
      assert.ok(!existsSync(at('data')), 'the socket is gone');
    });
  }

  it('are the terminal with stdio', async () => {
    const console = await guest(
      ['--console', 'stdio', '--append', 'console=ttyAMA0 console=hvc0'],
      ['readlink /proc/self/fd/0'],
    );
    assert.match(console, /^\/dev\/hvc0\r?$/m);
  });

  it('are refused with a reason', async () => {
    const refuses = async (option: string, value: string, message: RegExp) => {
      const result = await beeline(['run', 'debian-busybox', option, value], { limit });
      assert.equal(result.status, 2, result.stderr);
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split('\n').length, 1);
    };
    writeFileSync(folder.at('file'), '');
    await refuses(
      '--console',
      `socket=${folder.at('file')}`,
      /--console: .* exists and is in use or no socket; choose/,
    );
    await refuses('--port', `a,file=${folder.path}`, /--port: .* cannot be written/);
    await refuses(
      '--port',
      `a,socket=${'x'.repeat(200)}`,
      /--port: .* cannot be the path of a socket; give one of up to/,
    );
  });
});
