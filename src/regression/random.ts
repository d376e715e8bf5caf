// Random numbers that are the same in every run.

/** Numbers from 0 up to 1, by Marsaglia's xorshift of 32 bits. */
export function seededRandom(seed: number): () => number {
  // Zero would stay zero.
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** As many of `values` as there are, each drawn anew. */
export function resample(values: readonly number[], count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => values[Math.floor(random() * values.length)] ?? Number.NaN);
}

/** In place (Fisher and Yates). */
export function shuffle(values: number[], random: () => number): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const kept = values[last] ?? Number.NaN;
    values[last] = values[other] ?? Number.NaN;
    values[other] = kept;
  }
}
