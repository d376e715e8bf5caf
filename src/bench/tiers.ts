// Which execution tiers and which techniques this Beeline has: what its command line offers.
import { createProgram } from '../cli/program.js';

function choicesOf(long: string): readonly string[] {
  const run = createProgram(() => undefined).commands.find((command) => command.name() === 'run');
  return run?.options.find((option) => option.long === long)?.argChoices ?? [];
}

/** Slowest first. */
export function availableTiers(): readonly string[] {
  return choicesOf('--tier').filter((name) => name !== 'auto');
}

/** What `--disable` can switch off in the direct tier. */
export function knownTechniques(): readonly string[] {
  return choicesOf('--disable').filter((name) => name !== 'all');
}
