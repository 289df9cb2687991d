/** What an index of the whole module has beside searches: changes, search tables, its file. */

import type {
  CancelToken,
  CoreCodes,
  CoreIds,
  CoreIndex,
  CoreIndexWriter,
  CoreVectors,
  SearchMethod,
  SearchRequest,
} from '../backend.js';
import type { WasmCodes, WasmIds, WasmVectors, WasmWholeIndex, WholeExports } from './exports.js';
import { share, shareCodes, shareIds } from './held.js';
import { IndexInWasm } from './index-in-wasm.js';
import type { Instance } from './instance.js';
import { atOnce, inTurns, later, type Slices } from './turns.js';

export class WholeIndexInWasm extends IndexInWasm<WasmWholeIndex> {
  override get memory(): number {
    return this.instance.run(() => this.handle.memory);
  }

  override add(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): Promise<number> {
    return inTurns(giving(this.instance, codes, ids, factors, (...own) => this.handle.addSync(...own)));
  }

  override addSync(codes: CoreCodes, ids: CoreIds | null, factors: CoreVectors | null): number {
    return atOnce(giving(this.instance, codes, ids, factors, (...own) => this.handle.addSync(...own)));
  }

  override remove(ids: CoreIds): Promise<number> {
    return inTurns(this.#removing(ids));
  }

  override removeSync(ids: CoreIds): number {
    return atOnce(this.#removing(ids));
  }

  override buildTables(_threads: number, cancel: CancelToken): Promise<void> {
    return later(() => this.buildTablesSync(), cancel);
  }

  override buildTablesSync(): void {
    this.instance.run(() => this.handle.buildTablesSync());
  }

  override ids(first: number, count: number): Promise<BigInt64Array> {
    return later(() => this.idsSync(first, count));
  }

  override idsSync(first: number, count: number): BigInt64Array {
    return this.instance.run(() => this.handle.idsSync(first, count));
  }

  override async writer(): Promise<CoreIndexWriter> {
    const writer = this.instance.run(() => this.handle.writer());
    return { next: (atMost) => this.instance.run(() => writer.next(atMost)) };
  }

  protected override method({ method }: SearchRequest): SearchMethod {
    return method;
  }

  *#removing(ids: CoreIds): Slices<number> {
    const own = shareIds(ids);
    try {
      yield;
      return this.instance.run(() => this.handle.removeSync(own));
    } finally {
      this.instance.free(own);
    }
  }
}

export function* createIndex(
  instance: Instance<WholeExports>,
  codes: CoreCodes,
  ids: CoreIds | null,
  factors: CoreVectors | null,
): Slices<CoreIndex> {
  const create = instance.exports.createIndexSync;
  return new WholeIndexInWasm(instance, yield* giving(instance, codes, ids, factors, create));
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
