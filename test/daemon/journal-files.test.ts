import { strict as assert } from 'node:assert';
import { appendFileSync, readdirSync } from 'node:fs';
import { JournalReader, JournalWriter } from '../../src/daemon/journal-files.js';
import { TemporaryFolder } from '../support/temporary.js';

interface Entry {
  readonly seq: number;
  readonly text: string;
}

const large = { segmentBytes: 1 << 20, segmentsKept: 4 };
const seqs = (entries: readonly Entry[]) => entries.map(({ seq }) => seq);

describe('the journal', () => {
  const folder = new TemporaryFolder();

  function append(journal: JournalWriter<Entry>, count: number): void {
    for (let i = 0; i < count; i++) journal.append({ seq: journal.nextSeq, text: `entry ${journal.nextSeq}` });
  }

  it('numbers from 1 on, and goes on after a new start', () => {
    const first = new JournalWriter<Entry>(folder.path, large);
    assert.equal(first.nextSeq, 1);
    append(first, 3);
    first.close();
    const second = new JournalWriter<Entry>(folder.path, large);
    assert.equal(second.nextSeq, 4);
    append(second, 1);
    assert.deepEqual(seqs(second.read(0, 10)), [1, 2, 3, 4]);
    assert.deepEqual(seqs(second.read(2, 1)), [3]);
    assert.deepEqual(seqs(second.read(4, 10)), []);
    second.close();
  });

  it('forgets a line that was not finished, and writes over it', () => {
    const first = new JournalWriter<Entry>(folder.path, large);
    append(first, 2);
    first.close();
    const [segment = ''] = readdirSync(folder.path);
    appendFileSync(folder.at(segment), '{"seq":3,"te');
    assert.equal(new JournalReader<Entry>(folder.path).last(), 2);
    const second = new JournalWriter<Entry>(folder.path, large);
    append(second, 1);
    assert.deepEqual(
      second.read(0, 10).map(({ text }) => text),
      ['entry 1', 'entry 2', 'entry 3'],
    );
    second.close();
  });

  it('keeps so many files, drops the oldest, and reads over their borders', () => {
    const journal = new JournalWriter<Entry>(folder.path, { segmentBytes: 100, segmentsKept: 3 });
    append(journal, 20);
    assert.equal(readdirSync(folder.path).length, 3);
    const first = journal.first() ?? 0;
    assert.ok(first > 1);
    const kept = seqs(journal.read(0, 100));
    assert.equal(kept[0], first);
    assert.deepEqual(
      kept,
      Array.from({ length: 20 - first + 1 }, (_unused, index) => first + index),
    );
    assert.deepEqual(seqs(journal.read(18, 100)), [19, 20]);
    journal.close();
    assert.equal(new JournalWriter<Entry>(folder.path, large).nextSeq, 21);
  });

  it('is empty where there is nothing', () => {
    const reader = new JournalReader<Entry>(folder.at('nowhere'));
    assert.deepEqual(reader.read(0, 10), []);
    assert.equal(reader.last(), 0);
    assert.equal(reader.first(), undefined);
  });
});
