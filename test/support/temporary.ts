// A folder that lasts as long as a test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class TemporaryFolder {
  path = '';

  /** Call in a describe block: every test gets a new, empty folder. `before` ends what still uses it. */
  constructor(before: () => Promise<void> | undefined = () => undefined) {
    beforeEach(() => {
      this.path = mkdtempSync(join(tmpdir(), 'beeline-test-'));
    });
    afterEach(async () => {
      await before();
      rmSync(this.path, { recursive: true, force: true });
    });
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }
}
