// Follows all events of a daemon over its deaths, and judges whether each has come exactly once.
import { strict as assert } from 'node:assert';
import { connect } from '../../src/monitor/connect.js';
import { type EventNotice, followEvents } from '../../src/monitor/follow.js';

const numberOf = (cursor: string) => Number(cursor.split(':')[1]);

export class EventHistory {
  readonly events: EventNotice[] = [];
  /** How often the connection was lost, or could not be made. */
  lost = 0;
  readonly #controller = new AbortController();
  readonly #ended: Promise<void>;
  #begin: string | undefined;

  constructor(socket: string) {
    this.#ended = followEvents({
      connect: () => connect({ kind: 'unix', path: socket }),
      filter: {},
      cursor: undefined,
      onEvent: (event) => this.events.push(event),
      onMissed: (count) => assert.fail(`${count} events are missing`),
      onLost: () => this.lost++,
      onSubscribed: (cursor) => {
        this.#begin ??= cursor;
      },
      signal: this.#controller.signal,
    });
  }

  get isFollowing(): boolean {
    return this.#begin !== undefined;
  }

  async end(): Promise<void> {
    this.#controller.abort();
    await this.#ended;
  }

  states(vm: string): string[] {
    return this.events.flatMap(({ event, vm: about, data }) =>
      event === 'vm.state' && about?.name === vm ? [(data as { to: string }).to] : [],
    );
  }

  count(event: string): number {
    return this.events.filter((one) => one.event === event).length;
  }

  /** Numbers without a gap or a repetition, and each guest's states in one chain. */
  check(): void {
    const first = numberOf(this.#begin ?? '') + 1;
    const numbers = this.events.map(({ cursor }) => numberOf(cursor));
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_unused, index) => first + index),
    );
    const last = new Map<string, string>();
    for (const { event, vm, data } of this.events) {
      if (event !== 'vm.state' || vm === null) continue;
      const { from, to } = data as { from: string; to: string };
      assert.equal(from, last.get(vm.id) ?? 'created', `${vm.name} went to ${to}`);
      last.set(vm.id, to);
    }
  }
}
