/** Exact search among codes by Hamming distance, with or without a re-ranking of its hits. */

import {
  checkInteger,
  checkOneOf,
  checkOptions,
  checkThreads,
  invalidArgument,
  MAX_U32,
} from './arguments.js';
import type { CoreCodes, CoreIndex, RerankedHits, SearchHits, SearchRequest } from './backend.js';
import { type BuildSyncOptions, checkWanted, toCoreBeside } from './beside.js';
import { type Codes, checkCodes, toCoreCodes } from './codes.js';
import { H2qError, inFile, withH2qErrors } from './errors.js';
import { toCoreFilter } from './filter.js';
import { toCoreIds } from './ids.js';
import { indexBytes, mapIndex, readIndex, writeIndex } from './index-file.js';
import type { FileInput } from './io/input.js';
import { backend } from './platform.js';
import { prepareRerank, type RerankOptions, type Rescoring, refuseRerank } from './rerank.js';
import {
  type Abortable,
  type BuildOptions,
  type EmptyOptions,
  METHODS,
  type OpenOptions,
  type RadiusResult,
  type RerankedResult,
  type SearchOptions,
  type SearchResult,
  type SearchSyncOptions,
} from './search-options.js';
import { call, change, releasing, run, runSync, type Work } from './work.js';

export type { BuildSyncOptions } from './beside.js';
export * from './search-options.js';

/**
 * Codes to search in. Hits are ordered by (distance, id), by (distance, row) without ids; the order is
 * the same on every backend, for every method and number of threads.
 *
 * Searches may run at the same time as each other and as `add` and `remove`: each sees the index as it was
 * at one moment.
 */
export class HammingIndex {
  /** @internal */
  readonly core: CoreIndex;
  /** The file that it lies in, for errors. */
  readonly #file: string | undefined;

  /** @internal Use {@link HammingIndex.build}, {@link HammingIndex.empty} or {@link HammingIndex.open}. */
  constructor(core: CoreIndex, file?: string) {
    this.core = core;
    this.#file = file;
  }

  /**
   * Builds an index of `codes`, copied 4 MiB per turn of the event loop.
   *
   * @throws INVALID_ARGUMENT, EMPTY_INPUT, NOT_FINITE, INVALID_OPTION for factors of two metrics, MISMATCH when ids,
   * factors and codes differ in number
   */
  static async build(codes: Codes, options: BuildOptions = {}): Promise<HammingIndex> {
    return run(building(codes, options), checkOptions(options).signal);
  }

  /** {@link HammingIndex.build}, blocking. */
  static buildSync(codes: Codes, options: BuildSyncOptions = {}): HammingIndex {
    return runSync(building(codes, checkOptions(options)));
  }

  /**
   * An index of no codes yet.
   *
   * @param bits length of a code, a positive multiple of 8
   * @throws INVALID_OPTION
   */
  static empty(bits: number, options: EmptyOptions = {}): HammingIndex {
    const { ids, factors } = checkOptions(options);
    checkInteger('bits', bits, 8);
    const open = () => backend().emptyIndex(bits, ids === true, factors === true);
    return withH2qErrors(() => new HammingIndex(open()));
  }

  /**
   * Reads a file that {@link HammingIndex.save} wrote (docs/formats.md) into memory: by its path, from a
   * `Blob` or from bytes. Every byte is checked, unless the file is `mapped`.
   *
   * @throws FILE_NOT_FOUND, FILE_UNREADABLE, INDEX_FORMAT, OUT_OF_MEMORY
   */
  static async open(input: FileInput, options: OpenOptions = {}): Promise<HammingIndex> {
    const { signal, mapped } = checkOptions(options);
    if (mapped) return new HammingIndex(await mapIndex(input), input as string);
    return new HammingIndex(await readIndex(input, signal));
  }

