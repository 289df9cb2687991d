/** An index in the memory of WASM, as far as both modules have it: searches. */

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
import { absent } from './absent.js';
import type {
  SearchExports,
  WasmCodes,
  WasmFilter,
  WasmHits,
  WasmIndex,
  WasmIndexReader,
} from './exports.js';
import { shareCodes, shareFilter, shareIds } from './held.js';
import { checkHits, joinHits, takeHits } from './hits.js';
import type { Instance } from './instance.js';
import { atOnce, inTurns, type Slices } from './turns.js';

/** Words of 64 bits that a slice of queries compares at most, some ten milliseconds; */
const SLICE_WORDS = 2 ** 24;
/** but a scan reads codes once for several queries, so no slice has fewer than this. */
const MIN_QUERIES = 8;

/** A search of some queries; it takes the filter over. */
type Find = (index: WasmIndex, queries: WasmCodes, filter: WasmFilter | undefined) => WasmHits;

/** All that is no search is absent: `WholeIndexInWasm` has it. */
export class IndexInWasm<H extends WasmIndex = WasmIndex> implements CoreIndex {
  readonly handle: H;
  readonly bits: number;
  readonly hasIds: boolean;
  readonly hasFactors: boolean;
  protected readonly instance: Instance<unknown>;

  constructor(instance: Instance<unknown>, handle: H) {
    this.instance = instance;
    this.handle = handle;
    this.bits = handle.bits;
    this.hasIds = handle.hasIds;
    this.hasFactors = handle.hasFactors;
  }

  get size(): number {
    return this.instance.run(() => this.handle.size);
  }

  get rows(): number {
    return this.instance.run(() => this.handle.rows);
  }

  get model(): string | null {
    const model = this.instance.run(() => this.handle.model);
    return model ? toHex(model) : null;
  }

  get memory(): number {
    return absent('the memory of an index');
  }

  search(
    queries: CoreCodes,
    k: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits> {
    return inTurns(this.#searching(queries, filter, nearest(k, this.method(request))), cancel);
  }

  searchSync(queries: CoreCodes, k: number, request: SearchRequest, filter: CoreFilter | null): SearchHits {
    return atOnce(this.#searching(queries, filter, nearest(k, this.method(request))));
  }

  searchRadius(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits> {
    return inTurns(this.#searching(queries, filter, within(radius, this.method(request))), cancel);
  }

  searchRadiusSync(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
  ): SearchHits {
    return atOnce(this.#searching(queries, filter, within(radius, this.method(request))));
  }

  async add(_codes: CoreCodes, _ids: CoreIds | null, _factors: CoreVectors | null): Promise<number> {
    return absent('adding to an index');
  }

  addSync(_codes: CoreCodes, _ids: CoreIds | null, _factors: CoreVectors | null): number {
    return absent('adding to an index');
  }

  async remove(_ids: CoreIds): Promise<number> {
    return absent('removing from an index');
  }

  removeSync(_ids: CoreIds): number {
    return absent('removing from an index');
  }

  async buildTables(_threads: number, _cancel: CancelToken): Promise<void> {
    absent('search tables');
  }

  buildTablesSync(_threads: number): void {
    absent('search tables');
  }

  async ids(_first: number, _count: number): Promise<BigInt64Array> {
    return absent('the ids of an index');
  }

  idsSync(_first: number, _count: number): BigInt64Array {
    return absent('the ids of an index');
  }

  async writer(): Promise<CoreIndexWriter> {
    return absent('writing an index');
  }

  /** The method that is asked for, which both modules have unless it needs search tables. */
  protected method({ method }: SearchRequest): SearchMethod {
    return method === 'mih' ? absent('search tables') : method;
  }

  /** Queries do not depend on each other; all of them see the index as it is now. */
  *#searching(codes: CoreCodes, filter: CoreFilter | null, find: Find): Slices<SearchHits> {
    const index = this.instance.run(() => this.handle.frozen());
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
        const slice = this.instance.run(() => queries.slice(first, count));
        const part = this.instance.run(() => find(index, slice, allowed?.share()));
        this.instance.free(slice);
        parts.push(takeHits(this.instance, part));
        hits += parts.at(-1)?.rows.length ?? 0;
        checkHits(hits);
        yield;
      }
      return joinHits(parts);
    } finally {
      this.instance.free(index, queries, allowed);
    }
  }
}

function nearest(k: number, method: SearchMethod): Find {
  return (index, queries, filter) => index.searchSync(queries, k, method, filter);
}

function within(radius: number, method: SearchMethod): Find {
  return (index, queries, filter) => index.searchRadiusSync(queries, radius, method, filter);
}

export function* createSearchedIndex(
  instance: Instance<SearchExports>,
  codes: CoreCodes,
  ids: CoreIds | null,
): Slices<CoreIndex> {
  const own = shareCodes(codes);
  const ownIds = ids && shareIds(ids);
  try {
    yield;
    const index = instance.run(({ createIndexSync }) => createIndexSync(own, ownIds));
    return new IndexInWasm(instance, index);
  } finally {
    instance.free(own);
  }
}

/** Reads a file into what `open` makes of it. */
export function indexReader<R extends WasmIndexReader>(
  instance: Instance<{ IndexReader: new (bytes: number) => R }>,
  bytes: number,
  open: (index: ReturnType<R['finish']>) => CoreIndex,
): CoreIndexReader {
  const reader = instance.run(({ IndexReader }) => new IndexReader(bytes));
  return {
    push: async (bytes) => {
      instance.run(() => reader.push(bytes));
      await platform().nextTurn();
    },
    wanted: () => instance.run(() => reader.wanted()),
    finish: () => open(instance.run(() => reader.finish() as ReturnType<R['finish']>)),
  };
}
