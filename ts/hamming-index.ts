/** Exact search among codes by Hamming distance. */

import { checkInteger, checkOneOf, checkThreads, invalidArgument, kindOf, MAX_U32 } from './arguments.js';
import type { CoreIndex, SearchHits, SearchMethod, SearchRequest, SearchWork } from './backend.js';
import { type Codes, checkCodes, toCoreCodes } from './codes.js';
import { H2qError, inFile, withH2qErrors } from './errors.js';
import { type FilterOptions, toCoreFilter, toIds } from './filter.js';
import { withSource, writeFile } from './io/files.js';
import { backend } from './platform.js';
import { SLICE_BYTES } from './slices.js';
import { call, run, runSync, type Work } from './work.js';

export interface Abortable {
  /** Ends the work; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

export interface BuildSyncOptions {
  /** One id per code, any 64-bit numbers. Default: none, hits are named by their row. */
  ids?: BigInt64Array | undefined;
}

export interface BuildOptions extends BuildSyncOptions, Abortable {}

export interface SearchSyncOptions extends FilterOptions {
  /** Threads of the core; 0 (default) uses all. Results do not depend on it. */
  threads?: number | undefined;
  /**
   * `linear` compares every code. `mih` looks into search tables (multi-index hashing), which it builds
   * when they are missing; it pays for near hits among many codes of 64 or 128 bits. `auto` (default) uses
   * tables where they are expected to be faster, and builds missing ones only where this one call gains
   * more than they take. All find the same.
   */
  method?: SearchMethod | undefined;
  /** Whether the result says what was done. Default false. */
  counters?: boolean | undefined;
}

export interface SearchOptions extends SearchSyncOptions, Abortable {}

/** Hits of all queries: query q owns entries `q * k .. (q + 1) * k`, nearest first. */
export interface SearchResult {
  /** Rows of the index, numbered in the order of adding. */
  rows: Uint32Array;
  /** Hamming distances. */
  distances: Int32Array;
  /** Present when the index has ids of its own. */
  ids?: BigInt64Array;
  /** Hits per query: the k asked for, or as many as may be found where there are fewer. */
  k: number;
  /** With `counters: true`. */
  work?: SearchWork;
}

/** Hits within a radius; query q owns `offsets[q] .. offsets[q + 1]`, nearest first. */
export interface RadiusResult extends Omit<SearchResult, 'k'> {
  offsets: Uint32Array;
}

