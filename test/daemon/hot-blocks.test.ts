import { strict as assert } from 'node:assert';
import type { MonitorClient } from '../../src/monitor/client.js';
import { daemonForEachTest, eventually } from '../support/daemon.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

describe('perf.hotBlocks', function () {
  this.timeout(90_000);
  let client: MonitorClient;
  const folder = daemonForEachTest(async (daemon) => {
    client = await daemon.client();
  });

  const hot = (params: object = {}) => client.call('perf.hotBlocks', { vm: 'echo', ...params });
  const create = (config: object) =>
    client.call('vm.create', {
      name: 'echo',
      config: { ...tinyGuest('echo', folder.at('echo')), ...config },
      start: true,
    });

  it('tells where a guest that runs or is paused spends its time', async () => {
    await create({ countBlocks: true });
    const found = await eventually('a block is hot', async () => {
      const blocks = await hot();
      return (blocks.blocks[0]?.executions ?? 0) >= 1000 && blocks;
    });
    assert.equal((await client.call('vm.status', { vm: 'echo' })).state, 'running');
    const first = found.blocks[0];
    assert.ok(first !== undefined && found.count >= found.blocks.length);
    // The loop that polls the serial port begins behind the load of its address.
    assert.deepEqual([first.cpu, first.pc, first.pa, first.el, first.inUse], [0, '0x40080004', '0x40080004', 1, true]);
    assert.ok(first.instructions > 0 && first.bytes > 0 && found.bytes >= first.bytes);
    assert.ok(found.instructions >= first.executions * first.instructions);

    await client.call('vm.pause', { vm: 'echo' });
    const paused = await hot({ by: 'executions' });
    assert.ok((paused.blocks[0]?.executions ?? 0) >= first.executions);
    assert.deepEqual(await hot({ by: 'executions' }), paused, 'a paused guest executes nothing');
    assert.equal((await hot({ top: 1 })).blocks.length, 1);
    const sizes = (await hot({ by: 'bytes', top: 1000 })).blocks.map(({ bytes }) => bytes);
    assert.deepEqual(
      sizes,
      [...sizes].sort((a, b) => b - a),
    );
    assert.equal(sizes.length, paused.count);
    await client.call('vm.stop', { vm: 'echo', timeout: 0 });
    await assert.rejects(hot(), refusedWith('BEELINE_E_VM_STATE'));
  });

  it('is refused for guests that do not count', async () => {
    await create({});
    await assert.rejects(hot(), refusedWith('BEELINE_E_BLOCKS_UNCOUNTED', /--count-blocks/));
    await client.call('vm.delete', { vm: 'echo', force: true });
    await assert.rejects(create({ countBlocks: true, tier: 'interpreter' }), refusedWith('BEELINE_E_PARAMS'));
  });
});
