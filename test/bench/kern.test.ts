import { strict as assert } from 'node:assert';
import { kernCommand, kernLinePattern, parseKernLine } from '../../src/bench/kern.js';

function parse(workload: string, text: string) {
  const match = kernLinePattern(workload).exec(text);
  return match === null ? undefined : parseKernLine(match);
}

describe('the lines of the workloads', () => {
  it('hold seconds and checksum', () => {
    assert.deepEqual(parse('fib', '/kern fib; ...\r\nfib 1.2345 00ff00ff00ff00ff\r\n'), {
      kind: 'result',
      result: { seconds: 1.2345, checksum: '00ff00ff00ff00ff' },
    });
  });

  it('tell the beginning of what counts, and the end', () => {
    assert.deepEqual(parse('cold-straight', 'cold-straight begins\r\n'), { kind: 'begins' });
    assert.deepEqual(parse('fib', 'Segmentation fault\r\n[ended 139]\r\n'), { kind: 'ended', status: 139 });
  });

  it('are not mistaken for the command that the terminal echoes', () => {
    assert.equal(parse('fib', `beeline:~# ${kernCommand('fib')}`), undefined);
    assert.equal(parse('fib', kernCommand('fib')), undefined);
  });

  it('are not taken before they are whole', () => {
    assert.equal(parse('fib', 'fib 1.2345 00ff00ff00'), undefined);
    assert.equal(parse('fib', '[ended 13'), undefined);
  });

  it('belong to one workload', () => {
    assert.equal(parse('fib', 'fib-other 1.0 00ff00ff00ff00ff\n'), undefined);
    assert.equal(parse('a.b', 'aXb 1.0 00ff00ff00ff00ff\n'), undefined);
  });
});
