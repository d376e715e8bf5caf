// The report of regression runs in Debian's Chromium.
import { strict as assert } from 'node:assert';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { describeEnvironment } from '../../src/bench/environment.js';
import { machineFingerprint } from '../../src/regression/fingerprint.js';
import { History } from '../../src/regression/history.js';
import { seededRandom } from '../../src/regression/random.js';
import type { Run, RunResult } from '../../src/regression/result.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

const seeded = seededRandom(5);
const workloads = ['boot', 'integer'];
const techniques = ['superblocks', 'flag-probe'];

function run(workload: string, subject: string, pair: number, factor: number): Run {
  const phases = ['kernel', 'work'].map((name, index) => {
    const seconds = (index + 1) * factor * (1 + seeded() / 50);
    return { name, wallSeconds: seconds, cpuSeconds: seconds, instructions: 1e9 };
  });
  const cpuSeconds = phases.reduce((sum, phase) => sum + phase.cpuSeconds, 0);
  return { workload, subject, pair, status: 'done', phases, total: { cpuSeconds, wallSeconds: cpuSeconds } };
}

function made(index: number, purpose: RunResult['purpose'], factors: Readonly<Record<string, number>>): RunResult {
  const pairs = Array.from({ length: 8 }, (_, pair) => pair);
  return {
    schema: 'beeline.bench-run.1',
    id: `${purpose}-${index}`,
    startedAt: new Date(Date.UTC(2026, 0, 1 + index)).toISOString(),
    purpose,
    environment: describeEnvironment(undefined),
    fingerprint: machineFingerprint(),
    icount: false,
    interrupted: false,
    subjects: Object.keys(factors).map((name) => ({
      name,
      kind: 'beeline',
      revision: `<revision> ${index}`,
      disabled: name.startsWith('without ') ? [name.slice(8)] : [],
    })),
    runs: workloads.flatMap((workload) =>
      pairs.flatMap((pair) => Object.entries(factors).map(([name, factor]) => run(workload, name, pair, factor))),
    ),
  };
}

describe('the report of regression runs', function () {
  this.timeout(120_000);
  let browser: Browser | undefined;
  const folder = new TemporaryFolder(async () => browser?.close());
  const env = () => ({ BEELINE_BENCH_HISTORY: folder.at('bench.sqlite') });

  beforeEach(() => {
    const history = History.open(folder.at('bench.sqlite'));
    for (let day = 0; day < 16; day++) history.add(made(day, 'measure', { base: 1, head: day < 9 ? 1 : 1.1 }));
    const without = Object.fromEntries(techniques.map((name, index) => [`without ${name}`, 1.2 + index]));
    history.add(made(20, 'ablation', { head: 1, ...without }));
    const failed: Run = {
      ...{ workload: 'disk', subject: 'head', pair: 0, phase: 'read' },
      ...{ status: 'failed', kind: 'wrong-output', detail: 'it says <b>no</b>' },
    };
    const last = made(16, 'measure', { base: 1, head: 1.1 });
    history.add({ ...last, runs: [...last.runs, failed] });
    history.close();
  });

  it('is drawn whole on small and large screens, without scripts or network', async () => {
    const file = folder.at('report.html');
    const { status, stderr } = await beeline(['bench', 'report', '--output', file], { env: env() });
    assert.equal(status, 0, stderr);
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-sync', '--no-first-run', '--disable-background-networking'],
    });
    for (const [width, colorScheme] of [
      [380, 'dark'],
      [1280, 'light'],
    ] as const) {
      const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, offline: true });
      const page = await context.newPage();
      const troubles: string[] = [];
      page.on('console', (message) => troubles.push(message.text()));
      page.on('pageerror', (error) => troubles.push(error.message));
      page.on('request', (request) => {
        if (!/^(file|data):/.test(request.url())) troubles.push(request.url());
      });
      await page.goto(pathToFileURL(file).href);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
      const drawn: { title: string; marks: number; outside: number }[] = await page.evaluate(`
        [...document.querySelectorAll('svg')].map((svg) => {
          const whole = svg.getBoundingClientRect();
          const boxes = [...svg.querySelectorAll('.mark')].map((mark) => mark.getBoundingClientRect());
          const texts = [...svg.querySelectorAll('text')].map((text) => text.getBoundingClientRect());
          const isOutside = ({ left, right, top, bottom }) =>
            left < whole.left - 1 || right > whole.right + 1 || top < whole.top - 1 || bottom > whole.bottom + 1;
          return {
            title: svg.closest('figure').querySelector('h3').textContent,
            marks: boxes.filter(({ width, height }) => width > 0.5 && height > 0.5).length,
            outside: [...boxes, ...texts].filter(isOutside).length,
          };
        })`);
      assert.deepEqual(
        drawn.map(({ title, marks }) => `${title}, ${marks}`),
        [
          ...workloads.map((name) => `${name}: cpu, 17`),
          ...workloads.map((name) => `${name}: cpu by phase, 4`),
          ...workloads.map((name) => `${name}: cpu of each pair, 8`),
          'Times as much cpu without a technique, 2',
        ],
      );
      assert.deepEqual(
        drawn.filter(({ outside }) => outside > 0),
        [],
      );
      // A change in each series, and a line through it.
      assert.equal(await page.locator('section').nth(2).locator('svg .change').count(), workloads.length);
      const text = (await page.locator('main').textContent()) ?? '';
      assert.match(text, /boot: cpu.*17 results, \+(9|10)\.\d % since <revision> 9/s);
      assert.match(text, /disk, head, read: wrong-output, it says <b>no<\/b>/);
      assert.equal(await page.locator('td.worse').count(), workloads.length);
      // By the keyboard alone: the table of the first plot.
      for (let step = 0; step < 40; step++) {
        await page.keyboard.press('Tab');
        if (await page.evaluate(`document.activeElement === document.querySelector('summary')`)) break;
      }
      await page.keyboard.press('Enter');
      assert.equal(await page.locator('details[open] tbody tr').count(), 17);
      assert.deepEqual(troubles, []);
      await context.close();
    }
  });

  it('comes as Markdown for a pull request', async () => {
    const { stdout, status } = await beeline(['bench', 'report', 'measure-16', '--format', 'markdown'], { env: env() });
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^### Beeline cpu: worse\n\n\| workload .*\n.*\n\| boot .* 1\.\d{3} to 1\.\d{3} .*\*\*worse\*\*/,
    );
    assert.match(stdout, /^\* disk, head, read: \*\*wrong-output\*\*/m);
    assert.match(stdout, /<details><summary>Phases<\/summary>\n\n\| workload/);
    assert.match(stdout, /<details><summary>Changes in the history of this machine<\/summary>\n\n\| workload/);
    assert.match(stdout, /without superblocks +1\.\d{3}/);
  });

  it('says what is wrong', async () => {
    const full = await beeline(['bench', 'report', '--output', '/dev/full'], { env: env() });
    assert.equal(full.status, 1);
    assert.match(full.stderr, /no space left while writing \/dev\/full/);
    assert.equal((await beeline(['bench', 'report', 'nothing'], { env: env() })).status, 2);
    const none = await beeline(['bench', 'report'], { env: { BEELINE_BENCH_HISTORY: folder.at('empty.sqlite') } });
    assert.equal(none.status, 2);
    assert.match(none.stderr, /nothing was measured/);
  });
});
