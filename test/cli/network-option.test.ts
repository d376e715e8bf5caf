import { strict as assert } from 'node:assert';
import { parseNet } from '../../src/cli/network-option.js';
import { throwsCode } from '../support/throws.js';

const plain = { kind: 'user', mac: '', restrict: false, forwards: [], interface: '' };

describe('networks on the command line', () => {
  it('are taken apart', () => {
    assert.deepEqual(parseNet('user'), plain);
    assert.deepEqual(parseNet('user,hostfwd=tcp:127.0.0.1:2222-:22,restrict,mac=52:54:00:AA:00:01'), {
      ...plain,
      mac: '52:54:00:aa:00:01',
      restrict: true,
      forwards: [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 2222, guestAddress: '', guestPort: 22 }],
    });
    assert.equal(parseNet('user,hostfwd=udp::53-10.0.2.16:5353,hostfwd=::80-:80').forwards.length, 2);
    assert.deepEqual(parseNet('tap,ifname=tap0,bus=pci'), { ...plain, kind: 'tap', interface: 'tap0', bus: 'pci' });
  });

  it('are refused when malformed', () => {
    for (const text of [
      '',
      'bridge',
      'user,',
      'user,ifname=tap0',
      'user,restrict=maybe',
      'user,restrict,restrict',
      'user,hostfwd',
      'user,hostfwd=tcp:2222-22',
      'user,hostfwd=sctp::1-:1',
      'user,hostfwd=tcp::0-:22',
      'user,hostfwd=tcp::1-:65536',
      'user,hostfwd=tcp:localhost:1-:1',
      'user,id=a',
      'tap',
      'tap,ifname=',
      'tap,ifname=a,hostfwd=tcp::1-:1',
    ]) {
      assert.match(throwsCode('BEELINE_E_OPTION_VALUE', () => parseNet(text)).message, /^--net: .*; write it as user/);
    }
    for (const text of ['', '52:54:00:12:34', '53:54:00:12:34:56']) {
      throwsCode('BEELINE_E_OPTION_VALUE', () => parseNet(`user,mac=${text}`));
    }
  });
});