  /**
   * Writes a file with what the index holds now. It appears complete or not at all.
   *
   * @throws FILE_UNWRITABLE
   */
  async save(path: string, options: Abortable = {}): Promise<void> {
    const { signal } = checkOptions(options);
    await naming(this.#file, () => writeIndex(this.core, path, signal));
  }

  /**
   * The bytes of such a file: what the index holds now.
   *
   * Rejects with `signal.reason` on abort.
   */
  async toBytes(options: Abortable = {}): Promise<Uint8Array> {
    const { signal } = checkOptions(options);
    return naming(this.#file, () => indexBytes(this.core, signal));
  }

  /** Number of codes that can be found. */
  get size(): number {
    return this.core.size;
  }

  /** Number of rows ever added, removed ones included: the number of the next one. */
  get rows(): number {
    return this.core.rows;
  }

  /** Length of each code. */
  get bits(): number {
    return this.core.bits;
  }

  /** Whether the codes have ids of their own. */
  get hasIds(): boolean {
    return this.core.hasIds;
  }

  /** Whether the codes have factors. */
  get hasFactors(): boolean {
    return this.core.hasFactors;
  }

  /** Fingerprint of the model that its codes come from, where that is known; codes of others are refused. */
  get model(): string | undefined {
    return this.core.model ?? undefined;
  }

  /** Bytes held, about, search tables included. */
  get memory(): number {
    return this.core.memory;
  }

  /**
   * Appends codes. They are numbered from the returned row on.
   *
   * @throws MISMATCH for codes of another length, ids or factors that are not one per code, INVALID_ARGUMENT
   * where they are missing or not wanted, INVALID_OPTION for factors of another metric than those before, EMPTY_INPUT,
   * NOT_FINITE; `signal.reason` on an abort, which is heeded while the arrays are copied; nothing has changed then
   */
  async add(codes: Codes, options: BuildOptions = {}): Promise<number> {
    return run(this.#in(this.#add(codes, options)), checkOptions(options).signal);
  }

  /** {@link HammingIndex.add}, blocking. */
  addSync(codes: Codes, options: BuildSyncOptions = {}): number {
    return runSync(this.#in(this.#add(codes, checkOptions(options))));
  }

  /**
   * Removes all codes with these ids (with these rows, in an index without ids). Unknown ones are passed
   * over. The rows of the others keep their numbers.
   *
   * @returns how many codes were removed
   * @throws INVALID_ARGUMENT; `signal.reason` on an abort, as {@link HammingIndex.add}
   */
  async remove(ids: BigInt64Array | Uint32Array, options: Abortable = {}): Promise<number> {
    return run(this.#in(this.#remove(ids)), checkOptions(options).signal);
  }

  /** {@link HammingIndex.remove}, blocking. */
  removeSync(ids: BigInt64Array | Uint32Array): number {
    return runSync(this.#in(this.#remove(ids)));
  }

  /**
   * Builds the search tables that `method: 'mih'` and `'auto'` use, some 24 bytes per code of 64 bits
   * (docs/kernels.md). Codes added later are searched without. A part of the index that as many codes are
   * added to is merged with them and loses its tables until they are built again.
   *
   * @throws OUT_OF_MEMORY
   */
  async buildTables(options: { threads?: number } & Abortable = {}): Promise<void> {
    return run(this.#in(this.#buildTables(checkOptions(options).threads)), options.signal);
  }

  /** {@link HammingIndex.buildTables}, blocking. */
  buildTablesSync(options: { threads?: number } = {}): void {
    runSync(this.#in(this.#buildTables(checkOptions(options).threads)));
  }

  /**
   * The k nearest codes of each query. `k` may exceed what may be found; all of that comes back then.
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
    return run(this.#in(this.#search(queries, k, options)), checkOptions(options).signal);
  }

  /** {@link HammingIndex.search}, blocking. */
  searchSync(queries: Codes, k: number, options: SearchSyncOptions & RerankOptions): RerankedResult;
  searchSync(queries: Codes, k: number, options?: SearchSyncOptions): SearchResult;
  searchSync(queries: Codes, k: number, options: SearchSyncOptions = {}): SearchResult {
    return runSync(this.#in(this.#search(queries, k, checkOptions(options))));
  }

  /**
   * All codes within `radius` of each query: distance <= radius. Query q owns hits
   * `offsets[q] .. offsets[q + 1]`.
   *
   * @param radius at least 0
   * @throws as {@link HammingIndex.search}
   */
  async searchRadius(queries: Codes, radius: number, options: SearchOptions = {}): Promise<RadiusResult> {
    return run(this.#in(this.#searchRadius(queries, radius, options)), checkOptions(options).signal);
  }

  /** {@link HammingIndex.searchRadius}, blocking. */
  searchRadiusSync(queries: Codes, radius: number, options: SearchSyncOptions = {}): RadiusResult {
    return runSync(this.#in(this.#searchRadius(queries, radius, checkOptions(options))));
  }

  /** Work whose errors name the file: what lies in one is checked where it is first used. */
  *#in<T>(work: Work<T>): Work<T> {
    try {
      return yield* work;
    } catch (error) {
      throw withFile(this.#file, error);
    }
  }

  *#add(codes: Codes, options: BuildSyncOptions): Work<number> {
    const rows = this.#checkBits(codes, 'codes');
    checkWanted('ids', options.ids !== undefined, this.hasIds);
    checkWanted('factors', options.factors !== undefined, this.hasFactors);
    const { ids, factors } = yield* toCoreBeside(options, rows);
    const core = yield* toCoreCodes(codes, 'codes');
    const adding = change(
      () => this.core.addSync(core, ids, factors),
      () => this.core.add(core, ids, factors),
    );
    return yield* releasing([core, ids, factors], adding);
  }

  *#remove(ids: BigInt64Array | Uint32Array): Work<number> {
    const own = yield* toCoreIds(ids, 'ids');
    const removing = change(
      () => this.core.removeSync(own),
      () => this.core.remove(own),
    );
    return yield* releasing([own], removing);
  }

  *#buildTables(threads: number | undefined): Work<void> {
    const checked = checkThreads(threads);
    yield* call(
      () => this.core.buildTablesSync(checked),
      (cancel) => this.core.buildTables(checked, cancel),
    );
  }

  *#search(queries: Codes, k: number, options: SearchSyncOptions): Work<SearchResult> {
    const wanted = checkInteger('k', k, 1, Number.MAX_SAFE_INTEGER);
    const request = toRequest(options);
    const rows = this.#checkBits(queries, 'queries');
    // First, while what it was made of is as the caller left it.
    const filter = yield* toCoreFilter(options, this.core);
    const rerank = yield* prepareRerank(options, this.core, rows);
    const core = yield* toCoreCodes(queries, 'queries');
    const candidates = Math.min(wanted * (rerank?.oversample ?? 1), Number.MAX_SAFE_INTEGER);
    const searching = call(
      () => this.core.searchSync(core, candidates, request, filter),
      (cancel) => this.core.search(core, candidates, request, filter, cancel),
    );
    const best = rerank ? reranking(searching, rerank, core, wanted, request) : searching;
    const hits: SearchHits & { scores?: Float32Array } = yield* releasing([core, filter, rerank], best);
    const { scores } = hits;
    return {
      ...publicHits(hits, options),
      ...(rerank && scores && { scores }),
      k: hits.rows.length / rows,
    };
  }

  *#searchRadius(queries: Codes, radius: number, options: SearchSyncOptions): Work<RadiusResult> {
    // Every code lies within its own length, so a larger radius means the same.
    const within = Math.min(checkInteger('radius', radius, 0, Number.MAX_SAFE_INTEGER), this.bits);
    const request = toRequest(options);
    refuseRerank(options, 'a search within a radius has no re-ranking');
    this.#checkBits(queries, 'queries');
    const filter = yield* toCoreFilter(options, this.core);
    const core = yield* toCoreCodes(queries, 'queries');
    const searching = call(
      () => this.core.searchRadiusSync(core, within, request, filter),
      (cancel) => this.core.searchRadius(core, within, request, filter, cancel),
    );
    const hits = yield* releasing([core, filter], searching);
    return { ...publicHits(hits, options), offsets: hits.offsets };
  }

  /** Number of codes. */
  #checkBits(codes: Codes, name: string): number {
    const rows = checkCodes(codes, name);
    if (codes.bits === this.bits) return rows;
    throw new H2qError('MISMATCH', `${name}: expected ${this.bits} bits, got ${codes.bits}`, {
      details: { what: name, expected: this.bits, actual: codes.bits },
    });
  }
}

/** An error about damage, which names the file where it does not yet. */
function withFile(file: string | undefined, error: unknown): unknown {
  const isNew = error instanceof H2qError && error.code === 'INDEX_FORMAT' && !error.details['file'];
  return file !== undefined && isNew ? inFile(file, error) : error;
}

async function naming<T>(file: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw withFile(file, error);
  }
}

function toRequest({ threads, method }: SearchSyncOptions): SearchRequest {
  return { threads: checkThreads(threads), method: checkOneOf('method', method ?? 'auto', METHODS) };
}

function publicHits({ rows, distances, ids, work }: SearchHits, { counters }: SearchSyncOptions) {
  return { rows, distances, ...(ids && { ids }), ...(counters && { work }) };
}

function* building(codes: Codes, options: BuildSyncOptions): Work<HammingIndex> {
  const rows = checkCodes(codes, 'codes');
  if (rows > MAX_U32) throw invalidArgument('codes', `more than ${MAX_U32} rows`);
  const { ids, factors } = yield* toCoreBeside(options, rows);
  const core = yield* toCoreCodes(codes, 'codes');
  const creating = call(
    () => backend().createIndexSync(core, ids, factors),
    (cancel) => backend().createIndex(core, ids, factors, cancel),
  );
  return new HammingIndex(yield* releasing([core, ids, factors], creating));
}

/** The hits of `searching` in the order of a finer score, with what the search did. */
function* reranking(
  searching: Work<SearchHits>,
  rerank: Rescoring,
  core: CoreCodes,
  k: number,
  { threads }: SearchRequest,
): Work<RerankedHits> {
  const found = yield* searching;
  return { ...(yield* rerank.rescore(core, found, k, threads)), work: found.work };
}
