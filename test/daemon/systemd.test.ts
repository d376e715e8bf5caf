import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { readDaemonFile } from '../../src/daemon/daemon-file.js';
import { activatedSockets } from '../../src/daemon/systemd.js';
import { readTokens } from '../../src/daemon/tokens.js';
import { connect } from '../../src/monitor/connect.js';
import { makeCertificate } from '../support/certificate.js';
import { beeline, cliPath } from '../support/cli.js';
import { eventually } from '../support/daemon.js';
import { TemporaryFolder } from '../support/temporary.js';

/** Does what systemd does: listens, hands the socket over as descriptor 3, and prints what it is notified of. */
const manager = `
import os, socket, sys
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(sys.argv[1])
listening = socket.socket(socket.AF_INET if ':' in sys.argv[2] else socket.AF_UNIX)
listening.bind((sys.argv[2].split(':')[0], 0) if ':' in sys.argv[2] else sys.argv[2])
listening.listen()
child = os.fork()
if child == 0:
    os.dup2(listening.fileno(), 3)
    os.environ.update(NOTIFY_SOCKET=sys.argv[1], LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
    os.execv(sys.argv[3], sys.argv[3:])
while True:
    text = notify.recv(4096).decode()
    print(text.replace('\\n', ' '), flush=True)
    if 'STOPPING' in text:
        break
print(os.waitpid(child, 0)[1], flush=True)
`;

describe('the daemon under systemd', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();

  it('serves sockets that are handed over, and tells when it is ready and when it ends', async () => {
    writeFileSync(folder.at('manager.py'), manager);
    const command = [process.execPath, cliPath, 'daemon', '--state', folder.at('state')];
    const child = spawn('python3', [folder.at('manager.py'), folder.at('notify'), folder.at('listen'), ...command], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let told = '';
    child.stdout.on('data', (data: Buffer) => {
      told += data.toString();
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await eventually('readiness', () => /^READY=1 STATUS=Serving 0 guests$/m.test(told));
    const client = await connect({ kind: 'unix', path: folder.at('listen') });
    assert.equal((await client.call('monitor.version', {})).role, 'admin');
    const ps = await beeline(['ps', '--json', '--state', folder.at('state')]);
    assert.deepEqual([ps.status, ps.stdout], [0, '[]\n'], 'the command line finds it');
    await client.call('monitor.shutdown', {});
    await ended;
    assert.match(told, /^STOPPING=1$/m);
    assert.match(told, /^0$/m, 'its exit status');
  });

  it('serves a network that is handed over with TLS, and none beyond loopback without', async () => {
    writeFileSync(folder.at('manager.py'), manager);
    const { cert, key } = makeCertificate();
    writeFileSync(folder.at('cert.pem'), cert);
    writeFileSync(folder.at('key.pem'), key);
    const state = folder.at('state');
    const run = (...flags: string[]) => {
      const command = [process.execPath, cliPath, 'daemon', '--state', state, ...flags];
      return spawn('python3', [folder.at('manager.py'), folder.at('notify'), '0.0.0.0:0', ...command], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    };
    const plain = run();
    let said = '';
    plain.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    await eventually('it is refused', () =>
      /descriptor 3, ws:\/\/0\.0\.0\.0:\d+, is beyond loopback and needs tls/.test(said),
    );
    plain.kill('SIGKILL');
    await once(plain, 'close');
    rmSync(folder.at('notify'));
    const child = run('--tls-cert', folder.at('cert.pem'), '--tls-key', folder.at('key.pem'));
    const url = await eventually('it listens', () => readDaemonFile(state)?.addresses[0]);
    assert.match(url, /^wss:\/\/0\.0\.0\.0:\d+$/);
    const client = await connect({
      kind: 'url',
      url: url.replace('0.0.0.0', '127.0.0.1'),
      token: readTokens(state).admin,
      ca: cert,
    });
    await client.call('monitor.shutdown', {});
    await once(child, 'close');
  });

  it('takes only sockets that are meant for it', () => {
    assert.deepEqual(activatedSockets({ LISTEN_FDS: '2', LISTEN_PID: '7' }, 7), [3, 4]);
    for (const env of [
      {},
      { LISTEN_FDS: '1', LISTEN_PID: '8' },
      { LISTEN_FDS: 'x', LISTEN_PID: '7' },
      { LISTEN_FDS: '1' },
    ]) {
      assert.deepEqual(activatedSockets(env, 7), []);
    }
  });
});
