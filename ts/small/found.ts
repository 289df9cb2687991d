/** What queries have found, in the order of (distance, id, row). */

import type { SearchHits } from '../backend.js';
import { zeros } from './module.js';
import { rowAt, type Segment } from './segment.js';

/** Hits of one query. */
export interface Found {
  rows: Uint32Array;
  distances: Int32Array;
  ids: BigInt64Array | null;
}

/**
 * `before` and what was found in one more segment: `keys` are pairs of position and distance, which rise from the last
 * to the first. At most `k` of both, all with k 0.
 */
export function gathered(before: Found, segment: Segment, keys: Uint32Array, k: number): Found {
  const count = keys.length / 2;
  const { ids } = segment;
  const found: Found = {
    rows: new Uint32Array(count),
    distances: new Int32Array(count),
    ids: ids && new BigInt64Array(count),
  };
  for (let i = 0; i < count; i++) {
    const position = keys[2 * i]!;
    found.rows[i] = rowAt(segment, position);
    found.distances[i] = keys[2 * i + 1]!;
    if (ids) found.ids![i] = ids[position]!;
  }
  return before.rows.length === 0 ? found : mergedHits(before, found, k);
}

function mergedHits(a: Found, b: Found, k: number): Found {
  const all = a.rows.length + b.rows.length;
  const count = k === 0 ? all : Math.min(k, all);
  const merged: Found = {
    rows: new Uint32Array(count),
    distances: new Int32Array(count),
    ids: a.ids && new BigInt64Array(count),
  };
  let [i, j] = [0, 0];
  for (let at = 0; at < count; at++) {
    const isFirst = j >= b.rows.length || (i < a.rows.length && isBefore(a, i, b, j));
    const [from, taken] = isFirst ? [a, i++] : [b, j++];
    merged.rows[at] = from.rows[taken]!;
    merged.distances[at] = from.distances[taken]!;
    if (merged.ids) merged.ids[at] = from.ids![taken]!;
  }
  return merged;
}

function isBefore(a: Found, i: number, b: Found, j: number): boolean {
  if (a.distances[i] !== b.distances[j]) return a.distances[i]! < b.distances[j]!;
  if (a.ids && b.ids && a.ids[i] !== b.ids[j]) return a.ids[i]! < b.ids[j]!;
  return a.rows[i]! < b.rows[j]!;
}

/** The hits of all queries, `total` in all, one query's after the other's. */
export function joined(found: readonly Found[], total: number, hasIds: boolean): Omit<SearchHits, 'work'> {
  const rows = zeros(Uint32Array, total, 'hits');
  const distances = zeros(Int32Array, total, 'hits');
  const ids = hasIds ? zeros(BigInt64Array, total, 'hits') : null;
  const offsets = new Uint32Array(found.length + 1);
  let hit = 0;
  for (const [query, own] of found.entries()) {
    rows.set(own.rows, hit);
    distances.set(own.distances, hit);
    if (own.ids) ids?.set(own.ids, hit);
    hit += own.rows.length;
    offsets[query + 1] = hit;
  }
  return { rows, distances, offsets, ...(ids && { ids }) };
}
