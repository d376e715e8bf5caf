// Limits on how often something may happen.

/** So many a second on average, twice that at once. */
export class TokenBucket {
  readonly #rate: number;
  readonly #depth: number;
  #level: number;
  #at: number;

  constructor(rate: number, now = performance.now()) {
    this.#rate = rate;
    this.#depth = 2 * rate;
    this.#level = this.#depth;
    this.#at = now;
  }

  /** Whether it may happen now. */
  take(now = performance.now()): boolean {
    this.#level = Math.min(this.#depth, this.#level + ((now - this.#at) / 1000) * this.#rate);
    this.#at = now;
    if (this.#level < 1) return false;
    this.#level--;
    return true;
  }
}

/** Addresses that have shown wrong tokens too often. */
export class Failures {
  readonly #allowed: number;
  readonly #period: number;
  readonly #counts = new Map<string, { count: number; since: number }>();

  /** `period` in milliseconds. */
  constructor(allowed: number, period: number) {
    this.#allowed = allowed;
    this.#period = period;
  }

  note(address: string, now = performance.now()): void {
    const entry = this.#counts.get(address);
    if (entry === undefined || now - entry.since > this.#period) {
      // Oldest first: whoever has many addresses does not make us remember all of them.
      if (this.#counts.size >= 1024) this.#counts.delete(this.#counts.keys().next().value ?? '');
      this.#counts.delete(address);
      this.#counts.set(address, { count: 1, since: now });
    } else {
      entry.count++;
    }
  }

  isBlocked(address: string, now = performance.now()): boolean {
    const entry = this.#counts.get(address);
    return entry !== undefined && now - entry.since <= this.#period && entry.count >= this.#allowed;
  }
}
