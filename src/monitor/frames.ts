// Binary frames: bytes of consoles, both ways.
//   0  kind, 1 byte   1: output of a guest, 2: input to a guest
//   1  zero, 3 bytes
//   4  stream, 4 bytes, little-endian, as console.attach gave it
//   8  offset of the first byte, 8 bytes, little-endian; zero in input
//  16  the bytes

export const frameHeaderBytes = 16;

export const FrameKind = { output: 1, input: 2 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export interface Frame {
  readonly kind: FrameKind;
  readonly stream: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export function writeFrame({ kind, stream, offset, bytes }: Frame): Uint8Array {
  const frame = new Uint8Array(frameHeaderBytes + bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, kind);
  view.setUint32(4, stream, true);
  view.setBigUint64(8, BigInt(offset), true);
  frame.set(bytes, frameHeaderBytes);
  return frame;
}

/** undefined when it is not such a frame. */
export function readFrame(data: Uint8Array): Frame | undefined {
  if (data.length < frameHeaderBytes) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const kind = Object.values(FrameKind).find((value) => value === view.getUint8(0));
  const offset = Number(view.getBigUint64(8, true));
  const reserved = view.getUint8(1) | view.getUint16(2, true);
  if (kind === undefined || reserved !== 0 || !Number.isSafeInteger(offset)) return undefined;
  return { kind, stream: view.getUint32(4, true), offset, bytes: data.subarray(frameHeaderBytes) };
}
