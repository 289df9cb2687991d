/** Which codes a search may find. */

import { checkAttached, invalidArgument, kindOf } from './arguments.js';
import type { CoreFilter, CoreIndex } from './backend.js';
import { toCoreIds } from './ids.js';
import { backend } from './platform.js';
import { call, pause, type Work } from './work.js';

/**
 * A set of codes:
 * - `Uint8Array`: a bitmap, bit `row % 8` of byte `floor(row / 8)`, for every row ever added
 * - `BigInt64Array`, `Uint32Array`: ids (the rows, in an index without ids); any order, fastest when rising
 * - a function of the id (of the row, in an index without ids), called once for each row ever added, in
 *   slices between which the event loop turns; rows added meanwhile are not found
 */
export type IdSet = Uint8Array | BigInt64Array | Uint32Array | ((id: bigint) => boolean);

export interface FilterOptions {
  /** Only these codes may be found. Not together with `deny`. Default: all. */
  allow?: IdSet | undefined;
  /** All but these codes may be found. Not together with `allow`. Default: none. */
  deny?: IdSet | undefined;
}

/** Ids asked of the core and judged per turn of the event loop: some milliseconds. */
const SLICE = 16384;

/** The filter in the core's memory; null where everything may be found. */
export function* toCoreFilter({ allow, deny }: FilterOptions, index: CoreIndex): Work<CoreFilter | null> {
  if (allow !== undefined && deny !== undefined) {
    throw invalidArgument('deny', 'give either allow or deny, not both');
  }
  const set = allow === undefined ? deny : allow;
  if (set === undefined) return null;
  const name = allow === undefined ? 'deny' : 'allow';
  const isDenied = name === 'deny';
  const { rows } = index;
  if (set instanceof Uint8Array) {
    checkAttached(set, name);
    const bytes = Math.ceil(rows / 8);
    if (set.length === bytes) return backend().filterRows(set, rows, isDenied);
    throw invalidArgument(name, `a bitmap of ${rows} rows has ${bytes} bytes, not ${set.length}`);
  }
  if (set instanceof BigInt64Array || set instanceof Uint32Array) {
    return backend().filterIds(yield* toCoreIds(set, name), isDenied);
  }
  if (typeof set !== 'function') {
    throw invalidArgument(
      name,
      `expected a Uint8Array, BigInt64Array, Uint32Array or function, got ${kindOf(set)}`,
    );
  }
  return backend().filterRows(yield* judge(set, index, rows), rows, isDenied);
}

/** A bitmap of the rows whose ids `passes` accepts. */
function* judge(passes: (id: bigint) => boolean, index: CoreIndex, rows: number): Work<Uint8Array> {
  const bitmap = new Uint8Array(Math.ceil(rows / 8));
  for (let first = 0; first < rows; first += SLICE) {
    const count = Math.min(SLICE, rows - first);
    const ids = yield* call(
      () => index.idsSync(first, count),
      () => index.ids(first, count),
    );
    ids.forEach((id, i) => {
      const row = first + i;
      if (passes(id)) bitmap[row >>> 3]! |= 1 << (row & 7);
    });
    yield* pause();
  }
  return bitmap;
}
