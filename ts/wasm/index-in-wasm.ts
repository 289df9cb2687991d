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
  SearchMethod,
  SearchRequest,
} from '../backend.js';
import { toHex } from '../fingerprint.js';
import { platform } from '../platform.js';
import type {
  WasmCodes,
  WasmExports,
  WasmFilter,
  WasmHits,
  WasmIds,
  WasmIndex,
  WasmVectors,
} from './exports.js';
import { share, shareCodes, shareFilter, shareIds } from './held.js';
import { checkHits, joinHits, sliceQueries, takeHits } from './hits.js';
import type { Instance } from './instance.js';
import { atOnce, inTurns, later, type Slices } from './turns.js';

/** A search of some queries; it takes the filter over. */
type Find = (index: WasmIndex, queries: WasmCodes, filter: WasmFilter | undefined) => WasmHits;

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

  get model(): string | null {
    const model = this.#instance.run(() => this.handle.model);
    return model ? toHex(model) : null;
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
    return inTurns(this.#searching(queries, filter, nearest(k, request.method)), cancel);
  }

  searchSync(queries: CoreCodes, k: number, request: SearchRequest, filter: CoreFilter | null): SearchHits {
    return atOnce(this.#searching(queries, filter, nearest(k, request.method)));
  }

  searchRadius(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits> {
    return inTurns(this.#searching(queries, filter, within(radius, request.method)), cancel);
  }

  searchRadiusSync(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
  ): SearchHits {
    return atOnce(this.#searching(queries, filter, within(radius, request.method)));
  }

  add(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): Promise<number> {
    return inTurns(giving(this.#instance, codes, ids, factors, (...own) => this.handle.addSync(...own)));
  }

  addSync(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): number {
    return atOnce(giving(this.#instance, codes, ids, factors, (...own) => this.handle.addSync(...own)));
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

  *#removing(ids: CoreIds): Slices<number> {
    const own = shareIds(ids);
    try {
      yield;
      return this.#instance.run(() => this.handle.removeSync(own));
    } finally {
      this.#instance.free(own);
    }
  }

  /** Queries do not depend on each other; all of them see the index as it is now. */
  *#searching(codes: CoreCodes, filter: CoreFilter | null, find: Find): Slices<SearchHits> {
    const index = this.#instance.run(() => this.handle.frozen());
    const queries = shareCodes(codes);
    const allowed = filter && shareFilter(filter);
    try {
      yield;
      const perSlice = sliceQueries(index.size, this.bits);
      const parts = [];
      let hits = 0;
      for (let first = 0; first < codes.rows; first += perSlice) {
        const count = Math.min(perSlice, codes.rows - first);
        const slice = this.#instance.run(() => queries.slice(first, count));
        const part = this.#instance.run(() => find(index, slice, allowed?.share()));
        this.#instance.free(slice);
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
}

function nearest(k: number, method: SearchMethod): Find {
  return (index, queries, filter) => index.searchSync(queries, k, method, filter);
}

function within(radius: number, method: SearchMethod): Find {
  return (index, queries, filter) => index.searchRadiusSync(queries, radius, method, filter);
}

export function* createIndex(
  instance: Instance<WasmExports>,
  codes: CoreCodes,
  ids: CoreIds | null,
  factors: CoreVectors | null,
): Slices<CoreIndex> {
  const create = instance.exports.createIndexSync;
  return new IndexInWasm(instance, yield* giving(instance, codes, ids, factors, create));
}

/** Gives codes, and what stands beside them, to a call that takes the latter over. */
function* giving<T>(
  instance: Instance<unknown>,
  codes: CoreCodes,
  ids: CoreIds | null,
  factors: CoreVectors | null,
  call: (codes: WasmCodes, ids: WasmIds | null, factors: WasmVectors | null) => T,
): Slices<T> {
  const own = shareCodes(codes);
  const beside = [ids && shareIds(ids), factors && share(factors)] as const;
  try {
    yield;
    return instance.run(() => call(own, ...beside));
  } finally {
    instance.free(own);
  }
}

export function indexReader(instance: Instance<WasmExports>, bytes: number): CoreIndexReader {
  const reader = instance.run(({ IndexReader }) => new IndexReader(bytes));
  return {
    push: async (bytes) => {
      instance.run(() => reader.push(bytes));
      await platform().nextTurn();
    },
    wanted: () => instance.run(() => reader.wanted()),
    finish: () =>
      new IndexInWasm(
        instance,
        instance.run(() => reader.finish()),
      ),
  };
}
