// Linux guests of a test's daemon, by the shell at their console.
import { strict as assert } from 'node:assert';
import type { MonitorClient } from '../../src/monitor/client.js';
import { eventually, type TestDaemon } from './daemon.js';

/** Seconds; a machine that is busy may need several times what an idle one does. */
const bootLimit = 90;
const commandLimit = 45;

/** Behind it the shell may ask a terminal without a size for its cursor. */
const prompt = /beeline:.*# (\x1b\[6n)?$/;

/** Waits until the shell takes commands: nothing has come behind its prompt. */
export async function waitForPrompt(client: MonitorClient, vm: string): Promise<void> {
  await eventually(
    `the prompt of ${vm}`,
    async () => {
      const { base64 } = await client.call('console.read', { vm, length: 500 });
      return prompt.test(Buffer.from(base64, 'base64').toString());
    },
    bootLimit,
  );
}

/** Runs it in the shell, where it has to succeed; returns what it prints, but for white space around it. */
export async function inGuest(daemon: TestDaemon, vm: string, command: string): Promise<string> {
  const args = ['exec', '--timeout', String(commandLimit), vm, command];
  const { status, stdout, stderr } = await daemon.cli(args, { limit: 2 * commandLimit });
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
  return stdout.trim();
}
