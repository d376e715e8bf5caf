import { strict as assert } from 'node:assert';
import { commands } from '../../src/qmp/commands.js';
import { qmpSchema } from '../../src/qmp/introspection.js';
import { QmpSession, type QmpTarget } from '../../src/qmp/session.js';
import { fuzzCount, fuzzSeed, Random } from '../support/random.js';

type Message = Readonly<Record<string, unknown>>;

class Client {
  readonly messages: Message[] = [];
  readonly called: string[] = [];
  paused = false;
  closed = false;
  /** Commands that take their time until they are released. */
  release: () => void = () => undefined;
  readonly session: QmpSession;

  constructor() {
    const target = new Proxy({} as QmpTarget, {
      get: (_target, name: string) => () => {
        this.called.push(name);
        if (name === 'query-name') return { name: 'a' };
        if (name !== 'stop') return {};
        return new Promise((resolve) => {
          this.release = () => resolve({});
        });
      },
    });
    this.session = new QmpSession(target, {
      send: (text) => {
        assert.match(text, /^\{.*\}\r\n$/);
        this.messages.push(JSON.parse(text) as Message);
      },
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
      },
      close: () => {
        this.closed = true;
      },
    });
  }

  /** Sends, and gives back what was answered at once. */
  async say(...requests: unknown[]): Promise<Message[]> {
    const before = this.messages.length;
    for (const request of requests) {
      this.session.push(Buffer.from(typeof request === 'string' ? request : JSON.stringify(request)));
    }
    await new Promise((resolve) => setImmediate(resolve));
    return this.messages.slice(before);
  }
}

const described = (message: Message | undefined) =>
  (message?.error as { class: string; desc: string } | undefined) ?? { class: '', desc: '' };

describe('a session of QMP', () => {
  it('greets, and does nothing before capabilities are negotiated', async () => {
    const client = new Client();
    const greeting = client.messages[0]?.QMP as { capabilities: string[]; version: { qemu: object } };
    assert.deepEqual(greeting.capabilities, ['oob']);
    client.session.event('STOP', {});
    const [refused] = await client.say({ execute: 'query-status' });
    assert.equal(described(refused).class, 'CommandNotFound');
    assert.deepEqual(await client.say({ execute: 'qmp_capabilities' }), [{ return: {} }]);
    const [again] = await client.say({ execute: 'qmp_capabilities' });
    assert.equal(described(again).class, 'CommandNotFound');
    client.session.event('RESET', { guest: true, reason: 'guest-reset' }, 1500);
    assert.deepEqual(client.messages.at(-1), {
      event: 'RESET',
      data: { guest: true, reason: 'guest-reset' },
      timestamp: { seconds: 1, microseconds: 500_000 },
    });
    assert.deepEqual(client.called, []);
  });

  it('answers with the id, whatever it is', async () => {
    const client = new Client();
    await client.say({ execute: 'qmp_capabilities' });
    for (const id of ['x', 7, { a: [1] }, null, false]) {
      assert.deepEqual(await client.say({ execute: 'query-name', id }), [{ return: { name: 'a' }, id }]);
    }
    const [unknown] = await client.say({ execute: 'frobnicate', id: 3 });
    assert.deepEqual(unknown, {
      error: { class: 'CommandNotFound', desc: 'The command frobnicate has not been found' },
      id: 3,
    });
  });

  it('refuses what is malformed before it does anything', async () => {
    const client = new Client();
    await client.say({ execute: 'qmp_capabilities' });
    for (const request of [
      { execute: 'system_reset', arguments: { x: 1 } },
      { execute: 'system_reset', arguments: [] },
      { execute: 'system_reset', more: 1 },
      { execute: 'system_reset', 'exec-oob': 'system_reset' },
      { execute: 7 },
      {},
      '{"execute": "system_reset"]}',
      'nonsense\n',
      { 'exec-oob': 'query-status' },
    ]) {
      const [answer] = await client.say(request);
      assert.equal(described(answer).class, 'GenericError', JSON.stringify(request));
    }
    assert.deepEqual(client.called, []);
  });

  it('does one after the other, out of band at once, and lets a hasty client wait', async () => {
    const client = new Client();
    await client.say({ execute: 'qmp_capabilities', arguments: { enable: ['oob'] } });
    const waiting = Array.from({ length: 9 }, (_unused, id) => ({ execute: 'query-name', id }));
    assert.deepEqual(await client.say({ execute: 'stop', id: 'stop' }, ...waiting), []);
    assert.equal(client.paused, true);
    assert.deepEqual(await client.say({ 'exec-oob': 'query-name', id: 'now' }), [{ return: { name: 'a' }, id: 'now' }]);
    const [refused] = await client.say({ 'exec-oob': 'system_reset' });
    assert.match(described(refused).desc, /does not support OOB/);
    const before = client.messages.length;
    client.release();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      client.messages.slice(before).map(({ id }) => id),
      ['stop', 0, 1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.equal(client.paused, false);
  });

  it('describes itself completely', async () => {
    const client = new Client();
    await client.say({ execute: 'qmp_capabilities' });
    const [answer] = await client.say({ execute: 'query-commands' });
    assert.deepEqual(
      (answer as { return: { name: string }[] }).return.map(({ name }) => name),
      Object.keys(commands),
    );
    const schema = qmpSchema();
    const names = new Set(schema.map(({ name }) => name));
    for (const info of schema) {
      for (const key of ['arg-type', 'ret-type', 'element-type']) {
        if (key in info) assert.ok(names.has(info[key]), JSON.stringify(info));
      }
      for (const { type } of (info.members as { type?: unknown }[] | undefined) ?? []) {
        if (type !== undefined) assert.ok(names.has(type), JSON.stringify(info));
      }
    }
    assert.equal(names.size, schema.length);
  });

  it('closes on an object without end', async () => {
    const client = new Client();
    await client.say('{'.repeat(1_100_000));
    assert.ok(client.closed);
    assert.deepEqual(await client.say({ execute: 'qmp_capabilities' }), []);
  });

  it(`survives ${fuzzCount} random and mutated requests (seed ${fuzzSeed})`, async function () {
    this.timeout(60_000 + fuzzCount * 4);
    const random = new Random(fuzzSeed);
    const below = (limit: number) => random.below(limit);
    const names = [...Object.keys(commands).filter((name) => name !== 'stop'), '', '__proto__', 'constructor'];
    const values = [
      null,
      1,
      'x',
      {},
      [],
      true,
      { enable: ['oob'] },
      { x: 1 },
      { id: 'x' },
      { path: '/' },
      { target: 'vm' },
    ];
    for (let n = 0; n < fuzzCount; n++) {
      const client = new Client();
      if (below(4) > 0) await client.say({ execute: 'qmp_capabilities', arguments: { enable: ['oob'] } });
      const request = JSON.stringify({
        [below(3) === 0 ? 'exec-oob' : 'execute']: names[below(names.length)],
        arguments: values[below(values.length)],
        id: values[below(values.length)],
      });
      const bytes = Buffer.from(request);
      for (let m = below(4); m > 0; m--) bytes[below(bytes.length)] = below(256);
      // Whatever has been left open, a string or objects, this closes.
      const answers = await client.say(
        bytes.toString('latin1'),
        '"\n}}}}\n"}}}}\n',
        '{"execute":"frobnicate","id":"last"}',
      );
      assert.ok(
        answers.some((answer) => answer.id === 'last' && 'error' in answer),
        request,
      );
    }
  });
});
