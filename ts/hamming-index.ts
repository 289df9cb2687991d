/** Exact search among codes by Hamming distance, with or without a re-ranking of its hits. */

import { checkInteger, checkThreads, invalidArgument, kindOf, MAX_U32 } from './arguments.js';
import type { CoreFactors, CoreIndex, RadiusHits, SearchHits } from './backend.js';
import { type Codes, checkCodes, toCoreCodes } from './codes.js';
import { H2qError } from './errors.js';
import { backend } from './platform.js';
import { prepareRerank, type RerankOptions, refuseRerank } from './rerank.js';
import { toVectors } from './vectors.js';
import { call, run, runSync, type Work } from './work.js';

export interface BuildSyncOptions {
  /** One id per code, any 64-bit numbers. Default: none, hits are named by their row. */
  ids?: BigInt64Array | undefined;
  /**
   * One factor per code, as `model.factors` gives them, kept by row: they refine the scores of
   * `rerank: 'asymmetric'`. 4 bytes per code. Default: none.
   */
  factors?: Float32Array | undefined;
}

export interface BuildOptions extends BuildSyncOptions {
  /** Ends the work; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

export interface SearchSyncOptions {
  /** Threads of the core; 0 (default) uses all. Results do not depend on it. */
  threads?: number | undefined;
}

export interface SearchOptions extends SearchSyncOptions {
  /** Ends the work; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

/** Hits of all queries: query q owns entries `q * k .. (q + 1) * k`, nearest first. */
export interface SearchResult extends SearchHits {
  /** Hits per query: the k asked for, or all rows where there are fewer. */
  k: number;
}

/** Hits of all queries, ordered by (score descending, id), by row without ids. */
export interface RerankedResult extends SearchResult {
  /** One per hit, finite; higher is nearer. `distances` still are the Hamming distances of the rows. */
  scores: Float32Array;
}

/**
 * Codes to search in. Hits are ordered by (distance, id), by (distance, row) without ids; the order is
 * the same on every backend and for every number of threads.
 */
export class HammingIndex {
  /** @internal */
  readonly core: CoreIndex;
  readonly #factors: CoreFactors | null;

  /** @internal Use {@link HammingIndex.build}. */
  constructor(core: CoreIndex, factors: CoreFactors | null) {
    this.core = core;
    this.#factors = factors;
  }

  /**
   * Builds an index of `codes`, copied 4 MiB per turn of the event loop.
   *
   * @throws INVALID_ARGUMENT, EMPTY_INPUT, NOT_FINITE, MISMATCH when ids, factors and codes differ in number
   */
  static async build(codes: Codes, options: BuildOptions = {}): Promise<HammingIndex> {
    return run(building(codes, options), options.signal);
  }

  /** {@link HammingIndex.build}, blocking. */
  static buildSync(codes: Codes, options: BuildSyncOptions = {}): HammingIndex {
    return runSync(building(codes, options));
  }

  /** Number of codes. */
  get rows(): number {
    return this.core.rows;
  }

  /** Length of each code. */
  get bits(): number {
    return this.core.bits;
  }

