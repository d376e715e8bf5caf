// Clears up behind tests that could not: node reaper.js, with a folder a line on standard input, and "- FOLDER" when it is
// gone. When the input ends, as it does when the tests are killed, what runs in the folders left, or was started with one of
// them, is killed, and they are removed. Guests of a daemon are meant to outlive it: nothing else would end them.
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** By its working folder, or by a path in the words it was started with. */
function isOf(pid: string, folder: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) return true;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
  } catch {
    // It has ended.
    return false;
  }
}

function killAll(folder: string): boolean {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = pids.filter((pid) => isOf(pid, folder));
  for (const pid of found) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  return found.length > 0;
}

const folders = new Set<string>();
for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith('- ')) folders.delete(line.slice(2));
  else folders.add(line);
}
for (const folder of folders) {
  // A daemon may have been about to start another guest.
  while (killAll(folder)) await new Promise((resolve) => setTimeout(resolve, 50));
  rmSync(folder, { recursive: true, force: true });
}
