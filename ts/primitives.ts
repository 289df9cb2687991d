/** The building blocks, for research and teaching. Small inputs, blocking. */

import { checkInteger, checkOneOf, invalidArgument, kindOf } from './arguments.js';
import type { Loss, LossValue } from './backend.js';
import { H2qError, withH2qErrors } from './errors.js';
import { LOSSES } from './fit.js';
import { backend } from './platform.js';
import { checkMatrix, type Matrix } from './vectors.js';

/**
 * The product U = H1 H2 … Hm of Householder reflections Hi = I - 2 vi viᵀ / (viᵀ vi), computed as
 * U = I - V T Vᵀ (arXiv 2311.04207, section 3.2; UT form: Joffrain et al. 2006).
 *
 * @param reflections m rows v1 … vm of `dimensions` values, as many as you like; none give the identity
 * @returns U, `dimensions` x `dimensions`, row-major
 * @throws ZERO_REFLECTION, INVALID_OPTION, INVALID_ARGUMENT, NOT_FINITE
 */
export function reflectionProduct(reflections: Float32Array, dimensions: number): Float32Array {
  checkInteger('dimensions', dimensions, 1);
  if (!(reflections instanceof Float32Array)) {
    throw invalidArgument('reflections', `expected a Float32Array, got ${kindOf(reflections)}`);
  }
  if (reflections.length % dimensions !== 0) {
    const problem = `${reflections.length} values are not whole rows of ${dimensions} columns`;
    throw invalidArgument('reflections', problem);
  }
  return withH2qErrors(() => backend().reflectionProduct(reflections, dimensions));
}

/**
 * A quantization loss at `z` and its gradient with respect to each entry (arXiv 2311.04207, section 3.3).
 * The value is a mean over entries, over rows for `min-entropy`:
 *
 * - `bit-variance`: σ(z)(1 - σ(z))
 * - `l2`: (z - sgn z)²
 * - `l1`: |z - sgn z|
 * - `min-entropy`: log Σj exp(-zj²) of each row
 *
 * @throws INVALID_OPTION, INVALID_ARGUMENT, EMPTY_INPUT, NOT_FINITE (row and column named)
 */
export function quantizationLoss(loss: Loss, z: Matrix): LossValue {
  checkOneOf('loss', loss, LOSSES);
  checkMatrix(z, 'z');
  return withH2qErrors(() => backend().loss(loss, z.data, z.columns));
}

/**
 * Number of bits in which two codes of equal length differ.
 *
 * @throws MISMATCH, INVALID_ARGUMENT
 */
export function hammingDistance(a: Uint8Array, b: Uint8Array): number {
  checkBytes(a, 'a');
  checkBytes(b, 'b');
  if (a.length !== b.length) {
    throw new H2qError('MISMATCH', `b: expected ${a.length} bytes as in a, got ${b.length}`, {
      details: { what: 'b', expected: a.length, actual: b.length },
    });
  }
  return withH2qErrors(() => backend().hammingDistance(a, b));
}

/** Number of bits that are 1. Throws INVALID_ARGUMENT. */
export function popcount(bytes: Uint8Array): number {
  checkBytes(bytes, 'bytes');
  return withH2qErrors(() => backend().popcount(bytes));
}

function checkBytes(bytes: Uint8Array, name: string): void {
  if (bytes instanceof Uint8Array) return;
  throw invalidArgument(name, `expected a Uint8Array, got ${kindOf(bytes)}`);
}
