/** Files of vectors as commands read them: checked first, then read under a progress bar. */

import { H2qError } from '../errors.js';
import {
  readVectors,
  type Sample,
  type SampleOptions,
  sampleVectors,
  type Vectors,
  withVectorFile,
} from '../node/index.js';
import type { Context } from './context.js';
import { withProgress } from './progress.js';

export interface Shape {
  rows: number;
  columns: number;
}

/** The shape of a file of vectors, from its header. */
export function shapeOf(path: string): Promise<Shape> {
  return withVectorFile(path, async ({ rows, columns }) => ({ rows, columns }));
}

/** Throws MISMATCH unless the vectors in `path` have the dimensions of `whose`. */
export async function expectDimensions(path: string, dimensions: number, whose: string): Promise<Shape> {
  const shape = await shapeOf(path);
  if (shape.columns !== dimensions) throw mismatch(path, 'dimensions', dimensions, whose, shape.columns);
  return shape;
}

export function mismatch(
  path: string,
  what: string,
  expected: number,
  whose: string,
  actual: number,
): H2qError {
  return new H2qError('MISMATCH', `${path}: expected ${expected} ${what} as in ${whose}, got ${actual}`, {
    details: { file: path, expected, actual },
  });
}

export async function readWithProgress(path: string, context: Context): Promise<Vectors> {
  const { rows } = await shapeOf(path);
  return withProgress(context, `read ${path}`, rows, (update) =>
    readVectors(path, { signal: context.signal, onProgress: update }),
  );
}

/** A sample of the rows, read in one pass; all of them when they are few. */
export async function sampleWithProgress(
  path: string,
  options: SampleOptions,
  context: Context,
): Promise<Sample> {
  const { rows } = await shapeOf(path);
  return withProgress(context, `read ${path}`, rows, (update) =>
    sampleVectors(path, { ...options, signal: context.signal, onProgress: update }),
  );
}
