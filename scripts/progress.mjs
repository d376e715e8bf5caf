// Shows steps: one live line on a terminal, plain lines elsewhere.
import { spawn } from 'node:child_process';

const live = process.stderr.isTTY === true;

/** A step that failed in a way worth one line; `output` is what its tool printed. */
export class StepError extends Error {
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/** Runs one step and shows how long it took. */
export async function step(title, run) {
  const begun = Date.now();
  const seconds = () => `${((Date.now() - begun) / 1000).toFixed(0)} s`;
  let detail = '';
  const draw = () => {
    const width = Math.max(20, (process.stderr.columns ?? 80) - 1);
    process.stderr.write(`\r\x1b[K${`… ${title} (${seconds()}) ${detail}`.slice(0, width)}`);
  };
  const timer = live ? setInterval(draw, 200) : undefined;
  if (live) draw();
  else process.stderr.write(`setup: ${title}\n`);
  try {
    await run((line) => {
      detail = line.replace(/[^\x20-\x7e]/g, '').trim();
    });
    if (live) process.stderr.write(`\r\x1b[K✓ ${title} (${seconds()})\n`);
  } catch (error) {
    if (live) process.stderr.write(`\r\x1b[K✗ ${title}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Runs a tool, its output kept for the case that it fails. */
export function tool(command, args, { report = () => undefined, env = {}, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (data) => {
      const text = data.toString();
      output = (output + text).slice(-200_000);
      const lines = text.split('\n').filter((line) => line.trim() !== '');
      if (lines.length > 0) report(lines.at(-1));
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => reject(new StepError(`${command}: ${error.message}`)));
    child.on('close', (status, signal) => {
      if (status === 0) resolve(output);
      else reject(new StepError(`${command} ${args[0] ?? ''} ended with ${signal ?? `status ${status}`}`, output));
    });
  });
}
