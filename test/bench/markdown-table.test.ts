import { strict as assert } from 'node:assert';
import { markdownTable, threeFigures } from '../../src/bench/markdown-table.js';

describe('Markdown tables', () => {
  it('line up', () => {
    const columns = [
      { title: 'name', align: 'left' },
      { title: 's', align: 'right' },
    ] as const;
    assert.equal(
      markdownTable(columns, [['fib', '12.5'], ['long name']]),
      [
        '| name      |    s |\n', //
        '| --------- | ---: |\n',
        '| fib       | 12.5 |\n',
        '| long name |      |\n',
      ].join(''),
    );
  });

  it('keep what would end a cell', () => {
    assert.match(markdownTable([{ title: 'a', align: 'left' }], [['x|y']]), /^\| x\\\|y \|$/m);
  });

  it('show three figures', () => {
    assert.deepEqual([0.01234, 0.5, 1.234, 12.34, 1234.5].map(threeFigures), [
      '0.012',
      '0.500',
      '1.23',
      '12.3',
      '1235',
    ]);
    assert.equal(threeFigures(Number.NaN), '');
  });
});
