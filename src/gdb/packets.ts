// Framing of the GDB remote protocol: $DATA#CHECKSUM, acknowledgements, the interrupt byte, escapes.

const dollar = 0x24;
const hash = 0x23;
const brace = 0x7d;
const star = 0x2a;
const interruptByte = 0x03;
const braceMask = 0x20;

/** Longest packet that is taken in, as it is on the wire. */
export const packetSize = 0x4000;

export type Incoming =
  | { readonly kind: 'packet'; readonly data: Buffer }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'acknowledged' }
  /** The other side has not understood what we sent last. */
  | { readonly kind: 'refused' }
  /** A packet whose checksum is wrong. */
  | { readonly kind: 'damaged' }
  /** Bytes that no gdb sends, such as a browser's. */
  | { readonly kind: 'noise' };

function checksum(data: Uint8Array): number {
  let sum = 0;
  for (const byte of data) sum = (sum + byte) & 0xff;
  return sum;
}

function unescaped(data: Buffer): Buffer {
  if (!data.includes(brace)) return Buffer.from(data);
  const out: number[] = [];
  for (let i = 0; i < data.length; i++) {
    const byte = data[i] ?? 0;
    if (byte !== brace) out.push(byte);
    else out.push((data[++i] ?? 0) ^ braceMask);
  }
  return Buffer.from(out);
}

export function encodePacket(data: Buffer | string): Buffer {
  const raw = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
  const body: number[] = [];
  for (const byte of raw) {
    if (byte === dollar || byte === hash || byte === brace || byte === star) body.push(brace, byte ^ braceMask);
    else body.push(byte);
  }
  const bytes = Buffer.from(body);
  const sum = checksum(bytes).toString(16).padStart(2, '0');
  return Buffer.concat([Buffer.from('$'), bytes, Buffer.from(`#${sum}`)]);
}

/** Cuts a stream of bytes, however it comes in pieces. Without end a packet is given up at twice packetSize. */
export class PacketReader {
  #pending: Buffer = Buffer.alloc(0);
  /** Off with QStartNoAckMode: checksums are then as good as the connection. */
  checks = true;

  push(bytes: Buffer): Incoming[] {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const found: Incoming[] = [];
    for (;;) {
      const first = this.#pending[0];
      if (first === undefined) return found;
      if (first !== dollar) {
        this.#pending = this.#pending.subarray(1);
        if (first === interruptByte) found.push({ kind: 'interrupt' });
        else if (first === 0x2b) found.push({ kind: 'acknowledged' });
        else if (first === 0x2d) found.push({ kind: 'refused' });
        else {
          this.#pending = Buffer.alloc(0);
          found.push({ kind: 'noise' });
        }
        continue;
      }
      const end = this.#pending.indexOf(hash);
      if (end < 0 || end + 2 >= this.#pending.length) {
        if (this.#pending.length <= 2 * packetSize) return found;
        this.#pending = Buffer.alloc(0);
        found.push({ kind: 'noise' });
        return found;
      }
      const body = this.#pending.subarray(1, end);
      const sum = this.#pending.toString('latin1', end + 1, end + 3);
      this.#pending = this.#pending.subarray(end + 3);
      const whole = !this.checks || (/^[0-9a-fA-F]{2}$/.test(sum) && Number.parseInt(sum, 16) === checksum(body));
      found.push(whole ? { kind: 'packet', data: unescaped(body) } : { kind: 'damaged' });
    }
  }
}
