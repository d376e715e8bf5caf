import { strict as assert } from 'node:assert';
import { joinPorts, parseConsole, parsePort } from '../../src/cli/port-option.js';
import { throwsCode } from '../support/throws.js';

const plain = { console: true, name: '', kind: 'socket', path: '/s', truncate: false };

describe('consoles and ports on the command line', () => {
  it('are taken apart', () => {
    assert.deepEqual(parseConsole('socket=/s'), plain);
    assert.deepEqual(parseConsole('stdio,name=tty,bus=pci'), {
      ...plain,
      kind: 'serial',
      path: '',
      name: 'tty',
      bus: 'pci',
    });
    assert.deepEqual(parsePort('org.example.0,file=a,,b,truncate'), {
      ...plain,
      console: false,
      name: 'org.example.0',
      kind: 'file',
      path: 'a,b',
      truncate: true,
    });
  });

  it('are refused when malformed', () => {
    for (const text of [
      '',
      'socket',
      'socket=',
      'socket=/a,file=/b',
      'socket=/a,truncate',
      'pipe=/a',
      'stdio,',
      'stdio,name=',
    ]) {
      const { message } = throwsCode('BEELINE_E_OPTION_VALUE', () => parseConsole(text));
      assert.match(message, /^--console: .*; write it as socket=PATH/);
    }
    for (const text of ['', 'a', ',socket=/s', 'a b,socket=/s', 'a,socket=/s,name=b', 'a,socket=/s,bus=usb']) {
      const { message } = throwsCode('BEELINE_E_OPTION_VALUE', () => parsePort(text));
      assert.match(message, /^--port: .*; write it as NAME,socket=PATH/);
    }
    const ports = [parsePort('a,socket=/s'), parsePort('a,socket=/t')];
    assert.match(throwsCode('BEELINE_E_OPTION_VALUE', () => joinPorts([], ports)).message, /two ports called a/);
  });
});
