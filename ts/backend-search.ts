/** The part of the surface of a backend that searches: indexes, filters, re-ranking. */

import type { CancelToken, CoreCodes, CoreMappedVectors, CoreVectors, Releasable } from './backend.js';

/** What a search did, all queries together. */
export interface SearchWork {
  /** Codes whose distance was computed. */
  candidates: number;
  /** Buckets of search tables that were looked into. */
  buckets: number;
}

/** Hits of all queries, ordered by (distance, id); query q owns `offsets[q] .. offsets[q + 1]`. */
export interface SearchHits {
  /** Rows of the index. */
  rows: Uint32Array;
  distances: Int32Array;
  /** Present when the index has ids of its own. */
  ids?: BigInt64Array;
  offsets: Uint32Array;
  work: SearchWork;
}

/** How to search; all find the same. */
export type SearchMethod = 'auto' | 'linear' | 'mih';

export interface SearchRequest {
  threads: number;
  method: SearchMethod;
}

/** 64-bit numbers owned by the core. */
export interface CoreIds extends Releasable {
  readonly isIds?: true;
}

/** Fills {@link CoreIds} in slices of whole numbers. */
export interface CoreIdsBuilder {
  push(bytes: Uint8Array): void;
  /** The same for numbers of 32 bits without a sign. */
  pushRows(bytes: Uint8Array): void;
  finish(): CoreIds;
}

/** Which codes a search may find, in the core's memory. */
export interface CoreFilter extends Releasable {
  readonly isFilter?: true;
}

/** The file of an index, piece by piece. */
export interface CoreIndexWriter {
  /** At most so many bytes, none at the end. */
  next(atMost: number): Uint8Array;
}

export interface CoreIndexReader {
  push(bytes: Uint8Array): Promise<void>;
  /** How many more bytes of the file are of use, as far as that is known: once its front has come. */
  wanted(): number;
  finish(): CoreIndex;
}

/** Hits with the scores that they are ordered by: (score descending, id), by row without ids. */
export interface RerankedHits extends SearchHits {
  /** One per hit, finite; higher is nearer. */
  scores: Float32Array;
}

export interface CoreIndex {
  /** Codes that can be found. */
  readonly size: number;
  /** Rows ever added. */
  readonly rows: number;
  readonly bits: number;
  readonly hasIds: boolean;
  readonly hasFactors: boolean;
  /** Fingerprint of the model that the codes come from, where that is known. */
  readonly model: string | null;
  /** Bytes held, about. */
  readonly memory: number;
  search(
    queries: CoreCodes,
    k: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits>;
  searchSync(queries: CoreCodes, k: number, request: SearchRequest, filter: CoreFilter | null): SearchHits;
  /** All hits with distance <= radius. */
  searchRadius(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits>;
  searchRadiusSync(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
  ): SearchHits;
  /** The row of the first. */
  add(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): Promise<number>;
  addSync(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): number;
  /** How many there were. */
  remove(ids: CoreIds): Promise<number>;
  removeSync(ids: CoreIds): number;
  buildTables(threads: number, cancel: CancelToken): Promise<void>;
  buildTablesSync(threads: number): void;
  /** Ids by row; rows where the index has none. */
  ids(first: number, count: number): Promise<BigInt64Array>;
  idsSync(first: number, count: number): BigInt64Array;
  writer(): Promise<CoreIndexWriter>;
}

/** An index file that is open for changes. */
export interface CoreIndexFile {
  /** Follows the changes. */
  index(): CoreIndex;
  append(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): Promise<number>;
  remove(ids: CoreIds): Promise<number>;
  compact(cancel: CancelToken): Promise<Uint32Array>;
  close(): void;
}

/** Of {@link Backend}. */
export interface SearchBackend {
  createIndex(
    codes: CoreCodes,
    ids: CoreIds | null,
    factors: CoreVectors | null,
    cancel: CancelToken,
  ): Promise<CoreIndex>;
  createIndexSync(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): CoreIndex;
  emptyIndex(bits: number, hasIds: boolean, hasFactors: boolean): CoreIndex;
  /** For a file of `bytes` bytes. */
  indexReader(bytes: number): CoreIndexReader;
  /** Bit `row % 8` of byte `row / 8` for each of `rows` rows. */
  filterRows(bytes: Uint8Array, rows: number, isDenied: boolean): CoreFilter;
  filterIds(ids: CoreIds, isDenied: boolean): CoreFilter;
  idsBuilder(ids: number): CoreIdsBuilder;
  /**
   * Scores hits of `index` by the transformed queries against the codes and by the factors of the index, if
   * it has any, and keeps the best `k` of each query. `codes` are what the hits were searched with.
   */
  rerankByCodes(
    index: CoreIndex,
    codes: CoreCodes,
    vectors: CoreVectors,
    hits: SearchHits,
    k: number,
    threads: number,
    cancel: CancelToken,
  ): Promise<RerankedHits>;
  rerankByCodesSync(
    index: CoreIndex,
    codes: CoreCodes,
    vectors: CoreVectors,
    hits: SearchHits,
    k: number,
    threads: number,
  ): RerankedHits;
  /** Scores hits by the cosine of the queries and the rows that the codes were made of. */
  rerankByVectors(
    originals: CoreVectors | CoreMappedVectors,
    vectors: CoreVectors,
    hits: SearchHits,
    k: number,
    threads: number,
    cancel: CancelToken,
  ): Promise<RerankedHits>;
  rerankByVectorsSync(
    originals: CoreVectors | CoreMappedVectors,
    vectors: CoreVectors,
    hits: SearchHits,
    k: number,
    threads: number,
  ): RerankedHits;
}
