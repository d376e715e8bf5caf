// Guests of a few instructions, as machine code for `loads` at 0x40080000.
import { writeFileSync } from 'node:fs';

const guests = {
  /** Prints OK and powers off. */
  hello: [
    0x58000141, 0x528009e2, 0x39000022, 0x52800962, 0x39000022, 0x52b08000, 0x11002000, 0xd4000002, 0x14000000, 0,
    0x09000000, 0,
  ],
  /** 1: wfi; b 1b */
  idle: [0xd503207f, 0x17ffffff],
  /** Polls the serial port; answers each character with the next one; q powers off. */
  echo: [
    0x580001c1, 0xb9401822, 0x3727ffe2, 0xb9400022, 0x12001c42, 0x7101c45f, 0x54000080, 0x11000442, 0xb9000022,
    0x17fffff8, 0x52b08000, 0x11002000, 0xd4000002, 0x14000000, 0x09000000, 0,
  ],
  /** Prints 200000 characters, a to z over and over, and powers off. */
  flood: [
    0x58000201, 0x180001a3, 0x52800004, 0x11018482, 0xb9000022, 0x11000484, 0x7100689f, 0x1a8403e4, 0x71000463,
    0x54ffff41, 0x52b08000, 0x11002000, 0xd4000002, 0x14000000, 0x00030d40, 0, 0x09000000, 0,
  ],
  /** Prints r and resets, twice; then powers off. */
  reset: [
    0x580001c1, 0x52800e42, 0xb9000022, 0x580001a1, 0xf9400022, 0x91000442, 0xf9000022, 0x52b08000, 0x11002003,
    0x11002400, 0xf1000c5f, 0x1a800060, 0xd4000002, 0x14000000, 0x09000000, 0, 0x40100000, 0,
  ],
} as const;

export type TinyGuest = keyof typeof guests;

/** Writes it; returns what vm.create takes. */
export function tinyGuest(name: TinyGuest, path: string) {
  writeFileSync(path, Uint32Array.from(guests[name]));
  return { loads: [{ path, address: 0x4008_0000 }], memoryBytes: 32 * 1024 * 1024 };
}
