import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { readDaemonFile } from '../../src/daemon/daemon-file.js';
import { readCertificate } from '../../src/daemon/tls-files.js';
import { connect } from '../../src/monitor/connect.js';
import { makeCertificate } from '../support/certificate.js';
import { beeline, type CliResult } from '../support/cli.js';
import { TestDaemon } from '../support/daemon.js';
import { TemporaryFolder } from '../support/temporary.js';
import { throwsCode } from '../support/throws.js';

describe('the monitor over TLS', function () {
  this.timeout(60_000);
  let daemon: TestDaemon;
  const folder = new TemporaryFolder(() => daemon?.destroy());
  const { cert, key } = makeCertificate();

  function write(name: string, text: string): string {
    writeFileSync(folder.at(name), text);
    return folder.at(name);
  }

  /** wss://HOST:PORT */
  async function start(...listen: string[]): Promise<string> {
    const files = ['--tls-cert', write('cert.pem', cert), '--tls-key', write('key.pem', key)];
    daemon = new TestDaemon(folder.path, ...files, ...listen);
    await daemon.start();
    return readDaemonFile(daemon.state)?.addresses.find((address) => address.startsWith('wss:')) ?? '';
  }

  it('serves who trusts its certificate and shows a token, and tells others what is wrong', async () => {
    const url = await start('--listen', 'tcp:0.0.0.0:0');
    const token = write('token', daemon.tokens.view);
    const ps = (host: string, ...more: string[]): Promise<CliResult> =>
      beeline(['ps', '--json', '--host', host, '--token-file', token, ...more]);
    const good = await ps(url, '--ca', folder.at('cert.pem'));
    assert.deepEqual({ status: good.status, vms: JSON.parse(good.stdout) as unknown }, { status: 0, vms: [] });
    const stranger = await ps(url);
    assert.equal(stranger.status, 1);
    assert.match(stranger.stderr, /\(self-signed certificate\); name who signed its certificate with --ca\n$/);
    const plain = await ps(url.replace('wss:', 'ws:'));
    assert.equal(plain.status, 1);
    assert.match(plain.stderr, /; write wss:\/\/ if it serves TLS\n$/);
    await assert.rejects(connect({ kind: 'url', url, token: 'wrong', ca: cert }), { code: 'BEELINE_E_UNAUTHORIZED' });
  });

  it('gives up on who says nothing', async () => {
    const url = await start();
    const { hostname, port } = new URL(url);
    const begun = performance.now();
    const socket = createConnection({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.resume().once('close', resolve));
    assert.ok(performance.now() - begun < 15_000, `${performance.now() - begun} ms`);
    const told = daemon.log.match(/"from":"127\.0\.0\.1","reason":"TLS handshake timeout"/g);
    assert.equal(told?.length, 1, daemon.log);
  });

  it('needs a certificate and its key', async () => {
    const files = { cert: write('cert.pem', cert), key: write('key.pem', key) };
    assert.deepEqual(readCertificate(files), { cert: Buffer.from(cert), key: Buffer.from(key) });
    const other = write('other.pem', makeCertificate().key);
    throwsCode('BEELINE_E_CONFIG', () => readCertificate({ ...files, key: other }));
    throwsCode('BEELINE_E_FILE_KIND', () => readCertificate({ ...files, key: files.cert }));
    throwsCode('BEELINE_E_FILE_KIND', () => readCertificate({ ...files, cert: files.key }));
    throwsCode('BEELINE_E_FILE_UNREADABLE', () => readCertificate({ ...files, cert: folder.at('nowhere') }));
    for (const command of [['config', 'check'], ['daemon']]) {
      const state = ['--state', folder.at('state')];
      const bad = await beeline([...command, ...state, '--tls-cert', files.cert, '--tls-key', other]);
      assert.equal(bad.status, 2);
      assert.match(bad.stderr, /^beeline: tls: .*other\.pem is not the key of the certificate .*cert\.pem; correct it/);
    }
  });
});
