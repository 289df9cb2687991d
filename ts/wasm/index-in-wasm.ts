/** An index in the memory of WASM. */

import type {
  CancelToken,
  CoreCodes,
  CoreFilter,
  CoreIds,
  CoreIndex,
  CoreIndexReader,
  CoreIndexWriter,
  CoreVectors,
  SearchHits,
  SearchRequest,
} from '../backend.js';
import { platform } from '../platform.js';
import type { SearchExports, WasmCodes, WasmFilter, WasmHits, WasmIndex } from './exports.js';
import { share, shareCodes, shareFilter, shareIds } from './held.js';
import { checkHits, joinHits, takeHits } from './hits.js';
import type { Instance } from './instance.js';
import { atOnce, inTurns, later, type Slices } from './turns.js';

/** Words of 64 bits that a slice of queries compares at most, some ten milliseconds; */
const SLICE_WORDS = 2 ** 24;
/** but a scan reads codes once for several queries, so no slice has fewer than this. */
const MIN_QUERIES = 8;

type Find = (index: WasmIndex, queries: WasmCodes, filter: WasmFilter | null) => WasmHits;

export class IndexInWasm implements CoreIndex {
  readonly handle: WasmIndex;
  readonly bits: number;
  readonly hasIds: boolean;
  readonly hasFactors: boolean;
  readonly #instance: Instance<unknown>;

  constructor(instance: Instance<unknown>, handle: WasmIndex) {
    this.#instance = instance;
    this.handle = handle;
    this.bits = handle.bits;
    this.hasIds = handle.hasIds;
    this.hasFactors = handle.hasFactors;
  }

  get size(): number {
    return this.#instance.run(() => this.handle.size);
  }

  get rows(): number {
    return this.#instance.run(() => this.handle.rows);
  }

  get memory(): number {
    return this.#instance.run(() => this.handle.memory);
  }

  search(
    queries: CoreCodes,
    k: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits> {
    return inTurns(this.#searching(queries, filter, nearest(k, request)), cancel);
  }

  searchSync(queries: CoreCodes, k: number, request: SearchRequest, filter: CoreFilter | null): SearchHits {
    return atOnce(this.#searching(queries, filter, nearest(k, request)));
  }

  searchRadius(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits> {
    return inTurns(this.#searching(queries, filter, within(radius, request)), cancel);
  }

  searchRadiusSync(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
  ): SearchHits {
    return atOnce(this.#searching(queries, filter, within(radius, request)));
  }

  add(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): Promise<number> {
    return inTurns(this.#adding(codes, ids, factors));
  }

  addSync(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): number {
    return atOnce(this.#adding(codes, ids, factors));
  }

  remove(ids: CoreIds): Promise<number> {
    return inTurns(this.#removing(ids));
  }

  removeSync(ids: CoreIds): number {
    return atOnce(this.#removing(ids));
  }

  buildTables(_threads: number, cancel: CancelToken): Promise<void> {
    return later(() => this.buildTablesSync(), cancel);
  }

  buildTablesSync(): void {
    this.#instance.run(() => this.handle.buildTablesSync());
  }

  ids(first: number, count: number): Promise<BigInt64Array> {
    return later(() => this.idsSync(first, count));
  }

  idsSync(first: number, count: number): BigInt64Array {
    return this.#instance.run(() => this.handle.idsSync(first, count));
  }

  async writer(): Promise<CoreIndexWriter> {
    const writer = this.#instance.run(() => this.handle.writer());
    return { next: (atMost) => this.#instance.run(() => writer.next(atMost)) };
  }

  /** Queries do not depend on each other; all of them see the index as it is now. */
  *#searching(codes: CoreCodes, filter: CoreFilter | null, find: Find): Slices<SearchHits> {
    const index = this.#instance.run(() => this.handle.frozen());
    const queries = shareCodes(codes);
    const allowed = filter && shareFilter(filter);
    try {
      yield;
      const words = Math.max(1, index.size) * Math.ceil(this.bits / 64);
      const sliceQueries = Math.max(MIN_QUERIES, Math.floor(SLICE_WORDS / words));
      const parts = [];
      let hits = 0;
      for (let first = 0; first < codes.rows; first += sliceQueries) {
        const count = Math.min(sliceQueries, codes.rows - first);
        const part = this.#instance.run(() => find(index, queries.slice(first, count), allowed));
        parts.push(takeHits(this.#instance, part));
        hits += parts.at(-1)?.rows.length ?? 0;
        checkHits(hits);
        yield;
      }
      return joinHits(parts);
    } finally {
      this.#instance.free(index, queries, allowed);
    }
  }

  *#adding(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): Slices<number> {
    const own = shareCodes(codes);
    const beside = [shareIds(ids), factors && share(factors)] as const;
    try {
      yield;
      // The call takes over what stands beside the codes.
      return this.#instance.run(() => this.handle.addSync(own, ...beside));
    } finally {
      this.#instance.free(own);
    }
  }

  *#removing(ids: CoreIds): Slices<number> {
    const own = shareIds(ids)!;
    try {
      yield;
      return this.#instance.run(() => this.handle.removeSync(own));
    } finally {
      this.#instance.free(own);
    }
  }
}

function nearest(k: number, { method }: SearchRequest): Find {
  return (index, queries, filter) => {
    const hits = index.searchSync(queries, k, method, filter?.share());
    queries.free();
    return hits;
  };
}

function within(radius: number, { method }: SearchRequest): Find {
  return (index, queries, filter) => {
    const hits = index.searchRadiusSync(queries, radius, method, filter?.share());
    queries.free();
    return hits;
  };
}

export function* createIndex(
  instance: Instance<SearchExports>,
  codes: CoreCodes,
  ids: CoreIds | null,
  factors: CoreVectors | null,
): Slices<CoreIndex> {
  const own = shareCodes(codes);
  const beside = [shareIds(ids), factors && share(factors)] as const;
  try {
    yield;
    const handle = instance.run(({ createIndexSync }) => createIndexSync(own, ...beside));
    return new IndexInWasm(instance, handle);
  } finally {
    instance.free(own);
  }
}

export function indexReader(instance: Instance<SearchExports>, bytes: number): CoreIndexReader {
  const reader = instance.run(({ IndexReader }) => new IndexReader(bytes));
  return {
    push: async (bytes) => {
      instance.run(() => reader.push(bytes));
      await platform().nextTurn();
    },
    finish: () =>
      new IndexInWasm(
        instance,
        instance.run(() => reader.finish()),
      ),
  };
}
