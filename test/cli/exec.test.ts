import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { ExecOutput, type ExecResult, shellLine } from '../../src/cli/exec.js';

/** As a console delivers it, in pieces of every length. */
function push(output: ExecOutput, text: string, piece: number): ExecResult | undefined {
  const bytes = Buffer.from(text);
  let result: ExecResult | undefined;
  for (let at = 0; at < bytes.length; at += piece) result ??= output.push(bytes.subarray(at, at + piece));
  return result;
}

describe('what a command in a guest printed', () => {
  it('is found between the marks, whatever comes before and however it is cut', () => {
    const console = "old\r\n# echo be''gin-7; { x\r\n> }\r\nbegin-7\r\n\x1b[1mone\x1b[0m\r\ntwo\r\n\r\nend-7-3\r\n# ";
    for (const piece of [1, 2, 7, 1000]) {
      assert.deepEqual(push(new ExecOutput('7'), console, piece), { status: 3, output: 'one\ntwo\n' });
    }
  });

  it('may be nothing, or lack its last line end', () => {
    assert.deepEqual(push(new ExecOutput('7'), 'begin-7\r\n\r\nend-7-0\r\n', 1000), { status: 0, output: '' });
    assert.deepEqual(push(new ExecOutput('7'), 'begin-7\r\nx\r\nend-7-0\r\n', 1000), { status: 0, output: 'x' });
    assert.equal(push(new ExecOutput('7'), 'begin-7\r\nx\r\nend-7-', 1000), undefined);
  });

  it('comes of a line that a shell understands', () => {
    for (const [command, expected] of [
      ['echo a; (exit 3)', { status: 3, output: 'a\n' }],
      ['printf a # and so on', { status: 0, output: 'a' }],
      ['false', { status: 1, output: '' }],
    ] as const) {
      const { stdout } = spawnSync('sh', [], { input: shellLine(command, '7'), encoding: 'utf8' });
      assert.deepEqual(push(new ExecOutput('7'), stdout, 1000), expected);
    }
  });
});
