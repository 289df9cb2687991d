/** What searches and indexes take and give. */

import type { SearchMethod, SearchWork } from './backend.js';
import type { BuildSyncOptions } from './beside.js';
import type { FilterOptions } from './filter.js';

export interface Abortable {
  /** Ends the work; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

export interface EmptyOptions {
  /** Whether the codes will have ids of their own. Default false. */
  ids?: boolean | undefined;
  /** Whether the codes will have factors. Default false. */
  factors?: boolean | undefined;
}

export interface OpenOptions extends Abortable {
  /**
   * Whether to search in the file where it lies, in a memory map, instead of in a copy: opened at once however long
   * it is. Every part is checked where it is first used, so a search may fail with INDEX_FORMAT. The index
   * stays as it was when it was opened, whatever is appended to the file; nobody may shorten or overwrite it. Only by
   * path, in Node with the native addon. Default false.
   */
  mapped?: boolean | undefined;
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

/** Hits of all queries, ordered by (score descending, id), by row without ids. */
export interface RerankedResult extends SearchResult {
  /** One per hit, finite; higher is nearer. `distances` still are the Hamming distances of the rows. */
  scores: Float32Array;
}

export const METHODS: readonly SearchMethod[] = ['auto', 'linear', 'mih'];
