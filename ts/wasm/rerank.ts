/** Re-ranking in WASM, in slices of queries. */

import type {
  CoreCodes,
  CoreIndex,
  CoreMappedVectors,
  CoreVectors,
  RerankedHits,
  SearchHits,
} from '../backend.js';
import type { WasmExports, WasmHits, WasmVectors } from './exports.js';
import { HeldFile, pushValues, share, shareCodes } from './held.js';
import { giveHits, joinHits, takeHits } from './hits.js';
import type { IndexInWasm } from './index-in-wasm.js';
import type { Instance } from './instance.js';
import type { Slices } from './turns.js';

/** Products of one slice, some ten milliseconds. */
const SLICE_PRODUCTS = 2 ** 23;

export function* rerankByCodes(
  instance: Instance<WasmExports>,
  index: CoreIndex,
  codes: CoreCodes,
  vectors: CoreVectors,
  hits: SearchHits,
  k: number,
): Slices<RerankedHits> {
  const searched = instance.run(() => (index as IndexInWasm).handle.frozen());
  const queries = shareCodes(codes);
  try {
    return yield* inSlices(instance, vectors, hits, (slice, found, first, count) => {
      const own = queries.slice(first, count);
      try {
        return instance.exports.rerankByCodesSync(searched, own, slice, found, k);
      } finally {
        own.free();
      }
    });
  } finally {
    instance.free(searched, queries);
  }
}

export function* rerankByVectors(
  instance: Instance<WasmExports>,
  originals: CoreVectors | CoreMappedVectors,
  vectors: CoreVectors,
  hits: SearchHits,
  k: number,
): Slices<RerankedHits> {
  if (originals instanceof HeldFile) {
    const { rerankByStoredSync } = instance.exports;
    const rows = originals.share();
    try {
      return yield* inSlices(instance, vectors, hits, (slice, found) =>
        rerankByStoredSync(rows, slice, found, k),
      );
    } finally {
      instance.free(rows);
    }
  }
  const rows = share(originals as CoreVectors);
  try {
    return yield* inSlices(instance, vectors, hits, (slice, found) =>
      instance.exports.rerankByVectorsSync(rows, slice, found, k),
    );
  } finally {
    instance.free(rows);
  }
}

type Rerank = (vectors: WasmVectors, hits: WasmHits, first: number, queries: number) => WasmHits;

/** A copy of `count` rows from `first` on. */
function rowsOf(instance: Instance<WasmExports>, vectors: WasmVectors, first: number, count: number) {
  return instance.run(({ VectorsBuilder }) => {
    const values = vectors.slice(first, count);
    const builder = new VectorsBuilder(count, vectors.columns, 0);
    pushValues(builder, values);
    const rows = builder.finish();
    builder.free();
    return rows;
  });
}

/** Queries do not depend on each other. */
function* inSlices(
  instance: Instance<WasmExports>,
  vectors: CoreVectors,
  hits: SearchHits,
  rerank: Rerank,
): Slices<RerankedHits> {
  const own = share(vectors);
  const queries = vectors.rows;
  try {
    yield;
    const perQuery = Math.max(1, (hits.rows.length / queries) * vectors.columns);
    const sliceQueries = Math.max(1, Math.floor(SLICE_PRODUCTS / perQuery));
    const parts = [];
    for (let first = 0; first < queries; first += sliceQueries) {
      const count = Math.min(sliceQueries, queries - first);
      const slice = rowsOf(instance, own, first, count);
      const found = giveHits(instance, hits, first, count);
      const best = instance.run(() => rerank(slice, found, first, count));
      instance.free(slice, found);
      parts.push(takeHits(instance, best));
      yield;
    }
    return joinHits(parts);
  } finally {
    instance.free(own);
  }
}
