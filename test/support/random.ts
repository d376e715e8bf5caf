// Random messages that come again for the same seed.

/** BEELINE_FUZZ=MESSAGES[@SEED] asks for more, or for the same again. */
const [messageText = '5000', seedText = '1'] = (process.env.BEELINE_FUZZ ?? '5000@1').split('@');
export const fuzzCount = Number(messageText);
export const fuzzSeed = Number(seedText);

/** xorshift32. */
export class Random {
  #state: number;

  constructor(state: number) {
    this.#state = state || 1;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}
