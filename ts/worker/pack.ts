/** Values on their way through a message: what is inside of them, arrays, errors. */

import { checkAttached } from '../arguments.js';
import { type ErrorCode, type ErrorDetails, H2qError } from '../errors.js';
import type { Reference, SentError } from './protocol.js';

/**
 * A copy of a value in which `swap` has replaced everything but lists and plain objects, which are walked.
 * `name` is that of the nearest property, or of the value itself.
 */
export function mapLeaves(
  value: unknown,
  name: string,
  swap: (leaf: unknown, name: string) => unknown,
): unknown {
  if (Array.isArray(value)) return value.map((item) => mapLeaves(item, name, swap));
  if (!isPlain(value) || isReference(value)) return swap(value, name);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapLeaves(item, key, swap)]));
}

export function isReference(value: unknown): value is Reference {
  return typeof value === 'object' && value !== null && 'h2q:handle' in value;
}

/** Whether a value is what `{ … }` makes, in whatever frame. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What all typed arrays share, and Node's `Buffer` replaces by something that does not copy. */
const { slice } = Uint8Array.prototype;

/**
 * An array that brings along nothing but itself: messages carry whole buffers, so that of a larger or a shared
 * one the array's part is copied. Its own buffer is added to `moving`, where that is given.
 *
 * @throws INVALID_ARGUMENT for a detached array
 */
export function packArray(array: ArrayBufferView, name: string, moving?: Set<ArrayBuffer>): ArrayBufferView {
  checkAttached(array, name);
  const { buffer, byteLength } = array;
  const isShared = typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
  if (isShared || byteLength !== buffer.byteLength) {
    // Nothing of the facade takes a DataView, and it says so better than we could.
    return array instanceof DataView ? array : slice.call(array as Uint8Array);
  }
  moving?.add(buffer as ArrayBuffer);
  return array;
}

/** Causes beyond are left out; a chain may be a circle. */
const LONGEST_CHAIN = 16;

/** Anything thrown, as plain values. */
export function packError(error: unknown, depth = 0): SentError {
  if (!(error instanceof Error)) return { value: cloneable(error) };
  const { name, message, stack, cause } = error;
  const { code, details } = error as { code?: unknown; details?: unknown };
  return {
    ...{ name, message, stack },
    code: cloneable(code),
    details: cloneable(details),
    cause: 'cause' in error && depth < LONGEST_CHAIN ? [packError(cause, depth + 1)] : undefined,
  };
}

/** The error again: an {@link H2qError} as that, any other as a plain error of the same name. */
export function unpackError(sent: SentError): unknown {
  if ('value' in sent) return sent.value;
  const { name, message, stack, code, details } = sent;
  const more = sent.cause && { cause: unpackError(sent.cause[0]) };
  const error =
    name === 'H2qError'
      ? new H2qError(code as ErrorCode, message, { ...more, details: details as ErrorDetails })
      : Object.assign(new Error(message, more), {
          name,
          ...(code !== undefined && { code }),
          ...(details !== undefined && { details }),
        });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** The value, or what it looks like where messages cannot carry it. */
function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}