  /**
   * The k nearest codes of each query. `k` may exceed the rows; all of them come back then.
   *
   * With `rerank`, the `k * oversample` nearest are scored again and the best k of them come back, best
   * first, with their `scores` ({@link RerankOptions}, docs/reranking.md).
   *
   * @param k at least 1
   * @throws MISMATCH for codes of another length, or vectors and originals that do not fit;
   * INVALID_ARGUMENT, INVALID_OPTION, EMPTY_INPUT, NOT_FINITE, TOO_MANY_HITS
   */
  search(queries: Codes, k: number, options: SearchOptions & RerankOptions): Promise<RerankedResult>;
  search(queries: Codes, k: number, options?: SearchOptions): Promise<SearchResult>;
  async search(queries: Codes, k: number, options: SearchOptions = {}): Promise<SearchResult> {
    return run(this.#search(queries, k, options), options.signal);
  }

  /** {@link HammingIndex.search}, blocking. */
  searchSync(queries: Codes, k: number, options: SearchSyncOptions & RerankOptions): RerankedResult;
  searchSync(queries: Codes, k: number, options?: SearchSyncOptions): SearchResult;
  searchSync(queries: Codes, k: number, options: SearchSyncOptions = {}): SearchResult {
    return runSync(this.#search(queries, k, options));
  }

  /**
   * All codes within `radius` of each query: distance <= radius. Query q owns hits
   * `offsets[q] .. offsets[q + 1]`.
   *
   * @param radius at least 0
   * @throws as {@link HammingIndex.search}
   */
  async searchRadius(queries: Codes, radius: number, options: SearchOptions = {}): Promise<RadiusHits> {
    return run(this.#searchRadius(queries, radius, options), options.signal);
  }

  /** {@link HammingIndex.searchRadius}, blocking. */
  searchRadiusSync(queries: Codes, radius: number, options: SearchSyncOptions = {}): RadiusHits {
    return runSync(this.#searchRadius(queries, radius, options));
  }

  *#search(queries: Codes, k: number, options: SearchSyncOptions): Work<SearchResult> {
    const hitsPerQuery = Math.min(checkInteger('k', k, 1, Number.MAX_SAFE_INTEGER), this.rows);
    const threads = checkThreads(options.threads);
    const searched = { core: this.core, factors: this.#factors };
    const rerank = yield* prepareRerank(options, searched, this.#checkQueries(queries));
    const core = yield* toCoreCodes(queries, 'queries');
    const candidates = Math.min(hitsPerQuery * (rerank?.oversample ?? 1), this.rows);
    const found = yield* call(
      () => this.core.searchSync(core, candidates, threads),
      (cancel) => this.core.search(core, candidates, threads, cancel),
    );
    const best = rerank && (yield* rerank.rescore(core, found, hitsPerQuery, threads));
    const { rows, distances, ids } = best ?? found;
    return { rows, distances, ...(ids && { ids }), ...(best && { scores: best.scores }), k: hitsPerQuery };
  }

  *#searchRadius(queries: Codes, radius: number, options: SearchSyncOptions): Work<RadiusHits> {
    // Every code lies within its own length, so a larger radius means the same.
    const within = Math.min(checkInteger('radius', radius, 0, Number.MAX_SAFE_INTEGER), this.bits);
    const threads = checkThreads(options.threads);
    refuseRerank(options, 'a search within a radius has no re-ranking');
    this.#checkQueries(queries);
    const core = yield* toCoreCodes(queries, 'queries');
    return yield* call(
      () => this.core.searchRadiusSync(core, within, threads),
      (cancel) => this.core.searchRadius(core, within, threads, cancel),
    );
  }

  /** Number of queries. */
  #checkQueries(queries: Codes): number {
    const rows = checkCodes(queries, 'queries');
    if (queries.bits === this.bits) return rows;
    throw new H2qError('MISMATCH', `queries: expected ${this.bits} bits, got ${queries.bits}`, {
      details: { what: 'queries', expected: this.bits, actual: queries.bits },
    });
  }
}

function* building(codes: Codes, { ids, factors }: BuildSyncOptions): Work<HammingIndex> {
  const rows = checkCodes(codes, 'codes');
  if (rows > MAX_U32) throw invalidArgument('codes', `more than ${MAX_U32} rows`);
  const ownIds = ids === undefined ? null : copyIds(ids, rows);
  const ownFactors = factors === undefined ? null : yield* copyFactors(factors, rows);
  const core = yield* toCoreCodes(codes, 'codes');
  const index = yield* call(
    () => backend().createIndexSync(core, ownIds),
    (cancel) => backend().createIndex(core, ownIds, cancel),
  );
  return new HammingIndex(index, ownFactors);
}

/** Copied before the first turn of the event loop, in which their owner may change them. */
function copyIds(ids: BigInt64Array, rows: number): BigInt64Array {
  if (!(ids instanceof BigInt64Array)) {
    throw invalidArgument('ids', `expected a BigInt64Array, got ${kindOf(ids)}`);
  }
  checkOnePerCode('ids', rows, ids.length);
  return ids.slice();
}

function* copyFactors(factors: Float32Array, rows: number): Work<CoreFactors> {
  if (!(factors instanceof Float32Array)) {
    throw invalidArgument('factors', `expected a Float32Array, got ${kindOf(factors)}`);
  }
  checkOnePerCode('factors', rows, factors.length);
  const column = yield* toVectors({ data: factors, columns: 1 }, 'factors');
  return backend().createFactors(column.core);
}

function checkOnePerCode(what: string, expected: number, actual: number): void {
  if (actual === expected) return;
  throw new H2qError('MISMATCH', `${what}: expected one per code, ${expected}, got ${actual}`, {
    details: { what, expected, actual },
  });
}
