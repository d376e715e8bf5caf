// The head of an ELF core file of a whole machine: registers of its CPUs as notes, and where its RAM lies. gdb reads it
// with `core-file`, by physical addresses; crash goes by the kernel's own note, VMCOREINFO, when the kernel has one.
import type { NativeCpuState } from '../native/addon.js';

const headerBytes = 64;
const segmentBytes = 56;
/** ELF-64 Object File Format, and elf.h of Linux. */
const typeCore = 4;
const machineAArch64 = 183;
const segmentLoad = 1;
const segmentNote = 4;
const flagsReadWriteExecute = 7;
const noteStatus = 1;
const noteFloat = 2;
/** struct elf_prstatus of arm64: where the process id, the registers and the last member are, and its size. */
const statusPid = 32;
const statusRegisters = 112;
const statusBytes = 392;
/** struct user_fpsimd_state, with its two reserved words. */
const floatBytes = 528;
/** RAM follows at a multiple of this. */
const alignment = 4096;

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function note(name: string, type: number, description: Buffer): Buffer {
  const named = Buffer.from(`${name}\0`);
  const bytes = Buffer.alloc(12 + align(named.length, 4) + align(description.length, 4));
  bytes.writeUInt32LE(named.length, 0);
  bytes.writeUInt32LE(description.length, 4);
  bytes.writeUInt32LE(type, 8);
  named.copy(bytes, 12);
  description.copy(bytes, 12 + align(named.length, 4));
  return bytes;
}

/** gdb takes each pair of them for a thread; a CPU that is off has zeroes. */
function notesOf(cpu: number, state: NativeCpuState | undefined): Buffer {
  const status = Buffer.alloc(statusBytes);
  status.writeUInt32LE(cpu + 1, statusPid);
  const float = Buffer.alloc(floatBytes);
  if (state !== undefined) {
    for (const [index, value] of [...state.x, state.sp, state.pc, state.pstate].entries()) {
      status.writeBigUInt64LE(BigInt(value), statusRegisters + 8 * index);
    }
    for (const [index, text] of state.v.entries()) {
      const value = BigInt(text);
      float.writeBigUInt64LE(BigInt.asUintN(64, value), 16 * index);
      float.writeBigUInt64LE(value >> 64n, 16 * index + 8);
    }
    float.writeUInt32LE(Number(state.fpsr), 512);
    float.writeUInt32LE(Number(state.fpcr), 516);
  }
  return Buffer.concat([note('CORE', noteStatus, status), note('CORE', noteFloat, float)]);
}

export interface CoreContents {
  readonly cpus: readonly (NativeCpuState | undefined)[];
  /** The kernel's note about itself, whole; empty when it has none. */
  readonly kernelNote: Buffer;
  /** RAM: first physical address and size in bytes. */
  readonly address: number;
  readonly length: number;
}

/** What the file begins with; RAM follows as it is. */
export function coreHead({ cpus, kernelNote, address, length }: CoreContents): Buffer {
  const notes = Buffer.concat([...cpus.map((state, cpu) => notesOf(cpu, state)), kernelNote]);
  const notesAt = headerBytes + 2 * segmentBytes;
  const head = Buffer.alloc(align(notesAt + notes.length, alignment));
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(head);
  head.writeUInt16LE(typeCore, 16);
  head.writeUInt16LE(machineAArch64, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(headerBytes), 32);
  head.writeUInt16LE(headerBytes, 52);
  head.writeUInt16LE(segmentBytes, 54);
  head.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, flags: number, offset: number, where: number, size: number) => {
    head.writeUInt32LE(type, at);
    head.writeUInt32LE(flags, at + 4);
    for (const [index, value] of [offset, where, where, size, size, 0].entries()) {
      head.writeBigUInt64LE(BigInt(value), at + 8 + 8 * index);
    }
  };
  segment(headerBytes, segmentNote, 0, notesAt, 0, notes.length);
  segment(headerBytes + segmentBytes, segmentLoad, flagsReadWriteExecute, head.length, address, length);
  notes.copy(head, notesAt);
  return head;
}

const kernelNoteName = Buffer.from('VMCOREINFO\0');
const kernelNotePage = 4096;

/** The note that Linux keeps at the beginning of a page (kernel/vmcore_info.c), if `memory`, whole pages, has one. */
export function findKernelNote(memory: Buffer): Buffer | undefined {
  for (let at = 0; at + kernelNotePage <= memory.length; at += kernelNotePage) {
    if (memory.readUInt32LE(at) !== kernelNoteName.length) continue;
    const length = 12 + align(kernelNoteName.length, 4) + align(memory.readUInt32LE(at + 4), 4);
    const name = memory.subarray(at + 12, at + 12 + kernelNoteName.length);
    if (name.equals(kernelNoteName) && length <= kernelNotePage) return Buffer.from(memory.subarray(at, at + length));
  }
  return undefined;
}
