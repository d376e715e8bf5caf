import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identify, isAlive } from '../../src/daemon/process-identity.js';
import { projectRoot } from '../../src/paths.js';
import { eventually } from '../support/daemon.js';

describe('tests that are killed', function () {
  this.timeout(90_000);

  it('leave no daemon, no guest and no folder behind', async () => {
    const mocha = join(projectRoot, 'node_modules/mocha/bin/mocha.js');
    const tests = fileURLToPath(new URL('../support/abandoned.js', import.meta.url));
    const child = spawn(process.execPath, [mocha, '--no-config', tests], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
    });
    const line = await eventually('they have begun', () => /^.*abandoned (\{.*\})$/m.exec(output)?.[1], 60);
    const { processes: pids, folder } = JSON.parse(line) as { processes: number[]; folder: string };
    const processes = pids.map(identify);
    assert.ok(processes.every((identity) => identity !== undefined) && existsSync(folder));
    child.kill('SIGKILL');
    await eventually('all is gone', () => !existsSync(folder), 60);
    assert.deepEqual(
      processes.map((identity) => identity !== undefined && isAlive(identity)),
      [false, false],
    );
  });
});
