// The file that --perf-dump writes: translated code with what is needed to read it, a JSON object a line.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { writeFileAtomically } from '../atomic-file.js';
import { BeelineError, messageOf } from '../errors.js';
import type { NativeCode } from '../native/addon.js';
import { version } from '../version.js';
import { checkReadable } from './files.js';

const closed = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const number = Type.String({ pattern: '^[0-9a-f]{1,16}$', description: 'Up to 64 bits in hexadecimal.' });
const bytes = Type.String({ pattern: '^([0-9a-f]{2})*$', description: 'Bytes in hexadecimal.' });

const Ranges = Type.Array(
  Type.Object(
    {
      begin: number,
      size: Type.Integer({ minimum: 1, maximum: 0xffff_ffff }),
      count: Type.Integer({ minimum: 1, maximum: 0xffff_ffff }),
      stride: Type.Integer({ minimum: 1, maximum: 0xffff_ffff, description: 'Bytes from one place to the next.' }),
      name: Type.String({ description: '{} stands for the index of the place.' }),
    },
    closed,
  ),
);

const Header = Type.Object(
  {
    schema: Type.Literal('beeline.perf-dump.1', { description: 'Name and version of this format.' }),
    version: Type.String({ description: 'Version of Beeline.' }),
    disabled: Type.Array(Type.String(), { description: 'Techniques that were switched off.' }),
    evicted: Type.Integer({ minimum: 0, description: 'Blocks that made room for others and are not here.' }),
  },
  { ...closed, description: 'The first line.' },
);

const Symbols = Type.Object(
  {
    cpu: count,
    symbols: Type.Object(
      { frame: Ranges, segment: Ranges, addresses: Ranges },
      { ...closed, description: 'Names for displacements from rbp and gs, and for addresses.' },
    ),
  },
  { ...closed, description: 'What the code of one CPU refers to; before its blocks.' },
);

const Block = Type.Object(
  {
    pc: Type.String({ ...number, description: 'Guest virtual address that the block was translated for.' }),
    pa: Type.String({ ...number, description: 'Guest physical address.' }),
    el: Type.Integer({ minimum: 0, maximum: 1 }),
    inUse: Type.Boolean({ description: 'false: invalidated or replaced.' }),
    executions: Type.Integer({ minimum: 0, description: 'Times that it was entered.' }),
    words: Type.String({ ...bytes, description: 'Guest code.' }),
    address: Type.String({ ...number, description: 'Where the host code was.' }),
    code: Type.String({ ...bytes, description: 'Host code.' }),
    layout: Type.Array(
      Type.Object(
        {
          begin: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
          instruction: Type.Integer({ minimum: 0, maximum: 0xffff }),
          cold: Type.Boolean({ description: 'Out of line.' }),
        },
        closed,
      ),
      { description: 'Host code from each `begin` to the next belongs to the guest instruction of this index.' },
    ),
    symbols: Ranges,
  },
  closed,
);

const BlockLine = Type.Object({ cpu: count, block: Block }, { ...closed, description: 'A translated block.' });

export const PerfDumpLineSchema = Type.Union([Header, Symbols, BlockLine], {
  $id: 'beeline.perf-dump.1',
  title: 'A line of a Beeline performance dump',
  description: 'What `beeline run --perf-dump` writes.',
});

export type CodeSymbols = Static<typeof Symbols>['symbols'];
export type CodeBlock = Static<typeof Block>;

/** A block with what it takes to show it. */
export interface DumpedBlock {
  readonly cpu: number;
  readonly symbols: CodeSymbols;
  readonly block: CodeBlock;
}

export function writePerfDump(
  path: string,
  code: readonly NativeCode[],
  facts: { readonly disabled: readonly string[]; readonly evicted: number },
): void {
  const header: Static<typeof Header> = {
    schema: 'beeline.perf-dump.1',
    version: version(),
    disabled: [...facts.disabled],
    evicted: facts.evicted,
  };
  function* lines(): Generator<string> {
    yield `${JSON.stringify(header)}\n`;
    for (const [cpu, { symbols, blocks }] of code.entries()) {
      yield `${JSON.stringify({ cpu, symbols })}\n`;
      for (const block of blocks) yield `${JSON.stringify({ cpu, block })}\n`;
    }
  }
  writeFileAtomically(path, lines());
}

const isHeader = TypeCompiler.Compile(Header);
const isSymbols = TypeCompiler.Compile(Symbols);
const isBlock = TypeCompiler.Compile(BlockLine);

function wrong(path: string, detail: string): BeelineError {
  return new BeelineError('BEELINE_E_DUMP', { path, detail });
}

function parse(path: string, line: string, at: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw wrong(path, `line ${at} is not JSON (${messageOf(error)})`);
  }
}

/** Reads a dump block by block; throws BeelineError where it is none. `onHeader` comes before the first block. */
export async function* readPerfDump(
  path: string,
  onHeader: (header: Static<typeof Header>) => void = () => undefined,
): AsyncGenerator<DumpedBlock> {
  checkReadable('FILE', path);
  const symbols = new Map<number, CodeSymbols>();
  let at = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    at++;
    if (at === 1 && !line.startsWith('{"schema":"beeline.perf-dump.'))
      throw wrong(path, 'it is not a performance dump');
    const value = parse(path, line, at);
    if (at === 1) {
      if (!isHeader.Check(value)) throw wrong(path, 'it is of another version than this one reads');
      onHeader(value);
    } else if (isSymbols.Check(value)) {
      symbols.set(value.cpu, value.symbols);
    } else if (isBlock.Check(value)) {
      const known = symbols.get(value.cpu);
      if (known === undefined) throw wrong(path, `line ${at} has no symbols before it`);
      yield { cpu: value.cpu, symbols: known, block: value.block };
    } else {
      throw wrong(path, `line ${at} is neither symbols nor a block`);
    }
  }
  if (at === 0) throw wrong(path, 'it is empty');
}
