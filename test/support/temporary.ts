// A folder that lasts as long as a test, also when the tests are killed.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

let reaper: Socket | undefined;

/** Tells the process that clears up behind us. */
function tell(line: string): void {
  if (reaper === undefined) {
    const path = fileURLToPath(new URL('./reaper.js', import.meta.url));
    const child = spawn(process.execPath, [path], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    child.unref();
    reaper = child.stdin as Socket;
    reaper.unref();
  }
  reaper.write(`${line}\n`);
}

export class TemporaryFolder {
  path = '';

  /** Call in a describe block: every test gets a new, empty folder. `before` ends what still uses it. */
  constructor(before: () => Promise<void> | undefined = () => undefined) {
    beforeEach(() => {
      this.path = mkdtempSync(join(tmpdir(), 'beeline-test-'));
      tell(this.path);
    });
    afterEach(async () => {
      await before();
      rmSync(this.path, { recursive: true, force: true });
      tell(`- ${this.path}`);
    });
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }
}
