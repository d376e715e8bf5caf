import { strict as assert } from 'node:assert';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { beeline, type CliResult } from '../support/cli.js';
import { eventually } from '../support/daemon.js';
import { TemporaryFolder } from '../support/temporary.js';

const prompt = 'beeline:.*# $';
/** Seconds; a machine that is busy may need several times what an idle one does. */
const limit = 120;
const mebibyte = 1024 * 1024;

/** Asks a QMP server these, one after the other, as soon as there is one, and returns the answers. */
async function ask(path: string, ...commands: readonly object[]): Promise<unknown[]> {
  await eventually('the server', () => existsSync(path), limit);
  const socket = connect(path);
  const answers: unknown[] = [];
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  await lines.next();
  for (const command of [{ execute: 'qmp_capabilities' }, ...commands]) {
    socket.write(`${JSON.stringify(command)}\n`);
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the server has gone');
      const message = JSON.parse(String(value)) as Record<string, unknown>;
      if ('event' in message) continue;
      answers.push(message.return ?? message.error);
      break;
    }
  }
  socket.destroy();
  return answers.slice(1);
}

const query = { execute: 'query-balloon' };
const keep = (megabytes: number) => ({ execute: 'balloon', arguments: { value: megabytes * mebibyte } });

/** For the guest: waits until so many kilobytes are free. */
const free = (condition: string) =>
  `until [ $(awk '/MemFree/{print $2}' /proc/meminfo) ${condition} ]; do sleep 0.1; done`;
const makeData =
  'mount -t tmpfs -o size=900m run /run; dd if=/dev/urandom of=/run/data bs=1M count=32; md5sum /run/data';
const fill = 'dd if=/dev/zero of=/run/waste bs=1M count=500';

describe('the memory balloon', function () {
  this.timeout(2 * (limit + 30) * 1000);
  const folder = new TemporaryFolder();

  async function actual(qmp: string): Promise<number> {
    const [answer] = await ask(qmp, query);
    return (answer as { actual: number }).actual / mebibyte;
  }

  const sends = (...commands: readonly string[]) =>
    commands.flatMap((command) => ['--send', `${prompt}=${command}\\n`]);

  /** The guest's data were the same whenever it looked. */
  function checkData(looks: number, ...results: readonly CliResult[]): void {
    for (const { status, stdout, stderr } of results) assert.equal(status, 0, stdout.slice(-2000) + stderr);
    const console = results.map(({ stdout }) => stdout).join('');
    const sums = [...console.matchAll(/^([0-9a-f]{32}) {2}\/run\/data/gm)].map(([, sum]) => sum);
    assert.equal(sums.length, looks, console);
    assert.equal(new Set(sums).size, 1);
  }

  const machines = { mmio: [], pci: ['--cpus', '2'] };
  for (const [bus, options] of Object.entries(machines)) {
    it(`takes memory back and gives it again on ${bus}`, async () => {
      const qmp = folder.at('qmp');
      let [pid, console] = [0, ''];
      /** MiB of the host's. */
      const resident = () => {
        const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
        return Number(kilobytes) / 1024;
      };
      const running = beeline(
        [
          ...['run', 'debian-busybox', '--memory', '1G', '--balloon', bus, ...options, '--qmp', `unix:${qmp}`],
          ...sends(
            `${makeData}; ${fill}; sleep 1; rm /run/waste; ${free('-lt 250000')}; md5sum /run/data; echo taken`,
            `${free('-gt 750000')}; ${fill}; md5sum /run/data; poweroff -f`,
          ),
          ...['--timeout', String(limit)],
        ],
        {
          limit: limit + 20,
          onStart: (started) => {
            pid = started;
          },
          onOutput: (stdout) => {
            console = stdout;
          },
        },
      );
      await eventually('the guest fills its memory', () => pid !== 0 && resident() > 560, limit);
      await ask(qmp, keep(256));
      await eventually('the guest follows', async () => (await actual(qmp)) <= 260, limit);
      await eventually('the host has it back', () => resident() < 460, limit);
      await eventually('the guest has seen it', () => /^taken/m.test(console), limit);
      await ask(qmp, keep(1024));
      await eventually('the guest has it again', async () => (await actual(qmp)) === 1024, limit);
      checkData(3, await running);
    });
  }

  it('is as large as before in a machine that was saved', async () => {
    const [qmp, file] = [folder.at('qmp'), folder.at('snapshot')];
    const saving = beeline(
      [
        ...['run', 'debian-busybox', '--memory', '1G', '--balloon', 'mmio', '--qmp', `unix:${qmp}`],
        ...sends(`${makeData}; ${free('-lt 250000')}; (while sleep 0.5; do echo tick; done) &`),
        ...['--until', '^tick', '--snapshot-save', file, '--timeout', String(limit)],
      ],
      { limit: limit + 20 },
    );
    await ask(qmp, keep(256));
    const saved = await saving;
    const options = ['--send', `^tick=md5sum /run/data; ${free('-gt 750000')}; ${fill}; poweroff -f\\n`];
    const loading = beeline(
      ['run', '--snapshot-load', file, '--qmp', `unix:${qmp}`, ...options, '--timeout', String(limit)],
      { limit: limit + 20 },
    );
    await eventually('there is a machine', async () => (await actual(qmp)) < 300, limit);
    await ask(qmp, keep(1024));
    checkData(2, saved, await loading);
  });

  it('is missed where there is none', async () => {
    const qmp = folder.at('qmp');
    const running = beeline(['run', 'debian-busybox', '--paused', '--qmp', `unix:${qmp}`], { limit });
    const [error] = await ask(qmp, query, { execute: 'quit' });
    assert.deepEqual(error, { class: 'DeviceNotActive', desc: 'No balloon device has been activated' });
    await running;
  });
});
