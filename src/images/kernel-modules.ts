// Finds Linux modules in an unpacked kernel package, with the modules they need.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ToolError } from '../process.js';

export interface KernelModule {
  /** With _ for -, as the kernel calls it. */
  readonly name: string;
  readonly data: Buffer;
}

/** The modules that an AArch64 ELF module needs: `depends=` in its section .modinfo. */
export function moduleDependencies(elf: Buffer): string[] {
  const text = modinfo(elf)
    .toString('latin1')
    .split('\0')
    .find((entry) => entry.startsWith('depends='));
  return (text ?? '')
    .slice('depends='.length)
    .split(',')
    .filter((name) => name !== '')
    .map(canonical);
}

function modinfo(elf: Buffer): Buffer {
  const headers = Number(elf.readBigUInt64LE(0x28));
  const size = elf.readUInt16LE(0x3a);
  const section = (index: number) => {
    const at = headers + index * size;
    const offset = Number(elf.readBigUInt64LE(at + 0x18));
    return { name: elf.readUInt32LE(at), data: elf.subarray(offset, offset + Number(elf.readBigUInt64LE(at + 0x20))) };
  };
  const names = section(elf.readUInt16LE(0x3e)).data;
  for (let index = 0; index < elf.readUInt16LE(0x3c); index++) {
    const { name, data } = section(index);
    if (names.toString('latin1', name, names.indexOf(0, name)) === '.modinfo') return data;
  }
  return Buffer.alloc(0);
}

const canonical = (name: string) => name.replaceAll('-', '_');

/** `names` and what they need, each after what it needs. What is built into the kernel is left out. */
export function collectModules(folder: string, names: readonly string[]): KernelModule[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = new Map<string, string>();
  const builtIn = new Set<string>();
  for (const { name, parentPath } of entries) {
    const path = join(parentPath, name);
    if (name.endsWith('.ko')) files.set(canonical(basename(name, '.ko')), path);
    if (name !== 'modules.builtin') continue;
    for (const line of readFileSync(path, 'utf8').split('\n')) builtIn.add(canonical(basename(line, '.ko')));
  }
  const found = new Map<string, KernelModule>();
  const add = (name: string) => {
    if (found.has(name) || builtIn.has(name)) return;
    const path = files.get(name);
    if (path === undefined) {
      throw new ToolError('tar', undefined, `the kernel's package has no module ${name}`);
    }
    const data = readFileSync(path);
    for (const needed of moduleDependencies(data)) add(needed);
    found.set(name, { name, data });
  };
  for (const name of names) add(canonical(name));
  return [...found.values()];
}
