/** Hits of searches that ran in slices of queries, as one search would have given them. */

import { MAX_U32 } from '../arguments.js';
import type { RerankedHits, SearchHits } from '../backend.js';
import { H2qError } from '../errors.js';
import type { WasmExports, WasmHits } from './exports.js';
import type { Instance } from './instance.js';

/** Hits in arrays of JavaScript; `hits` is freed. */
export function takeHits(instance: Instance<unknown>, hits: WasmHits): RerankedHits {
  try {
    const ids = hits.ids();
    const arrays = {
      rows: hits.rows(),
      distances: hits.distances(),
      offsets: hits.offsets(),
      scores: hits.scores(),
    };
    const work = { candidates: hits.candidates, buckets: hits.buckets };
    return { ...arrays, ...(ids && { ids }), work };
  } finally {
    instance.free(hits);
  }
}

/** The hits of `queries` queries from `first` on, in the memory of WASM. */
export function giveHits(
  instance: Instance<WasmExports>,
  { rows, distances, ids, offsets }: SearchHits,
  first: number,
  queries: number,
): WasmHits {
  const [start, end] = [offsets[first]!, offsets[first + queries]!];
  const own = offsets.slice(first, first + queries + 1).map((offset) => offset - start);
  return instance.run(
    ({ Hits }) =>
      new Hits(rows.subarray(start, end), distances.subarray(start, end), ids?.subarray(start, end), own),
  );
}

/** Words of 64 bits that a slice of queries compares at most, some ten milliseconds; */
const SLICE_WORDS = 2 ** 24;
/** but a scan reads codes once for several queries, so no slice has fewer than this. */
const MIN_QUERIES = 8;

/** Queries that one slice of a search asks, of an index of so many codes. */
export function sliceQueries(codes: number, bits: number): number {
  const words = Math.max(1, codes) * Math.ceil(bits / 64);
  return Math.max(MIN_QUERIES, Math.floor(SLICE_WORDS / words));
}

/** Throws what the core does where more is found than offsets of 32 bits can count. */
export function checkHits(hits: number): void {
  if (hits <= MAX_U32) return;
  throw new H2qError('TOO_MANY_HITS', `${hits} hits are more than one search can return, ${MAX_U32}`, {
    details: { hits },
  });
}

/** All hits, one part after the other. */
export function joinHits(parts: RerankedHits[]): RerankedHits {
  const [first] = parts;
  if (parts.length === 1 && first) return first;
  const total = parts.reduce((sum, { rows }) => sum + rows.length, 0);
  const queries = parts.reduce((sum, { offsets }) => sum + offsets.length - 1, 0);
  checkHits(total);
  const joined: RerankedHits = {
    rows: new Uint32Array(total),
    distances: new Int32Array(total),
    offsets: new Uint32Array(queries + 1),
    scores: new Float32Array(first?.scores.length ? total : 0),
    ...(first?.ids && { ids: new BigInt64Array(total) }),
    work: { candidates: 0, buckets: 0 },
  };
  let [hit, query] = [0, 0];
  for (const { rows, distances, ids, offsets, scores, work } of parts) {
    joined.rows.set(rows, hit);
    joined.distances.set(distances, hit);
    if (joined.scores.length > 0) joined.scores.set(scores, hit);
    if (ids) joined.ids?.set(ids, hit);
    joined.offsets.set(
      offsets.map((offset) => offset + hit),
      query,
    );
    joined.work.candidates += work.candidates;
    joined.work.buckets += work.buckets;
    hit += rows.length;
    query += offsets.length - 1;
  }
  return joined;
}
