import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { completionScript, shells } from '../../src/cli/completion.js';
import { createProgram } from '../../src/cli/program.js';

describe('shell completions', () => {
  const program = createProgram(() => undefined);

  /** What bash offers for the last of `words`. */
  function offered(...words: string[]): string[] {
    const script = `beeline() { echo debian-busybox; }
${completionScript(program, 'bash')}
COMP_WORDS=(beeline ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
_beeline; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return stdout.split('\n').filter((line) => line !== '');
  }

  it('complete in bash', () => {
    assert.deepEqual(offered('do'), ['doctor']);
    assert.deepEqual(offered('run', '--ke'), ['--kernel']);
    assert.deepEqual(offered('run', 'deb'), ['debian-busybox']);
    assert.deepEqual(offered('run', '--cpu', ''), ['n1', 'a57']);
    assert.deepEqual(offered('image', 'b'), ['build']);
    assert.deepEqual(offered('image', 'build', '--f'), ['--force']);
    assert.deepEqual(offered('inspect', 'bl'), ['blocks', 'block']);
    assert.deepEqual(offered('inspect', 'hot', '--t'), ['--top']);
    assert.ok(offered('inspect', 'blocks', 'package').includes('package.json'));
    assert.deepEqual(offered('completion', ''), ['bash', 'zsh', 'fish', '--help']);
  });

  it('mention every command and option in every shell', () => {
    for (const shell of shells) {
      const script = completionScript(program, shell);
      for (const word of ['doctor', 'verify', 'kernel', 'no-reboot', 'interpreter', 'force']) {
        assert.ok(script.includes(word), `${word} in ${shell}`);
      }
    }
  });
});
