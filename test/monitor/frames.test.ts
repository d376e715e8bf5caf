import { strict as assert } from 'node:assert';
import { FrameKind, readFrame, writeFrame } from '../../src/monitor/frames.js';

describe('binary frames', () => {
  it('are read as they were written', () => {
    const frame = { kind: FrameKind.output, stream: 0xffff_ffff, offset: 2 ** 40 + 1, bytes: Uint8Array.of(1, 2, 3) };
    const back = readFrame(writeFrame(frame));
    assert.deepEqual({ ...back, bytes: [...(back?.bytes ?? [])] }, { ...frame, bytes: [1, 2, 3] });
  });

  it('are refused when short, of an unknown kind, with reserved bytes set, or with an offset beyond all', () => {
    const good = writeFrame({ kind: FrameKind.input, stream: 1, offset: 0, bytes: new Uint8Array() });
    assert.ok(readFrame(good) !== undefined);
    assert.equal(readFrame(good.subarray(0, 15)), undefined);
    for (const [index, value] of [
      [0, 0],
      [0, 3],
      [1, 1],
      [3, 1],
      [15, 0x80],
    ] as const) {
      const bad = Uint8Array.from(good);
      bad[index] = value;
      assert.equal(readFrame(bad), undefined, `byte ${index}`);
    }
  });
});
