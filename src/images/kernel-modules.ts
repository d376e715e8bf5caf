// Finds Linux modules in an unpacked kernel package, with the modules they need.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ToolError } from '../process.js';

export interface KernelModule {
  /** With _ for -, as the kernel calls it. */
  readonly name: string;
  readonly data: Buffer;
}

/** The modules that an AArch64 ELF module needs: `depends=` in its section .modinfo. */
export function moduleDependencies(elf: Buffer): string[] {
  return moduleInfo(elf, 'depends')
    .flatMap((value) => value.split(','))
    .filter((name) => name !== '')
    .map(canonical);
}

/** Values of a key in a module's section .modinfo. */
function moduleInfo(elf: Buffer, key: string): string[] {
  return modinfo(elf)
    .toString('latin1')
    .split('\0')
    .filter((entry) => entry.startsWith(`${key}=`))
    .map((entry) => entry.slice(key.length + 1));
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

/** In bytes, uncompressed. */
const largestModule = 1 << 28;

const canonical = (name: string) => name.replaceAll('-', '_');

/** What modprobe(8) finds modules by, for modules that are NAME.ko in one folder: modules.dep and modules.alias. */
export function moduleIndex(modules: readonly KernelModule[]): { dep: string; alias: string } {
  const needs = new Map(modules.map(({ name, data }) => [name, moduleDependencies(data)]));
  /** The nearest come first, as depmod(8) has them. */
  const all = (name: string, seen = new Set<string>()): Set<string> => {
    for (const needed of needs.get(name) ?? []) {
      if (!needs.has(needed)) continue;
      // Again at the end: what several need is loaded first.
      seen.delete(needed);
      seen.add(needed);
      all(needed, seen);
    }
    return seen;
  };
  const dep = modules.map(({ name }) => `${name}.ko:${[...all(name)].map((needed) => ` ${needed}.ko`).join('')}\n`);
  const alias = modules.flatMap(({ name, data }) =>
    moduleInfo(data, 'alias').map((pattern) => `alias ${pattern} ${name}\n`),
  );
  return { dep: dep.join(''), alias: alias.join('') };
}

/** The kernel's release, after which the folder of its modules is called. */
export function kernelRelease(folder: string): string {
  const home = ['lib/modules', 'usr/lib/modules'].map((path) => join(folder, path)).find((path) => existsSync(path));
  const release = home === undefined ? undefined : readdirSync(home)[0];
  if (release === undefined) throw new ToolError('tar', undefined, "the kernel's package has no modules");
  return release;
}

/** Of a module, which may be compressed. */
function readModule(path: string): Buffer {
  return path.endsWith('.xz')
    ? execFileSync('xz', ['--decompress', '--stdout', path], { maxBuffer: largestModule })
    : readFileSync(path);
}

/** `names` and what they need, each after what it needs. What is built into the kernel is left out. */
export function collectModules(folder: string, names: readonly string[]): KernelModule[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = new Map<string, string>();
  const builtIn = new Set<string>();
  for (const { name, parentPath } of entries) {
    const path = join(parentPath, name);
    const module = /^(.*)\.ko(\.xz)?$/.exec(name)?.[1];
    if (module !== undefined) files.set(canonical(module), path);
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
    const data = readModule(path);
    for (const needed of moduleDependencies(data)) add(needed);
    found.set(name, { name, data });
  };
  for (const name of names) add(canonical(name));
  return [...found.values()];
}
