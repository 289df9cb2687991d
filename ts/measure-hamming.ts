/** How fast this machine searches codes, beside how fast it reads them. */

import { runAbortable } from './abort.js';
import { checkInteger, checkOneOf, checkOptions, checkThreads, MAX_U32 } from './arguments.js';
import type { CodesAre, HammingRound, SearchMethod } from './backend.js';
import { toH2qError } from './errors.js';
import { METHODS } from './hamming-index.js';
import { backend } from './platform.js';

export interface MeasureHammingOptions {
  /** Length of a code, a positive multiple of 8. */
  bits: number;
  /** Codes in the index. */
  rows: number;
  /** Codes of a batch. */
  queries: number;
  /** Hits per query. */
  k: number;
  /** How codes and queries lie. Default `uniform`. */
  data?: CodesAre | undefined;
  /** Decides the codes. Default 0. */
  seed?: number | undefined;
  /** Threads of the searches; 0 (default) uses all. */
  threads?: number | undefined;
  /** How to search. The tables of `mih` are built beforehand. Default `linear`. */
  method?: SearchMethod | undefined;
  /** Rounds of measurements; their medians are reported. Default 11. */
  rounds?: number | undefined;
  /** Ends the measurement; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called after every round with the number done. */
  onProgress?: ((rounds: number) => void) | undefined;
}

/** Medians over the rounds. */
export interface HammingMeasurement {
  bits: number;
  rows: number;
  queries: number;
  k: number;
  data: CodesAre;
  seed: number;
  threads: number;
  method: SearchMethod;
  rounds: number;
  singleQueryMilliseconds: number;
  /** queries x rows per second of one call. */
  batchCodesPerSecond: number;
  /** Of one thread that adds up all words of the index with the widest loads of the CPU. */
  memoryReadBytesPerSecond: number;
  /** Bytes of the index per second of a single query. */
  singleQueryBytesPerSecond: number;
  /** Bytes that the index holds per code, search tables included. */
  bytesPerCode: number;
  /** Seconds that building the search tables took; null where the method needs none. */
  buildSeconds: number | null;
  /** The lowest and the highest of the rounds. */
  spread: {
    singleQueryMilliseconds: [number, number];
    batchCodesPerSecond: [number, number];
    memoryReadBytesPerSecond: [number, number];
  };
}

export const CODES_ARE: readonly CodesAre[] = ['uniform', 'clustered'];

/**
 * Makes codes and measures a plain read, a single query and a batch of queries in turns, so that a drift
 * of the machine meets all three.
 *
 * @throws INVALID_OPTION, EMPTY_INPUT, OUT_OF_MEMORY; `signal.reason` on abort
 */
export async function measureHamming(options: MeasureHammingOptions): Promise<HammingMeasurement> {
  const { signal, onProgress } = checkOptions(options);
  const request = {
    bits: checkInteger('bits', options.bits, 8),
    rows: checkInteger('rows', options.rows, 1),
    queries: checkInteger('queries', options.queries, 1),
    k: checkInteger('k', options.k, 1, Number.MAX_SAFE_INTEGER),
    data: checkOneOf('data', options.data ?? 'uniform', CODES_ARE),
    seed: checkInteger('seed', options.seed ?? 0, 0, Number.MAX_SAFE_INTEGER),
    threads: checkThreads(options.threads),
    method: checkOneOf('method', options.method ?? 'linear', METHODS),
  };
  const count = checkInteger('rounds', options.rounds ?? 11, 1, MAX_U32);
  try {
    const measure = await runAbortable(signal, (cancel) => backend().createHammingMeasure(request, cancel));
    const rounds: HammingRound[] = [];
    while (rounds.length < count) {
      rounds.push(await runAbortable(signal, (cancel) => measure.round(cancel)));
      onProgress?.(rounds.length);
    }
    const threads = request.threads || backend().info().threads;
    return {
      ...request,
      threads,
      ...summarise(rounds, request.queries * request.rows),
      bytesPerCode: measure.memory / request.rows,
      buildSeconds: measure.buildSeconds ?? null,
    };
  } catch (error) {
    throw signal?.aborted ? error : toH2qError(error);
  }
}

function summarise(rounds: readonly HammingRound[], compared: number) {
  const single = spreadOf(rounds.map(({ singleQuery }) => 1e3 * singleQuery));
  const batch = spreadOf(rounds.map(({ batch }) => compared / batch));
  const read = spreadOf(rounds.map(({ read, readBytes }) => readBytes / read));
  const bytes = spreadOf(rounds.map(({ singleQuery, readBytes }) => readBytes / singleQuery));
  return {
    rounds: rounds.length,
    singleQueryMilliseconds: single.median,
    batchCodesPerSecond: batch.median,
    memoryReadBytesPerSecond: read.median,
    singleQueryBytesPerSecond: bytes.median,
    spread: {
      singleQueryMilliseconds: single.range,
      batchCodesPerSecond: batch.range,
      memoryReadBytesPerSecond: read.range,
    },
  };
}

function spreadOf(values: readonly number[]): { median: number; range: [number, number] } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? NaN;
  const half = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(half)) + at(Math.ceil(half))) / 2, range: [at(0), at(sorted.length - 1)] };
}
