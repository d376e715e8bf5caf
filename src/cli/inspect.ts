// beeline inspect: reads what --perf-dump wrote.
import { BeelineError, ExitStatus } from '../errors.js';
import type { NativeBlockSummary } from '../native/addon.js';
import { loadAddon } from '../native/loader.js';
import { type CodeBlock, type DumpedBlock, readPerfDump } from './perf-dump.js';

const instructionsOf = ({ words }: CodeBlock) => words.length / 8;
const bytesOf = ({ code }: CodeBlock) => code.length / 2;
const addressOf = (hexadecimal: string) => BigInt(`0x${hexadecimal}`);
const whole = (value: number) => value.toLocaleString('en-US');

/** Columns of text, numbers to the right. */
function printTable(heads: readonly string[], rows: readonly (readonly string[])[], left: ReadonlySet<number>): void {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [heads, ...rows]) {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return left.has(column) ? cell.padEnd(width) : cell.padStart(width);
    });
    process.stdout.write(`${cells.join('  ').trimEnd()}\n`);
  }
}

async function summaries(path: string): Promise<NativeBlockSummary[]> {
  const list: NativeBlockSummary[] = [];
  let evicted = 0;
  const onHeader = (header: { readonly evicted: number }) => {
    evicted = header.evicted;
  };
  for await (const { cpu, block } of readPerfDump(path, onHeader)) {
    const { pc, pa, el, inUse, executions } = block;
    list.push({ cpu, pc, pa, el, inUse, executions, instructions: instructionsOf(block), bytes: bytesOf(block) });
  }
  if (evicted > 0) {
    process.stderr.write(
      `beeline: ${whole(evicted)} blocks had made room for others when the run ended; they are not here\n`,
    );
  }
  return list;
}

const heads = ['address', 'physical', 'EL', 'CPU', 'instructions', 'bytes', 'executions', ''];
const textColumns = new Set([0, 1, 7]);

function cells(block: NativeBlockSummary): string[] {
  return [
    block.pc,
    block.pa,
    String(block.el),
    String(block.cpu),
    whole(block.instructions),
    whole(block.bytes),
    whole(block.executions),
    block.inUse ? '' : 'out of use',
  ];
}

/** Every block, by address. */
export async function inspectBlocks(path: string): Promise<number> {
  const blocks = await summaries(path);
  const order = (block: NativeBlockSummary) => block.pc.padStart(16, '0');
  blocks.sort((a, b) => order(a).localeCompare(order(b)) || a.cpu - b.cpu);
  printTable(heads, blocks.map(cells), textColumns);
  return ExitStatus.ok;
}

/** Blocks by guest instructions executed, the most first. An execution that leaves early counts as a whole one. */
export async function inspectHot(path: string, top: number): Promise<number> {
  const weight = (block: NativeBlockSummary) => block.executions * block.instructions;
  const blocks = await summaries(path);
  const all = blocks.reduce((sum, block) => sum + weight(block), 0);
  const hot = blocks.filter((block) => block.executions > 0).sort((a, b) => weight(b) - weight(a));
  let sum = 0;
  const rows = hot.slice(0, top).map((block) => {
    sum += weight(block);
    const percent = (part: number) => `${((100 * part) / all).toFixed(2)} %`;
    return [percent(weight(block)), percent(sum), ...cells(block)];
  });
  printTable(['share', 'sum', ...heads], rows, new Set([2, 3, 9]));
  return ExitStatus.ok;
}

/** In C's notation, or hexadecimal without 0x. */
function parseAddress(text: string): bigint {
  const digits = text.replace(/^0x/i, '');
  if (/^[0-9a-f]{1,16}$/i.test(digits)) return BigInt(`0x${digits}`);
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: 'ADDR',
    detail: `${text === '' ? 'an empty text' : text} is not an address`,
    remedy: 'give it in hexadecimal, as beeline inspect blocks prints it',
  });
}

function holds(block: CodeBlock, address: bigint): boolean {
  const size = BigInt(instructionsOf(block) * 4);
  return [block.pc, block.pa].some((begin) => address >= addressOf(begin) && address < addressOf(begin) + size);
}

function heading({ cpu, block }: DumpedBlock): string {
  const parts = [
    `CPU ${cpu}, EL${block.el}, physical ${block.pa}, host ${block.address}`,
    `${instructionsOf(block)} guest instructions, ${bytesOf(block)} bytes of host code`,
    `executed ${whole(block.executions)} times${block.inUse ? '' : ', out of use'}`,
  ];
  return `block ${block.pc}: ${parts.join('; ')}\n`;
}

/** Every block that holds the guest address, virtual or physical: guest and host code side by side. */
export async function inspectBlock(address: string, path: string): Promise<number> {
  const wanted = parseAddress(address);
  const addon = loadAddon();
  let found = 0;
  for await (const dumped of readPerfDump(path)) {
    if (!holds(dumped.block, wanted)) continue;
    const listing = addon.listBlock(dumped.block, dumped.symbols);
    process.stdout.write(`${found++ > 0 ? '\n' : ''}${heading(dumped)}${listing}`);
  }
  if (found > 0) return ExitStatus.ok;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: 'ADDR',
    detail: `no block of ${path} holds ${address}`,
    remedy: `beeline inspect blocks ${path} lists them`,
  });
}
