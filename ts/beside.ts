/** What stands beside codes: ids and factors. */

import { invalidArgument, kindOf } from './arguments.js';
import { H2qError } from './errors.js';
import { toCoreIds } from './ids.js';
import { toVectors } from './vectors.js';

export interface BuildSyncOptions {
  /** One id per code, any 64-bit numbers. Default: none, hits are named by their row. */
  ids?: BigInt64Array | undefined;
  /**
   * One factor per code, as `model.factors` gives them: they refine the scores of `rerank: 'asymmetric'`.
   * 4 bytes per code. Those of one index are of one metric: their sign tells which, so that one of another sign is
   * INVALID_OPTION; 0 goes with both. Default: none.
   */
  factors?: Float32Array | undefined;
}

/** Ids and factors in the core's memory. */
export function* toCoreBeside({ ids, factors }: BuildSyncOptions, rows: number) {
  if (ids !== undefined) {
    if (!(ids instanceof BigInt64Array)) throw wrongKind('ids', 'BigInt64Array', ids);
    checkOnePerCode('ids', rows, ids.length);
  }
  if (factors !== undefined) {
    if (!(factors instanceof Float32Array)) throw wrongKind('factors', 'Float32Array', factors);
    checkOnePerCode('factors', rows, factors.length);
  }
  return {
    ids: ids === undefined ? null : yield* toCoreIds(ids, 'ids'),
    factors: factors === undefined ? null : (yield* toVectors({ data: factors, columns: 1 }, 'factors')).core,
  };
}

function wrongKind(name: string, wanted: string, value: unknown): H2qError {
  return invalidArgument(name, `expected a ${wanted}, got ${kindOf(value)}`);
}

function checkOnePerCode(what: string, expected: number, actual: number): void {
  if (actual === expected) return;
  throw new H2qError('MISMATCH', `${what}: expected one per code, ${expected}, got ${actual}`, {
    details: { what, expected, actual },
  });
}

/** Throws INVALID_ARGUMENT where ids or factors are given to an index without, or the other way round. */
export function checkWanted(name: string, isGiven: boolean, isWanted: boolean): void {
  if (isGiven === isWanted) return;
  throw invalidArgument(
    name,
    isWanted ? `missing, this index has ${name}` : 'not wanted, this index has none',
  );
}
