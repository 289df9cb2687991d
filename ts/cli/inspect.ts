/** `h2q inspect`: what a file holds, of all that is read or written. */

import type { Command } from 'commander';
import { H2qError } from '../errors.js';
import { formatOf } from '../io/formats.js';
import { withSource } from '../io/input.js';
import { type NpyHeader, readNpyHeader } from '../io/npy.js';
import { isUrl } from '../io/url.js';
import {
  type CodeStatistics,
  codeStatistics,
  type FormatOptions,
  HammingIndex,
  Model,
  readCodes,
  withVectorFile,
} from '../node/index.js';
import type { ByteSource } from '../platform.js';
import { type Context, print, printJson } from './context.js';
import { openIndex } from './inputs.js';
import { addFormatOptions, examples, formatOptions } from './options.js';
import { describeStatistics } from './statistics.js';
import { formatFacts } from './table.js';

/** Names and values, for people and for programs. */
type Facts = Record<string, unknown>;

interface Flags extends FormatOptions {
  statistics?: boolean;
  json?: boolean;
}

export function addInspect(program: Command, context: Context): void {
  const command = program.command('inspect');
  command
    .description('tell what a file holds: vectors, codes, labels, a model or an index')
    .argument('<file>', 'any file that h2q reads or writes, also at an address')
    .option('--statistics', 'take it for codes (.npy), and tell what their bits carry')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      examples('h2q inspect x.parquet', 'h2q inspect codes.npy --statistics', 'h2q inspect m.h2q --json'),
    )
    .action((path: string, flags: Flags) => runInspect(path, flags, context));
  addFormatOptions(command);
}

async function runInspect(path: string, flags: Flags, context: Context): Promise<void> {
  const { bytes, kind, header } = await withSource(path, (source) => look(source, path, flags));
  const facts: Facts = { file: path, bytes };
  if (kind === 'model') Object.assign(facts, await describeModel(path));
  else if (kind === 'index') Object.assign(facts, await describeIndex(path, context.signal));
  else if (header) Object.assign(facts, describeArray(header));
  else Object.assign(facts, await describeVectors(path, formatOptions(flags)));
  if (flags.statistics) {
    facts['statistics'] = await codeStatistics(await readCodes(path), { signal: context.signal });
  }
  await (flags.json ? printJson(context, facts) : print(context, toText(facts)));
}

/** What the first bytes tell. */
async function look(source: ByteSource, path: string, { format }: FormatOptions) {
  const bytes = source.byteLength;
  const start = source.arrived ? new Uint8Array(0) : await source.slice(0, Math.min(8, bytes));
  const magic = new TextDecoder().decode(start);
  const kind = magic === 'H2QMODEL' ? 'model' : magic === 'H2QINDEX' ? 'index' : 'vectors';
  const isArray = kind === 'vectors' && !source.arrived && formatOf(path, format) === 'npy';
  const types = ['f2', 'f4', 'f8', 'u1', 'i1', 'i4', 'i8', 'b1'] as const;
  const expected = { what: 'values', types, dimensions: [1, 2] as const };
  return { bytes, kind, header: isArray ? await readNpyHeader(source, path, expected) : undefined };
}

async function describeModel(path: string): Promise<Facts> {
  const { bits, fingerprint, summary } = await Model.load(path);
  return { format: 'model', holds: ['a model'], dimensions: summary.dimensions, bits, fingerprint, summary };
}

async function describeIndex(path: string, signal: AbortSignal): Promise<Facts> {
  const open = isUrl(path) ? HammingIndex.open(path, { signal }) : openIndex(path, signal);
  const { bits, rows, size, hasIds, hasFactors, model = null } = await open;
  return { format: 'index', holds: ['an index of codes'], bits, rows, size, hasIds, hasFactors, model };
}

/** An `.npy` does not say what its numbers mean: all that they may be. */
function describeArray({ type, shape }: NpyHeader): Facts {
  const [rows, columns] = shape as [number, number?];
  const holds: string[] = [];
  const isMatrix = columns !== undefined;
  if (isMatrix && ['f2', 'f4', 'f8', 'u1', 'i1'].includes(type))
    holds.push(`vectors of ${columns} dimensions`);
  if (isMatrix && type === 'u1') holds.push(`codes of ${columns * 8} bits (layout lsb, faiss or msb)`);
  if (isMatrix && type === 'i1') holds.push(`codes of ${columns * 8} bits (layout binary)`);
  if (['u1', 'i4', 'i8', 'b1'].includes(type) && (isMatrix || type !== 'b1')) {
    holds.push(isMatrix ? `labels of ${columns} classes` : 'labels');
  }
  if (type === 'i8') holds.push('ids');
  if (type === 'f4' && !isMatrix) holds.push('factors');
  return { format: 'npy', holds, rows, ...(isMatrix ? { columns } : {}), type };
}

/** Vectors; of a file that has several, each. */
async function describeVectors(path: string, options: FormatOptions): Promise<Facts> {
  try {
    return await withVectorFile(
      path,
      async ({ format, rows, columns, elementType }) => {
        const known = Number.isFinite(rows) ? rows : null;
        return {
          format,
          holds: [`vectors of ${columns} dimensions`],
          rows: known,
          columns,
          type: elementType,
        };
      },
      options,
    );
  } catch (error) {
    const { option, candidates } = error instanceof H2qError ? error.details : {};
    if (!Array.isArray(candidates) || candidates.length < 2 || options[option as 'column'] !== undefined)
      throw error;
    const parts: Facts[] = [];
    for (const name of candidates as string[]) {
      const { format: _, ...part } = await describeVectors(path, { ...options, [option as string]: name });
      parts.push({ [option as string]: name, ...part });
    }
    return { format: formatOf(path, options.format), parts };
  }
}

function toText({ parts = [], holds, summary, statistics, ...facts }: Facts): string {
  const cells = Object.entries(facts).map(([name, value]) => [name, String(value ?? 'not told')]);
  const what = Array.isArray(holds) ? [['holds', holds.join('; or ')]] : [];
  const fitted = typeof summary === 'object' && summary !== null ? [['fitted', JSON.stringify(summary)]] : [];
  const text = formatFacts(Object.fromEntries([...cells, ...what, ...fitted]));
  const codes = statistics ? [describeStatistics(statistics as CodeStatistics)] : [];
  return [text, ...codes, ...(parts as Facts[]).map((part) => toText(part))].join('\n');
}
