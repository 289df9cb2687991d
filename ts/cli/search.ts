/** `h2q search`: the nearest codes of each query. */

import type { Command } from 'commander';
import type { SearchMethod } from '../backend.js';
import type { Codes } from '../codes.js';
import { METHODS } from '../hamming-index.js';
import { isIndexFile } from '../index-file.js';
import { HammingIndex, npyHeader, readCodes, type SearchResult, writeFiles } from '../node/index.js';
import { type PendingFile, platform } from '../platform.js';
import { type Context, print } from './context.js';
import { type HitsText, hitsJson, hitsTable, type SearchShape } from './hits.js';
import { mismatch, openIndex } from './inputs.js';
import { examples, flagError, oneOf, wholeNumber } from './options.js';
import { type Update, withProgress } from './progress.js';

interface Flags {
  k: number;
  ids?: string;
  distances?: string;
  method: SearchMethod;
  threads?: number;
  json?: boolean;
}

/** Any count of hits is fine: beyond the rows it means all of them. */
const MAX_K = Number.MAX_SAFE_INTEGER;

/** Hits per call: bounds the memory of results and lets the bar move. */
const BATCH_HITS = 2 ** 21;

export function addSearch(program: Command, context: Context): void {
  program
    .command('search')
    .description('find the nearest codes of each query, ordered by (distance, id)')
    .argument('<codes>', 'codes to search in: .npy, uint8, rows x bits / 8; or an index file')
    .argument('<queries>', 'codes to search for, of the same length')
    .requiredOption('-k <n>', 'hits per query; all rows when there are fewer', wholeNumber('-k', 1, MAX_K))
    .option('--ids <file>', 'the .npy to write ids to: int64, queries x hits')
    .option('--distances <file>', 'the .npy to write distances to: int32, queries x hits')
    .option(
      '--method <name>',
      'linear, mih (search tables), auto; all exact',
      oneOf('--method', METHODS),
      'auto',
    )
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print {hits: [[{id, distance}, …], …]}')
    .addHelpText(
      'after',
      examples(
        'h2q search codes.npy queries.npy -k 10',
        'h2q search codes.h2q queries.npy -k 10 --ids ids.npy --distances distances.npy',
        'h2q search codes.npy queries.npy -k 10 --method mih --json',
      ),
    )
    .action((codes: string, queries: string, flags: Flags) => runSearch(codes, queries, flags, context));
}

async function runSearch(
  codesPath: string,
  queriesPath: string,
  flags: Flags,
  context: Context,
): Promise<void> {
  await checkOutputs(flags);
  const { signal } = context;
  const isIndex = await isIndexFile(codesPath);
  const codes = await (isIndex ? openIndex(codesPath, signal) : readCodes(codesPath));
  const queries = await readCodes(queriesPath);
  if (codes.bits !== queries.bits) throw mismatch(queriesPath, 'bits', codes.bits, codesPath, queries.bits);

  const index = codes instanceof HammingIndex ? codes : await HammingIndex.build(codes, { signal });
  const { rows, bits, size, hasIds } = index;
  const shape = { queries: countCodes(queries), k: Math.min(flags.k, size), rows, bits, hasIds };
  const text = textOf(flags, shape);
  await writeArrays(flags, shape, context.signal, async (writeHits) => {
    await printAll(context, text?.start());
    const search = (update: Update) =>
      searchInBatches(index, queries, flags, context.signal, async (hits, end) => {
        await writeHits(hits);
        await printAll(context, text?.batch(hits));
        update(end);
      });
    // A bar among the lines of a terminal would garble both.
    const isBarred = !(text && context.stdout.isTTY);
    await (isBarred ? withProgress(context, 'search', shape.queries, search) : search(() => {}));
    await printAll(context, text?.end());
  });
}

async function checkOutputs({ ids, distances }: Flags): Promise<void> {
  const idsTarget = ids === undefined ? undefined : await platform().checkWritable(ids);
  const distancesTarget = distances === undefined ? undefined : await platform().checkWritable(distances);
  if (idsTarget !== undefined && idsTarget === distancesTarget) {
    throw flagError('--distances', `${distances} is the file of --ids too`);
  }
}

/** What to print: hits as JSON where asked for, as a table where they go nowhere else. */
function textOf({ json, ids, distances }: Flags, shape: SearchShape): HitsText | undefined {
  if (json) return hitsJson(shape);
  return ids === undefined && distances === undefined ? hitsTable(shape) : undefined;
}

/** Runs `work` with a function that appends hits to the files that the flags name. */
async function writeArrays(
  { ids, distances }: Flags,
  { queries, k }: SearchShape,
  signal: AbortSignal,
  work: (writeHits: (hits: SearchResult) => Promise<void>) => Promise<void>,
): Promise<void> {
  const outputs = [ids, distances].filter((path) => path !== undefined);
  const write = async (files: PendingFile[]) => {
    const idsFile = ids === undefined ? undefined : files[0];
    const distancesFile = distances === undefined ? undefined : files.at(-1);
    await idsFile?.write(npyHeader('i8', [queries, k]));
    await distancesFile?.write(npyHeader('i4', [queries, k]));
    await work(async (hits) => {
      await idsFile?.write(hits.ids ? bytesOf(hits.ids) : toInt64Bytes(hits.rows));
      await distancesFile?.write(bytesOf(hits.distances));
    });
  };
  await writeFiles(outputs, write, signal);
}

async function searchInBatches(
  index: HammingIndex,
  queries: Codes,
  { k, threads, method }: Flags,
  signal: AbortSignal,
  use: (hits: SearchResult, end: number) => Promise<void>,
): Promise<void> {
  const { data, bits } = queries;
  const count = countCodes(queries);
  const batch = Math.max(1, Math.floor(BATCH_HITS / Math.max(1, Math.min(k, index.size))));
  for (let first = 0; first < count; first += batch) {
    const end = Math.min(first + batch, count);
    const some = { data: data.subarray((first * bits) / 8, (end * bits) / 8), bits };
    await use(await index.search(some, k, { threads, method, signal }), end);
  }
}

async function printAll(context: Context, pieces: Iterable<Uint8Array> = []): Promise<void> {
  for (const piece of pieces) await print(context, piece);
}

function countCodes({ data, bits }: Codes): number {
  return data.length / (bits / 8);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Little-endian int64, through halves: a BigInt for each would take most of the time. */
export function toInt64Bytes(rows: Uint32Array): Uint8Array {
  const halves = new Uint32Array(rows.length * 2);
  rows.forEach((row, i) => {
    halves[2 * i] = row;
  });
  return bytesOf(halves);
}
