/** Ids: any 64-bit numbers. */

import { checkAttached, invalidArgument, kindOf } from './arguments.js';
import type { CoreIds } from './backend.js';
import { inContext } from './errors.js';
import { backend } from './platform.js';
import { copySlices } from './slices.js';
import type { Work } from './work.js';

/**
 * Ids, or rows of an index without ids, in the core's memory. Copied in slices: leave the array alone until
 * the promise settles.
 *
 * @throws INVALID_ARGUMENT naming `name`
 */
export function* toCoreIds(ids: unknown, name: string): Work<CoreIds> {
  const isRows = ids instanceof Uint32Array;
  if (!isRows && !(ids instanceof BigInt64Array)) {
    throw invalidArgument(name, `expected a BigInt64Array or a Uint32Array, got ${kindOf(ids)}`);
  }
  checkAttached(ids, name);
  try {
    const builder = backend().idsBuilder(ids.length);
    yield* copySlices(ids, (bytes) => (isRows ? builder.pushRows(bytes) : builder.push(bytes)));
    return builder.finish();
  } catch (error) {
    throw inContext(name, error);
  }
}
