/**
 * Copies arrays made in JavaScript into memory of the core, in slices, so that the event loop stays
 * free and running work never sees an array that its owner changes or transfers.
 */

import { H2qError } from './errors.js';
import { pause, type Work } from './work.js';

/** Bytes copied per turn of the event loop; about 2 ms of copying and checking. */
export const SLICE_BYTES = 4 * 1024 * 1024;

type NumberArray = Float32Array | Uint8Array | Uint32Array | BigInt64Array;

/**
 * Hands all of `array` to `push`, slice by slice.
 *
 * @throws INVALID_ARGUMENT when the array is detached or resized meanwhile.
 */
export function* copySlices(array: NumberArray, push: (bytes: Uint8Array) => void): Work<void> {
  const { byteLength } = array;
  const isShared = typeof SharedArrayBuffer !== 'undefined' && array.buffer instanceof SharedArrayBuffer;
  for (let start = 0; start < byteLength; start += SLICE_BYTES) {
    if (start > 0) yield* pause();
    if (array.byteLength !== byteLength) {
      throw new H2qError('INVALID_ARGUMENT', 'the array was detached or resized while it was copied');
    }
    const length = Math.min(SLICE_BYTES, byteLength - start);
    const slice = new Uint8Array(array.buffer, array.byteOffset + start, length);
    // Another thread may write to shared memory, so the core reads a private copy.
    push(isShared ? slice.slice() : slice);
  }
}
