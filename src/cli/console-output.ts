// What a guest's console writes, as it is, or as JSON: a line for each piece.

export class ConsoleOutput {
  readonly #json: boolean;
  // A letter may be cut in two.
  readonly #decoder = new TextDecoder();

  constructor(json: boolean) {
    this.#json = json;
  }

  readonly take = (bytes: Uint8Array, offset: number): void => {
    if (!this.#json) process.stdout.write(bytes);
    else this.#print({ offset, text: this.#decoder.decode(bytes, { stream: true }) });
  };

  /** `words` is for a person, on standard error. */
  miss(from: number, to: number, words: string): void {
    if (!this.#json) process.stderr.write(words);
    else this.#print({ offset: from, missed: to - from });
  }

  #print(value: object): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}
