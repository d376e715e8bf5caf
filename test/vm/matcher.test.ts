import { strict as assert } from 'node:assert';
import { AnsiStripper, ConsoleText, ConsoleWatcher, windowSize } from '../../src/vm/matcher.js';

function watch(sends: [string, string][], until?: RegExp) {
  const seen: string[] = [];
  const watcher = new ConsoleWatcher(
    sends.map(([regex, text]) => ({ regex: new RegExp(regex, 'gm'), text: Buffer.from(text) })),
    until,
    {
      onSend: (text) => seen.push(`send ${Buffer.from(text).toString()}`),
      onUntil: () => seen.push('until'),
      onPanic: () => seen.push('panic'),
      onPanicEnd: () => seen.push('panic end'),
    },
  );
  return { seen, push: (text: string) => watcher.push(Buffer.from(text)) };
}

describe('the console watcher', () => {
  it('finds text that arrives byte by byte', () => {
    const { seen, push } = watch([], /log.in:/);
    for (const character of 'boot\nlog in: ') push(character);
    assert.deepEqual(seen, ['until']);
  });

  it('fires each reply once, in order, on what came after the one before', () => {
    const { seen, push } = watch([
      ['# $', 'one'],
      ['# $', 'two'],
    ]);
    push('# ');
    assert.deepEqual(seen, ['send one']);
    push('one\r\nresult\r\n# ');
    assert.deepEqual(seen, ['send one', 'send two']);
    push('# # ');
    assert.equal(seen.length, 2);
  });

  it('fires several replies that one chunk answers', () => {
    const { seen, push } = watch([
      ['a', '1'],
      ['b', '2'],
    ]);
    push('ab');
    assert.deepEqual(seen, ['send 1', 'send 2']);
  });

  it('looks for --until after the last reply, and reports it once', () => {
    const { seen, push } = watch([['b', '1']], /a/);
    push('a');
    assert.deepEqual(seen, []);
    push('ba');
    push('a');
    assert.deepEqual(seen, ['send 1', 'until']);
  });

  it('sees a kernel panic and its end across chunks', () => {
    const { seen, push } = watch([]);
    push('[ 1.0] Kernel pan');
    push('ic - not syncing: VFS\n');
    assert.deepEqual(seen, ['panic']);
    push('Kernel panic - not syncing\n---[ end Kernel panic - not syncing: VFS ]---');
    assert.deepEqual(seen, ['panic']);
    push('\n');
    assert.deepEqual(seen, ['panic', 'panic end']);
  });

  it('ignores escape sequences, wherever they are cut', () => {
    const text = '\x1b[1;32mbee\x1b]0;title\x07line\x1b[0m\x1b(B:\x1b[6n ok';
    for (let cut = 0; cut <= text.length; cut++) {
      const { seen, push } = watch([], /beeline: ok/);
      push(text.slice(0, cut));
      push(text.slice(cut));
      assert.deepEqual(seen, ['until'], `cut at ${cut}`);
    }
  });

  it('decodes characters that are cut in two', () => {
    const { seen, push } = watch([], /é/);
    void push;
    const watcher = new ConsoleWatcher([], /é/, {
      onSend: () => undefined,
      onUntil: () => seen.push('until'),
      onPanic: () => undefined,
      onPanicEnd: () => undefined,
    });
    watcher.push(Uint8Array.of(0xc3));
    watcher.push(Uint8Array.of(0xa9));
    assert.deepEqual(seen, ['until']);
  });

  it('matches in the middle of a chunk longer than its window', () => {
    const { seen, push } = watch([], /needle/);
    push(`${'x'.repeat(3 * windowSize)}needle${'x'.repeat(3 * windowSize)}`);
    assert.deepEqual(seen, ['until']);
  });

  it('keeps a bounded past', () => {
    const text = new ConsoleText();
    for (let i = 0; i < 100; i++) text.push(Buffer.alloc(windowSize / 4, 'y'));
    assert.equal(text.find(/y/g, 0), 100 * (windowSize / 4) - windowSize + 1);
    assert.equal(text.end, 100 * (windowSize / 4));
  });

  it('does not hold back text for a sequence that never ends', () => {
    const stripper = new AnsiStripper();
    let out = stripper.push('\x1b]0;');
    for (let i = 0; i < 100; i++) out += stripper.push('z'.repeat(100));
    assert.ok(out.length > 1000);
  });
});