export const METHODS: readonly SearchMethod[] = ['auto', 'linear', 'mih'];

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

  /** @internal Use {@link HammingIndex.build}, {@link HammingIndex.empty} or {@link HammingIndex.open}. */
  constructor(core: CoreIndex) {
    this.core = core;
  }

  /**
   * Builds an index of `codes`, copied 4 MiB per turn of the event loop.
   *
   * @throws INVALID_ARGUMENT, EMPTY_INPUT, MISMATCH when ids and codes differ in number
   */
  static async build(codes: Codes, options: BuildOptions = {}): Promise<HammingIndex> {
    return run(building(codes, options.ids), options.signal);
  }

  /** {@link HammingIndex.build}, blocking. */
  static buildSync(codes: Codes, options: BuildSyncOptions = {}): HammingIndex {
    return runSync(building(codes, options.ids));
  }

  /**
   * An index of no codes yet.
   *
   * @param bits length of a code, a positive multiple of 8
   * @param hasIds whether the codes will have ids of their own
   * @throws INVALID_OPTION
   */
  static empty(bits: number, hasIds = false): HammingIndex {
    checkInteger('bits', bits, 8);
    return withH2qErrors(() => new HammingIndex(backend().emptyIndex(bits, hasIds === true)));
  }

  /**
   * Reads a file that {@link HammingIndex.save} wrote (docs/formats.md) into memory. Every byte is checked.
   *
   * @throws FILE_NOT_FOUND, FILE_UNREADABLE, INDEX_FORMAT, OUT_OF_MEMORY
   */
  static async open(path: string, { signal }: Abortable = {}): Promise<HammingIndex> {
    return withSource(path, async (source) => {
      const reader = backend().indexReader(source.byteLength);
      try {
        const buffer = new Uint8Array(Math.min(SLICE_BYTES, source.byteLength));
        for (let start = 0; start < source.byteLength; start += SLICE_BYTES) {
          signal?.throwIfAborted();
          const end = Math.min(start + SLICE_BYTES, source.byteLength);
          await reader.push(await source.slice(start, end, buffer));
        }
        return new HammingIndex(reader.finish());
      } catch (error) {
        throw signal?.aborted ? error : inFile(path, error);
      }
    });
  }

  /**
   * Writes a file with what the index holds now. It appears complete or not at all.
   *
   * @throws FILE_UNWRITABLE
   */
  async save(path: string, { signal }: Abortable = {}): Promise<void> {
    const write = async (file: { write(bytes: Uint8Array): Promise<void> }) => {
      const writer = await this.core.writer();
      for (;;) {
        signal?.throwIfAborted();
        const bytes = writer.next(SLICE_BYTES);
        if (bytes.length === 0) return;
        await file.write(bytes);
      }
    };
    await writeFile(path, write, signal);
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

  /** Bytes held, about, search tables included. */
  get memory(): number {
    return this.core.memory;
  }

  /**
   * Appends codes. They are numbered from the returned row on.
   *
   * @throws MISMATCH for codes of another length or ids that are not one per code, INVALID_ARGUMENT for
   * ids missing or not wanted, EMPTY_INPUT; nothing has changed then
   */
  async add(codes: Codes, options: BuildSyncOptions = {}): Promise<number> {
    return run(this.#add(codes, options.ids));
  }

  /** {@link HammingIndex.add}, blocking. */
  addSync(codes: Codes, options: BuildSyncOptions = {}): number {
    return runSync(this.#add(codes, options.ids));
  }

  /**
   * Removes all codes with these ids (with these rows, in an index without ids). Unknown ones are passed
   * over. The rows of the others keep their numbers.
   *
   * @returns how many codes were removed
   * @throws INVALID_ARGUMENT
   */
  async remove(ids: BigInt64Array | Uint32Array): Promise<number> {
    return run(this.#remove(ids));
  }

  /** {@link HammingIndex.remove}, blocking. */
  removeSync(ids: BigInt64Array | Uint32Array): number {
    return runSync(this.#remove(ids));
  }

  /**
   * Builds the search tables that `method: 'mih'` and `'auto'` use, some 24 bytes per code of 64 bits
   * (docs/kernels.md). Codes added later are searched without or get tables of their own.
   *
   * @throws OUT_OF_MEMORY
   */
  async buildTables(options: { threads?: number } & Abortable = {}): Promise<void> {
    return run(this.#buildTables(options.threads), options.signal);
  }

  /** {@link HammingIndex.buildTables}, blocking. */
  buildTablesSync(options: { threads?: number } = {}): void {
    runSync(this.#buildTables(options.threads));
  }

  /**
   * The k nearest codes of each query. `k` may exceed what may be found; all of that comes back then.
   *
   * @param k at least 1
   * @throws MISMATCH for codes of another length, INVALID_ARGUMENT, INVALID_OPTION, EMPTY_INPUT,
   * TOO_MANY_HITS
   */
  async search(queries: Codes, k: number, options: SearchOptions = {}): Promise<SearchResult> {
    return run(this.#search(queries, k, options), options.signal);
  }

  /** {@link HammingIndex.search}, blocking. */
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
  async searchRadius(queries: Codes, radius: number, options: SearchOptions = {}): Promise<RadiusResult> {
    return run(this.#searchRadius(queries, radius, options), options.signal);
  }

  /** {@link HammingIndex.searchRadius}, blocking. */
  searchRadiusSync(queries: Codes, radius: number, options: SearchSyncOptions = {}): RadiusResult {
    return runSync(this.#searchRadius(queries, radius, options));
  }

  *#add(codes: Codes, ids: BigInt64Array | undefined): Work<number> {
    const rows = checkCodes(codes, 'codes');
    this.#checkBits(codes, 'codes');
    const own = ids === undefined ? null : copyIds(ids, rows);
    if ((own !== null) !== this.hasIds) {
      const problem = this.hasIds ? 'missing, this index has ids' : 'not wanted, this index has none';
      throw invalidArgument('ids', problem);
    }
    const core = yield* toCoreCodes(codes, 'codes');
    return yield* call(
      () => this.core.addSync(core, own),
      () => this.core.add(core, own),
    );
  }

  *#remove(ids: BigInt64Array | Uint32Array): Work<number> {
    const own = toIds(ids, 'ids');
    return yield* call(
      () => this.core.removeSync(own),
      () => this.core.remove(own),
    );
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
    const core = yield* toCoreCodes(queries, 'queries');
    const filter = yield* toCoreFilter(options, this.core);
    const hits = yield* call(
      () => this.core.searchSync(core, wanted, request, filter),
      (cancel) => this.core.search(core, wanted, request, filter, cancel),
    );
    return { ...publicHits(hits, options), k: hits.rows.length / rows };
  }

  *#searchRadius(queries: Codes, radius: number, options: SearchSyncOptions): Work<RadiusResult> {
    // Every code lies within its own length, so a larger radius means the same.
    const within = Math.min(checkInteger('radius', radius, 0, Number.MAX_SAFE_INTEGER), this.bits);
    const request = toRequest(options);
    this.#checkBits(queries, 'queries');
    const core = yield* toCoreCodes(queries, 'queries');
    const filter = yield* toCoreFilter(options, this.core);
    const hits = yield* call(
      () => this.core.searchRadiusSync(core, within, request, filter),
      (cancel) => this.core.searchRadius(core, within, request, filter, cancel),
    );
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

function toRequest({ threads, method }: SearchSyncOptions): SearchRequest {
  return { threads: checkThreads(threads), method: checkOneOf('method', method ?? 'auto', METHODS) };
}

function publicHits({ rows, distances, ids, work }: SearchHits, { counters }: SearchSyncOptions) {
  return { rows, distances, ...(ids && { ids }), ...(counters && { work }) };
}

function* building(codes: Codes, ids: BigInt64Array | undefined): Work<HammingIndex> {
  const rows = checkCodes(codes, 'codes');
  if (rows > MAX_U32) throw invalidArgument('codes', `more than ${MAX_U32} rows`);
  const ownIds = ids === undefined ? null : copyIds(ids, rows);
  const core = yield* toCoreCodes(codes, 'codes');
  const index = yield* call(
    () => backend().createIndexSync(core, ownIds),
    (cancel) => backend().createIndex(core, ownIds, cancel),
  );
  return new HammingIndex(index);
}

/** Copied before the first turn of the event loop, in which their owner may change them. */
function copyIds(ids: BigInt64Array, rows: number): BigInt64Array {
  if (!(ids instanceof BigInt64Array)) {
    throw invalidArgument('ids', `expected a BigInt64Array, got ${kindOf(ids)}`);
  }
  if (ids.length === rows) return ids.slice();
  throw new H2qError('MISMATCH', `ids: expected one per code, ${rows}, got ${ids.length}`, {
    details: { what: 'ids', expected: rows, actual: ids.length },
  });
}

const MAGIC = 'H2QINDEX';

/**
 * Whether a file says that it is an index.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function isIndexFile(path: string): Promise<boolean> {
  return withSource(path, async (source) => {
    if (source.byteLength < MAGIC.length) return false;
    return new TextDecoder().decode(await source.slice(0, MAGIC.length)) === MAGIC;
  });
}
