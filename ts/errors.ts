/**
 * The one error class. Codes of the core come across the binding unchanged; the facade adds those
 * about files, arguments and the backend itself.
 *
 * Aborts are the exception: a promise stopped by an `AbortSignal` rejects with `signal.reason`, as
 * `fetch` does. That is a `DOMException` named `AbortError` unless the caller gave a reason.
 */

/** Codes raised by the core (`crates/kernels/src/error.rs`). */
export const CORE_CODES = [
  'NOT_FINITE',
  'EMPTY_INPUT',
  'MISMATCH',
  'INVALID_BITS',
  'INVALID_OPTION',
  'ZERO_REFLECTION',
  'OUT_OF_MEMORY',
  'OUT_OF_RANGE',
  'DIVERGED',
  'TOO_MANY_HITS',
  'MODEL_FORMAT',
  'INDEX_FORMAT',
  'FOREIGN_MODEL',
  'FILE_NOT_FOUND',
  'FILE_UNREADABLE',
  'FILE_UNWRITABLE',
  'FILE_LOCKED',
  'ABORTED',
  'INTERNAL',
] as const;

/**
 * Stable names for programs:
 * - `NOT_FINITE`: a NaN or infinity; `details` has `row`, `column`, `value`
 * - `EMPTY_INPUT`: no rows or no columns
 * - `MISMATCH`: two numbers that must agree do not; `details` has `expected`, `actual`
 * - `INVALID_BITS`, `INVALID_OPTION`: an option outside its range; `details` has `option`, `value`, `expected`
 * - `INVALID_ARGUMENT`: not the kind of value that is asked for (a plain array, a detached buffer)
 * - `OUT_OF_RANGE`: rotated, a vector leaves the range of float32; `details` has `row`
 * - `DIVERGED`: the learning rate of `sgd` is too high for the data; `details` has `epoch`
 * - `TOO_MANY_HITS`: a search found more than one result can hold; `details` has `hits`
 * - `ZERO_REFLECTION`, `OUT_OF_MEMORY`, `MODEL_FORMAT`, `INDEX_FORMAT`: as named
 * - `FOREIGN_MODEL`: codes of another model than those of the index; `details` has `expected`, `actual`
 * - `FILE_LOCKED`: somebody else has an index file open for changes
 * - `FILE_NOT_FOUND`, `FILE_UNREADABLE`, `FILE_UNWRITABLE`, `FILE_FORMAT`: `details` has `file`
 * - `NATIVE_UNAVAILABLE`: the native addon could not be loaded; `cause` says why
 * - `UNSUPPORTED`: this backend or entry leaves it out, or it needs a package that is not installed; the message names
 *   what has it
 * - `WASM_UNAVAILABLE`: the WASM module was not loaded (`init`), or could not be; `cause` says why
 * - `WORKER_UNAVAILABLE`: the worker behind a client failed, ended or was let go by `close`; `cause` says why
 * - `ABORTED`: work stopped without an `AbortSignal` to say why
 * - `INTERNAL`: a defect of this library
 */
export type ErrorCode =
  | (typeof CORE_CODES)[number]
  | 'INVALID_ARGUMENT'
  | 'FILE_FORMAT'
  | 'NATIVE_UNAVAILABLE'
  | 'UNSUPPORTED'
  | 'WASM_UNAVAILABLE'
  | 'WORKER_UNAVAILABLE';

/** Facts about an error as plain values. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Every error that h2q raises, except aborts: a message for people, `code` and `details` for programs. */
export class H2qError extends Error {
  override readonly name = 'H2qError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, more: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined);
    this.code = code;
    this.details = more.details ?? {};
  }
}

/** Turns an error of a backend into an {@link H2qError}; anything else passes unchanged. */
export function toH2qError(error: unknown): unknown {
  if (error instanceof H2qError || !(error instanceof Error)) return error;
  const { code, details } = error as { code?: unknown; details?: ErrorDetails };
  const coreCode = CORE_CODES.find((known) => known === code);
  if (!coreCode) return error;
  return new H2qError(coreCode, error.message, { details: details ?? {}, cause: error });
}

/** Runs `compute` with errors of the backend turned as by {@link toH2qError}. */
export function withH2qErrors<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    throw toH2qError(error);
  }
}

/** Puts the name of an argument or file before an error's message; foreign errors pass unchanged. */
export function inContext(context: string, error: unknown, details: ErrorDetails = {}): unknown {
  const known = toH2qError(error);
  if (!(known instanceof H2qError)) return known;
  return new H2qError(known.code, `${context}: ${known.message}`, {
    details: { ...known.details, ...details },
    cause: error,
  });
}

/** {@link inContext} for a file. */
export function inFile(file: string, error: unknown): unknown {
  return inContext(file, error, { file });
}
