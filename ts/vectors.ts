/** Vectors: n x d float32 values, row-major, owned by the core. */

import { checkOptions, invalidArgument, kindOf, MAX_U32 } from './arguments.js';
import type { CoreVectors } from './backend.js';
import { H2qError, inContext } from './errors.js';
import { backend } from './platform.js';
import { copySlices } from './slices.js';
import { run, runSync, type Work } from './work.js';

/** Rows of float32 values: row i is `data[i * columns .. (i + 1) * columns]`. */
export interface Matrix {
  data: Float32Array;
  /** Values per row, at least 1. */
  columns: number;
}

/** What every function that takes vectors accepts. */
export type VectorsInput = Matrix | Vectors;

export interface CopyOptions {
  /** Stops the copy; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/**
 * Vectors in the core's own memory: checked and copied once, used many times.
 *
 * A plain {@link Matrix} is accepted wherever these are, and is copied at every call.
 */
export class Vectors {
  /** @internal */
  readonly core: CoreVectors;
  #isReleased = false;

  /** @internal Use {@link Vectors.from}. */
  constructor(core: CoreVectors) {
    this.core = core;
  }

  /** Number of vectors. */
  get rows(): number {
    return this.core.rows;
  }

  /** Dimensions of each vector. */
  get columns(): number {
    return this.core.columns;
  }

  /** Whether {@link Vectors.release} was called. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /**
   * Gives the memory back at once instead of when the garbage collector comes by; running work keeps
   * its share until it ends. Every later use throws INVALID_ARGUMENT.
   */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.core.release();
  }

  /**
   * Copies `matrix`, 4 MiB per turn of the event loop. Leave the array alone until the promise settles.
   *
   * @throws INVALID_ARGUMENT, EMPTY_INPUT, NOT_FINITE (row and column named), OUT_OF_MEMORY
   */
  static async from(matrix: Matrix, options: CopyOptions = {}): Promise<Vectors> {
    return run(toVectors(matrix, 'vectors'), checkOptions(options).signal);
  }

  /** {@link Vectors.from}, blocking. */
  static fromSync(matrix: Matrix): Vectors {
    return runSync(toVectors(matrix, 'vectors'));
  }
}

/** The input as vectors of the core; `name` is the argument that errors name. */
export function* toVectors(input: VectorsInput, name: string): Work<Vectors> {
  if (input instanceof Vectors) {
    if (input.isReleased) throw invalidArgument(name, 'these vectors were released');
    return input;
  }
  const rows = checkMatrix(input, name);
  const { data, columns } = input;
  try {
    const builder = backend().vectorsBuilder(rows, columns, 0);
    yield* copySlices(data, (bytes) => builder.push(bytes, 'f4'));
    return new Vectors(builder.finish());
  } catch (error) {
    throw inContext(name, error);
  }
}

/** {@link toVectors} for as long as `use` works: a copy that was made here is released then. */
export function* withVectors<T>(
  input: VectorsInput,
  name: string,
  use: (core: CoreVectors) => Work<T>,
): Work<T> {
  const vectors = yield* toVectors(input, name);
  try {
    return yield* use(vectors.core);
  } finally {
    if (vectors !== input) vectors.release();
  }
}

/** Number of vectors, after the checks of {@link checkMatrix}. */
export function countRows(input: VectorsInput, name: string): number {
  return input instanceof Vectors ? input.rows : checkMatrix(input, name);
}

/** Checks the shape and returns the number of rows. */
export function checkMatrix(input: Matrix, name: string): number {
  if (typeof input !== 'object' || input === null) {
    throw invalidArgument(name, `expected { data, columns } or Vectors, got ${kindOf(input)}`);
  }
  const { data, columns } = input;
  if (!(data instanceof Float32Array)) {
    throw invalidArgument(name, `data is ${kindOf(data)}, not a Float32Array`);
  }
  if (!Number.isInteger(columns) || columns < 1 || columns > MAX_U32) {
    throw invalidArgument(name, `columns is ${String(columns)}, not a positive whole number`);
  }
  if (data.length === 0) throw new H2qError('EMPTY_INPUT', `${name}: no rows`, { details: { what: name } });
  if (data.length % columns !== 0) {
    throw invalidArgument(name, `${data.length} values are not whole rows of ${columns} columns`);
  }
  return data.length / columns;
}

/**
 * Checks that vectors have the dimensions a model wants, before anything is copied.
 *
 * @throws MISMATCH
 */
export function checkDimensions(input: VectorsInput, dimensions: number, name: string): void {
  countRows(input, name);
  if (input.columns === dimensions) return;
  throw new H2qError('MISMATCH', `${name}: expected ${dimensions} dimensions, got ${input.columns}`, {
    details: { what: name, expected: dimensions, actual: input.columns },
  });
}
