/** `h2q search`: the nearest codes of each query. */

import type { Command } from 'commander';
import type { Codes } from '../codes.js';
import { HammingIndex, npyHeader, readCodes, type SearchResult, writeFiles } from '../node/index.js';
import { type PendingFile, platform } from '../platform.js';
import { type Context, print } from './context.js';
import { mismatch } from './inputs.js';
import { flagError, oneOf, wholeNumber } from './options.js';
import { withProgress } from './progress.js';
import { formatTable } from './table.js';

interface Flags {
  k: number;
  ids?: string;
  distances?: string;
  method: 'auto' | 'linear';
  threads?: number;
  json?: boolean;
}

/** Hits per call: bounds the memory of results and lets the bar move. */
const BATCH_HITS = 2 ** 21;

export function addSearch(program: Command, context: Context): void {
  program
    .command('search')
    .description('find the nearest codes of each query, ordered by (distance, id)')
    .argument('<codes>', 'codes to search in: .npy, uint8, rows x bits / 8')
    .argument('<queries>', 'codes to search for, of the same length')
    .requiredOption('-k <n>', 'hits per query; all rows when there are fewer', wholeNumber('-k', 1))
    .option('--ids <file>', 'the .npy to write ids to: int64, queries x hits')
    .option('--distances <file>', 'the .npy to write distances to: int32, queries x hits')
    .option(
      '--method <name>',
      'auto, linear (both exact)',
      oneOf('--method', ['auto', 'linear'], ['mih']),
      'auto',
    )
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print {hits: [[{id, distance}, …], …]}')
    .action((codes: string, queries: string, flags: Flags) => runSearch(codes, queries, flags, context));
}

async function runSearch(
  codesPath: string,
  queriesPath: string,
  flags: Flags,
  context: Context,
): Promise<void> {
  const { ids, distances } = flags;
  const outputs = [ids, distances].filter((path) => path !== undefined);
  if (ids !== undefined && ids === distances)
    throw flagError('--distances', `${ids} is the file of --ids too`);

  const codes = await readCodes(codesPath);
  const queries = await readCodes(queriesPath);
  if (codes.bits !== queries.bits) throw mismatch(queriesPath, 'bits', codes.bits, codesPath, queries.bits);
  for (const path of outputs) await platform().checkWritable(path);

  const printer = flags.json ? new JsonPrinter() : outputs.length > 0 ? undefined : new TablePrinter();
  const index = await HammingIndex.build(codes, { signal: context.signal });
  const search = async (files: PendingFile[]) => {
    const idsFile = ids === undefined ? undefined : files[0];
    const distancesFile = distances === undefined ? undefined : files.at(-1);
    const shape = [countCodes(queries), Math.min(flags.k, index.rows)];
    await idsFile?.write(npyHeader('i8', shape));
    await distancesFile?.write(npyHeader('i4', shape));
    await searchInBatches(index, queries, flags, context, async (hits) => {
      await idsFile?.write(toInt64Bytes(hits.rows));
      await distancesFile?.write(bytesOf(hits.distances));
      printer?.add(hits);
    });
  };
  await writeFiles(outputs, search, context.signal);
  for (const text of printer?.texts() ?? []) await print(context, text);
}

async function searchInBatches(
  index: HammingIndex,
  queries: Codes,
  { k, threads }: Flags,
  context: Context,
  use: (hits: SearchResult) => Promise<void>,
): Promise<void> {
  const { data, bits } = queries;
  const count = countCodes(queries);
  const batch = Math.max(1, Math.floor(BATCH_HITS / Math.min(k, index.rows)));
  await withProgress(context, 'search', count, async (update) => {
    for (let first = 0; first < count; first += batch) {
      const end = Math.min(first + batch, count);
      const some = { data: data.subarray((first * bits) / 8, (end * bits) / 8), bits };
      await use(await index.search(some, k, { threads, signal: context.signal }));
      update(end);
    }
  });
}

/** Collects hits and ends with the pieces of one text. */
interface Printer {
  add(hits: SearchResult): void;
  texts(): string[];
}

class JsonPrinter implements Printer {
  /** One text per query: many hits would not fit into one string. */
  readonly #queries: string[] = [];

  add({ rows, distances, k }: SearchResult): void {
    for (let start = 0; start < rows.length; start += k) {
      const hits = Array.from({ length: k }, (_, i) => ({
        id: rows[start + i],
        distance: distances[start + i],
      }));
      this.#queries.push(JSON.stringify(hits));
    }
  }

  texts(): string[] {
    const hits = this.#queries.map((query, i) => (i === 0 ? query : `,${query}`));
    return ['{"hits":[', ...hits, ']}\n'];
  }
}

class TablePrinter implements Printer {
  readonly #lines: number[][] = [];
  #queries = 0;

  add({ rows, distances, k }: SearchResult): void {
    rows.forEach((row, i) => {
      this.#lines.push([this.#queries + Math.floor(i / k), (i % k) + 1, row, distances[i] as number]);
    });
    this.#queries += rows.length / k;
  }

  texts(): string[] {
    return [formatTable(['query', 'rank', 'id', 'distance'], this.#lines)];
  }
}

function countCodes({ data, bits }: Codes): number {
  return data.length / (bits / 8);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Little-endian int64, through halves: a BigInt for each would take most of the time. */
function toInt64Bytes(rows: Uint32Array): Uint8Array {
  const halves = new Uint32Array(rows.length * 2);
  rows.forEach((row, i) => {
    halves[2 * i] = row;
  });
  return bytesOf(halves);
}
