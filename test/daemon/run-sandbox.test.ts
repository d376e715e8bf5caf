// beeline run --sandbox: what the kernel says of its process, and what it can still do.
import { strict as assert } from 'node:assert';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { QMPClient } from 'node-qemu';
import { beeline, cliPath } from '../support/cli.js';
import { eventually } from '../support/daemon.js';
import { TemporaryFolder } from '../support/temporary.js';
import { tinyGuest } from '../support/tiny-guests.js';

describe('beeline run --sandbox', function () {
  this.timeout(180_000);
  let running: ChildProcess | undefined;
  const folder = new TemporaryFolder();

  afterEach(() => running?.kill('SIGKILL'));

  it('is confined as guests of a daemon are, and serves whom it was told to', async () => {
    const { loads } = tinyGuest('echo', folder.at('echo'));
    const [base, disk, qmp] = [folder.at('base.qcow2'), folder.at('disk.qcow2'), folder.at('qmp')];
    for (const args of [
      ['create', '-f', 'qcow2', base, '1M'],
      ['create', '-f', 'qcow2', '-b', base, '-F', 'qcow2', disk],
    ]) {
      execFileSync('qemu-img', args, { stdio: 'ignore' });
    }
    const load = `${loads[0]?.path}@0x40080000`;
    const files = ['--serial', `file:${folder.at('serial')}`, '--stats', folder.at('stats.json')];
    const child = spawn(
      process.execPath,
      [cliPath, 'run', '--sandbox', '--load', load, '--drive', disk, '--qmp', `unix:${qmp}`, '--quiet', ...files],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    running = child;
    await eventually('it listens', () => existsSync(qmp), 60);
    const status = () => readFileSync(`/proc/${child.pid}/status`, 'utf8');
    await eventually('it is confined', () => /^Seccomp:\s+2$/m.test(status()));
    assert.match(status(), /^NoNewPrivs:\s+1$/m);
    assert.match(status(), /^CapEff:\s+0+$/m);
    const client = new QMPClient({ socketPath: qmp });
    await client.connect();
    assert.equal((await client.queryStatus()).status, 'running');
    const piece = { val: 0x4008_0000, size: 8, filename: folder.at('piece') };
    await assert.rejects(client.execute('pmemsave', piece), /Could not open .*EACCES/);
    await client.execute('quit');
    await client.close();
    await eventually('it ends', () => child.exitCode !== null);
    assert.equal(child.exitCode, 0);
    assert.ok(!existsSync(piece.filename));
    assert.ok(existsSync(folder.at('serial')));
    const stats = JSON.parse(readFileSync(folder.at('stats.json'), 'utf8')) as { outcome: { reason: string } };
    assert.equal(stats.outcome.reason, 'quit');
  });

  it('does jobs with files that are copied in, and a network', async () => {
    mkdirSync(folder.at('in'));
    writeFileSync(folder.at('in/file'), 'copied in\n');
    const copy = ['--copy-in', `${folder.at('in')}:/root/`];
    const commands = ['--exec', 'cat /root/in/file', '--exec', 'udhcpc -i eth0 -n -q > /dev/null 2>&1 && echo leased'];
    const result = await beeline(
      ['run', 'debian-busybox', '--sandbox', '--quiet', '--net', 'user', ...copy, ...commands],
      {
        limit: 150,
      },
    );
    assert.equal(result.status, 0, result.stderr);
    assert.equal(result.stdout, 'copied in\nleased\n');
  });

  it('refuses what would make files of names unknown', async () => {
    const result = await beeline(['run', '--sandbox', '--exec', 'true', '--copy-out', `/etc/passwd:${folder.at('x')}`]);
    assert.equal(result.status, 2);
    assert.match(result.stderr, /--copy-out: it makes files, and --sandbox leaves no folder to make them in/);
  });
});
