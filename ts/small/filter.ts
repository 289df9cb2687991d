/** Which codes a search may find, as bitmaps of the positions of a segment. */

import type { CoreFilter, CoreIds } from '../backend.js';
import { idsOf } from './held.js';
import { clearTail, noPositions, rowAt, type Segment } from './segment.js';

interface SmallFilter extends CoreFilter {
  /** Rising ids; of an index without ids, rows. */
  ids?: BigInt64Array | Uint32Array;
  /** By row: bit `row % 8` of byte `row / 8`. */
  bitmap?: Uint8Array;
  isDenied: boolean;
}

export function filterRows(bytes: Uint8Array, isDenied: boolean): CoreFilter {
  return { bitmap: bytes.slice(), isDenied } as CoreFilter;
}

export function filterIds(ids: CoreIds, isDenied: boolean): CoreFilter {
  return { ids: idsOf(ids).slice().sort(), isDenied } as CoreFilter;
}

/** The positions that may be found; null for all. */
export function allowedIn(segment: Segment, filter: CoreFilter | null): Uint8Array | null {
  const { alive } = segment;
  if (!filter) return alive ?? null;
  const { ids, bitmap, isDenied } = filter as SmallFilter;
  const allowed = bitmap ? positionsOfRows(segment, bitmap) : positionsOfIds(segment, ids!);
  if (isDenied) {
    for (let i = 0; i < allowed.length; i++) allowed[i] = ~allowed[i]!;
    clearTail(allowed, segment.count);
  }
  if (alive) for (let i = 0; i < allowed.length; i++) allowed[i]! &= alive[i]!;
  return allowed;
}

function positionsOfRows(segment: Segment, bitmap: Uint8Array): Uint8Array {
  const { count, firstRow } = segment;
  const positions = noPositions(count);
  if (!segment.rows && firstRow % 8 === 0) {
    positions.set(bitmap.subarray(firstRow / 8, Math.ceil((firstRow + count) / 8)));
    clearTail(positions, count);
    return positions;
  }
  for (let position = 0; position < count; position++) {
    const row = rowAt(segment, position);
    if (((bitmap[row >>> 3]! >>> (row & 7)) & 1) === 1) insert(positions, position);
  }
  return positions;
}

/** Both ids rise. */
function positionsOfIds(segment: Segment, ids: BigInt64Array | Uint32Array): Uint8Array {
  const { count, firstRow } = segment;
  if (segment.ids) return positionsAmong(segment.ids, ids);
  const positions = noPositions(count);
  for (const id of ids) {
    const position = Number(id) - firstRow;
    if (position >= 0 && position < count) insert(positions, position);
  }
  return positions;
}

function positionsAmong(own: BigInt64Array, ids: BigInt64Array | Uint32Array): Uint8Array {
  const positions = noPositions(own.length);
  let position = 0;
  for (const given of ids) {
    const id = BigInt(given);
    position += seek(own.subarray(position), id);
    while (position < own.length && own[position] === id) insert(positions, position++);
  }
  return positions;
}

/** The first that is not below `id`, near the front in a few steps. */
function seek(ids: BigInt64Array, id: bigint): number {
  let reach = 1;
  while (reach < ids.length && ids[reach - 1]! < id) reach *= 2;
  let [low, high] = [reach >>> 1, Math.min(reach, ids.length)];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(positions: Uint8Array, position: number): void {
  positions[position >>> 3]! |= 1 << (position & 7);
}
