// The web console in Debian's Chromium.
import { strict as assert } from 'node:assert';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { MonitorClient } from '../../src/monitor/client.js';
import { daemonForEachTest, eventually, TestDaemon } from '../support/daemon.js';
import { tinyGuest } from '../support/tiny-guests.js';

/** Without them the browser looks for its maker's hosts. */
const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update'];

describe('web console', function () {
  this.timeout(120_000);
  let daemon: TestDaemon;
  let browser: Browser | undefined;
  let page: Page;
  let client: MonitorClient;
  let troubles: string[];

  const address = () => daemon.url.replace('ws://', 'http://');
  const state = () => page.locator('.badge').textContent();
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();

  async function becomes(read: () => Promise<string | null | undefined>, wanted: RegExp): Promise<void> {
    let last: string | null | undefined;
    for (let round = 0; round < 300; round++) {
      last = await read();
      if (wanted.test(last ?? '')) return;
      await page.waitForTimeout(100);
    }
    assert.fail(`${wanted} does not come: ${last}`);
  }

  // Before its daemon is gone, which it would complain of.
  afterEach(() => browser?.close());
  const folder = daemonForEachTest(async (started) => {
    daemon = started;
    client = await daemon.client();
    for (const name of ['one', 'two']) {
      await client.call('vm.create', { name, config: tinyGuest('echo', folder.at(name)), start: true });
    }
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-sync', ...quiet],
    });
    page = await browser.newPage({ viewport: { width: 1300, height: 850 }, colorScheme: 'dark' });
    troubles = [];
    page.on('console', (message) => {
      if (message.type() === 'error') troubles.push(message.text());
    });
    page.on('pageerror', (error) => troubles.push(error.message));
  });

  it('wants a token', async () => {
    await page.goto(address());
    const token = page.getByLabel('Token');
    await token.fill('wrong');
    await page.keyboard.press('Enter');
    await becomes(() => page.locator('#sign-in-error').textContent(), /not known/);
    await token.fill(daemon.tokens.view);
    await page.keyboard.press('Enter');
    await becomes(() => page.locator('#connection').textContent(), /^Connected/);
    await page.reload();
    await becomes(() => page.locator('#connection').textContent(), /^Connected/);
    assert.deepEqual(
      troubles.filter((text) => !text.includes('WebSocket')),
      [],
    );
  });

  it('shows guests, their consoles, registers and memory, and does what its buttons say', async () => {
    await page.goto(`${address()}/#token=${encodeURIComponent(daemon.tokens.admin)}`);
    await becomes(() => page.locator('#guests').textContent(), /one.*running.*two.*running/s);
    assert.equal(new URL(page.url()).hash, '');
    assert.equal(await page.locator('.head h2').textContent(), 'one');

    // The guest answers each letter with the next one.
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('HAL');
    await becomes(() => page.locator('.xterm-rows').textContent(), /IBM/);
    await page.getByLabel('Search the console').fill('BM');
    await becomes(() => page.locator('output').textContent(), /1 of 1/);

    await press('Pause');
    await becomes(state, /paused/);
    await becomes(() => page.locator('#guests').textContent(), /one.*paused/s);
    await becomes(() => page.locator('.panel').textContent(), /pc0x00000000400800/);
    await press('Step');
    await page.getByRole('tab', { name: 'Registers' }).press('ArrowRight');
    await page.getByLabel('Address', { exact: true }).fill('0x40080000');
    await page.getByLabel('Address', { exact: true }).press('Enter');
    await becomes(() => page.locator('.panel').textContent(), /0000000040080000 {2}c1 01 00 58/);
    await page.getByRole('tab', { name: 'Events' }).click();
    await becomes(() => page.locator('.panel').textContent(), /vm\.state/);
    await press('Resume');
    await becomes(state, /running/);
    await press('Reset');
    await page.locator('.chart canvas').first().waitFor();
    assert.equal(await page.locator('.chart').count(), 4);

    // What others do is seen at once.
    await client.call('vm.pause', { vm: 'two' });
    await becomes(() => page.locator('#guests').textContent(), /two.*paused/s);
    await page.getByRole('button', { name: /^two/ }).click();
    await becomes(() => page.locator('.head h2').textContent(), /two/);
    await client.call('vm.stop', { vm: 'two', timeout: 0 });
    await becomes(state, /stopped/);
    await press('Start');
    await becomes(state, /running/);
    assert.deepEqual(troubles, []);
  });

  it('lets a viewer look, and offers nothing else', async () => {
    await page.goto(`${address()}/#token=${encodeURIComponent(daemon.tokens.view)}`);
    await becomes(() => page.locator('.head').textContent(), /running.*to look at only/s);
    assert.equal(await page.locator('.actions button:visible').count(), 0);
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('HAL');
    const areas: unknown[] = [];
    for (let round = 0; round < 4; round++) {
      await page.keyboard.press('F6');
      areas.push(await page.evaluate("document.activeElement?.closest('[data-area]')?.getAttribute('aria-label')"));
    }
    assert.deepEqual(areas, ['Details', 'Guests', 'Guest one', 'Console of one']);
    assert.equal((await client.call('vm.status', { vm: 'one' })).consoleEnd, 0);
    assert.deepEqual(troubles, []);
  });

  it('gives a virtio console the size of its pane', async () => {
    const config = {
      image: 'debian-busybox',
      append: 'console=hvc0',
      ports: [{ kind: 'serial', console: true }],
    } as const;
    await client.call('vm.create', { name: 'virtio', config: config as never, start: true });
    await page.goto(`${address()}/#token=${encodeURIComponent(daemon.tokens.admin)}`);
    await page.getByRole('button', { name: /^virtio/ }).click();
    const screen = page.locator('.xterm-rows');
    await becomes(() => screen.textContent(), /beeline:~# *$/);
    for (const height of [850, 700]) {
      await page.setViewportSize({ width: 1300, height });
      await page.waitForTimeout(500);
      const rows = await screen.locator('> div').count();
      await page.locator('.xterm-helper-textarea').focus();
      await page.keyboard.type('clear; stty size\n');
      await becomes(() => screen.textContent(), new RegExp(`^ *${rows} \\d{2,3} *beeline`));
    }
    assert.deepEqual(troubles, []);
  });

  it('saves snapshots, lists them, goes on from one, and deletes it', async () => {
    await page.goto(`${address()}/#token=${encodeURIComponent(daemon.tokens.admin)}`);
    await becomes(state, /running/);
    const consoleShows = (words: RegExp) => becomes(() => page.locator('.xterm-rows').textContent(), words);
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('HAL');
    await consoleShows(/IBM/);
    await press('Pause');
    await becomes(state, /paused/);
    const pc = await page.locator('.registers dd').first().textContent();
    await press('Snapshot');
    await becomes(() => page.locator('.panel').textContent(), /^\d{4}-\d\d-\d\d_.* MiB/);
    const { snapshots } = await client.call('snapshot.list', { vm: 'one' });
    assert.equal(snapshots.length, 1);
    const name = snapshots[0]?.name ?? '';
    await press('Step');
    await client.call('vm.stop', { vm: 'one', timeout: 0 });
    await becomes(state, /stopped/);
    await press(`Load ${name}`);
    await becomes(state, /running/);
    await press('Pause');
    await press(`Load ${name}`);
    await page.getByRole('tab', { name: 'Registers' }).click();
    await becomes(() => page.locator('.registers dd').first().textContent(), new RegExp(`^${pc}$`));
    await page.getByRole('tab', { name: 'Snapshots' }).click();
    await press(`Delete ${name}`);
    await becomes(() => page.locator('.panel').textContent(), /None is saved/);
    assert.deepEqual((await client.call('snapshot.list', { vm: 'one' })).snapshots, []);
    assert.deepEqual(troubles, []);
  });

  it('is dark and light, narrow, and walked with F6', async () => {
    await page.goto(`${address()}/#token=${encodeURIComponent(daemon.tokens.admin)}`);
    await becomes(state, /running/);
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const dark = await background();
    await press('Switch between dark and light');
    assert.notEqual(await background(), dark);
    await page.setViewportSize({ width: 380, height: 700 });
    await page.waitForTimeout(300);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 380);
    for (const control of await page.locator('button:visible, input:visible, select:visible').all()) {
      const box = await control.boundingBox();
      assert.ok(box !== null && box.x >= 0 && box.x + box.width <= 380, `${await control.textContent()} is cut off`);
    }
    await page.evaluate('document.activeElement?.blur()');
    const areas: unknown[] = [];
    for (let round = 0; round < 4; round++) {
      await page.keyboard.press('F6');
      areas.push(await page.evaluate("document.activeElement?.closest('[data-area]')?.getAttribute('aria-label')"));
    }
    assert.deepEqual(areas, ['Guests', 'Guest one', 'Console of one', 'Details']);
    assert.deepEqual(troubles, []);
  });

  it('comes back when the daemon does, with the events of before or without', async () => {
    const listen = ['--listen', `tcp:127.0.0.1:${new URL(daemon.url).port}`];
    const connection = () => page.locator('#connection').textContent();
    const guests = () => page.locator('#guests').textContent();
    await page.goto(`${address()}/#token=${encodeURIComponent(daemon.tokens.admin)}`);
    await becomes(state, /running/);
    const restarted = new TestDaemon(folder.path, ...listen);
    for (const isAnother of [false, true]) {
      await (isAnother ? restarted : daemon).end('SIGKILL');
      await becomes(connection, /does not answer|lost/i);
      if (isAnother) rmSync(join(daemon.state, 'events'), { recursive: true });
      await restarted.start();
      await becomes(connection, /^Connected/);
      const again = await restarted.client();
      await again.call('vm.pause', { vm: 'two' });
      await becomes(guests, /two.*paused/s);
      await again.call('vm.resume', { vm: 'two' });
      await becomes(guests, /two.*running/s);
      again.close();
    }
    await restarted.end('SIGKILL');
    assert.deepEqual(
      troubles.filter((text) => !/WebSocket|ERR_CONNECTION_REFUSED|Failed to load/.test(text)),
      [],
    );
  });

  it('says why it may not connect', async () => {
    await page.goto(address());
    for (let i = 0; i < 10; i++) {
      await fetch(`${address()}/metrics`, { headers: { authorization: `Bearer guess ${i}` } });
    }
    await page.getByLabel('Token').fill(daemon.tokens.view);
    await page.keyboard.press('Enter');
    await becomes(() => page.locator('#connection').textContent(), /too many wrong tokens .*; wait a minute/);
  });

  it('is served with a policy that lets nothing else in', async () => {
    const response = await fetch(`${address()}/`);
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    const again = (await fetch(`${address()}/`)).headers.get('content-security-policy');
    assert.notEqual(again, policy, 'a nonce is used once');
    for (const path of ['/main.js', '/main.css']) assert.equal((await fetch(address() + path)).status, 200);
    assert.equal((await fetch(`${address()}/../package.json`)).status, 404);
    await eventually('the daemon is well', () => daemon.pid > 0);
  });
});
