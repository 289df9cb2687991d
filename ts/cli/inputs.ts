/** Files as commands read them: vectors are checked first, then read under a progress bar. */

import { H2qError } from '../errors.js';
import { VECTOR_FORMATS } from '../io/formats.js';
import {
  type FormatOptions,
  HammingIndex,
  info,
  readVectors,
  type Sample,
  type SampleOptions,
  type StreamInput,
  sampleVectors,
  type Vectors,
  withVectorFile,
} from '../node/index.js';
import type { Context } from './context.js';
import { flagError } from './options.js';
import { type Update, withProgress } from './progress.js';

export interface Shape {
  rows: number;
  columns: number;
}

/** The shape of a file of vectors, from its header. */
export function shapeOf(path: string, format: FormatOptions = {}): Promise<Shape> {
  return withVectorFile(path, async ({ rows, columns }) => ({ rows, columns }), format);
}

/** Throws MISMATCH unless the vectors in `path` have the dimensions of `whose`. */
export async function expectDimensions(
  path: string,
  dimensions: number,
  whose: string,
  format: FormatOptions = {},
): Promise<Shape> {
  const shape = await shapeOf(path, format);
  if (shape.columns !== dimensions) throw mismatch(path, 'dimensions', dimensions, whose, shape.columns);
  return shape;
}

/** What is read for a file of this name: standard input for `-`, whose format no ending tells. */
export function inputOf(path: string, { format }: FormatOptions, { stdin }: Context): StreamInput {
  if (path !== '-') return path;
  if (!stdin)
    throw new H2qError('FILE_UNREADABLE', '-: there is no standard input', { details: { file: '-' } });
  if (format === undefined) {
    throw flagError('--format', `needed for standard input: one of ${VECTOR_FORMATS.join(', ')}`);
  }
  const iterator = () => stdin[Symbol.asyncIterator]();
  return Object.assign({ [Symbol.asyncIterator]: iterator }, { name: 'standard input' });
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

export async function readWithProgress(
  path: string,
  context: Context,
  format: FormatOptions = {},
): Promise<Vectors> {
  const { rows } = await shapeOf(path, format);
  const read = (update: Update) =>
    readVectors(path, { ...format, signal: context.signal, onProgress: update });
  return withProgress(context, `read ${path}`, rows, read, 'rows');
}

/** A sample of the rows, read in one pass; all of them when they are few. */
export async function sampleWithProgress(
  path: string,
  options: SampleOptions,
  context: Context,
): Promise<Sample> {
  const { format, column, tensor, dataset } = options;
  const { rows } = await shapeOf(path, { format, column, tensor, dataset });
  const read = (update: Update) =>
    sampleVectors(path, { ...options, signal: context.signal, onProgress: update });
  return withProgress(context, `read ${path}`, rows, read, 'rows');
}

/** An index file where it lies, or whole where nothing can be mapped. */
export function openIndex(path: string, signal: AbortSignal): Promise<HammingIndex> {
  return HammingIndex.open(path, { signal, mapped: info().backend === 'native' });
}
