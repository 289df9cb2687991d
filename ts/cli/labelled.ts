/** Vectors with the labels of the same rows, as commands read them that learn. */

import { H2qError } from '../errors.js';
import { labelsShape } from '../io/arrays.js';
import { readBytes } from '../io/input.js';
import { checkSameKind, type LabelsInput } from '../labels.js';
import { readLabels, type SampleOptions, type Vectors } from '../node/index.js';
import type { Context } from './context.js';
import { mismatch, type Shape, sampleWithProgress, shapeOf } from './inputs.js';
import { formatOptions } from './options.js';

/** Checks that a file of labels has a row for each of the vectors; tells its shape. */
async function expectLabels(path: string, { rows }: Shape, vectors: string) {
  const shape = await labelsShape(path);
  if (shape.rows !== rows) throw mismatch(path, 'labels', rows, vectors, shape.rows);
  return shape;
}

/** A file of vectors, its shape, and the file of its labels. */
export interface LabelledFile {
  vectors: string;
  shape: Shape;
  labels: string;
}

/** {@link expectLabels} of several files, whose labels are of one kind. */
export async function expectSameLabels(first: LabelledFile, ...others: LabelledFile[]): Promise<void> {
  const kind = await expectLabels(first.labels, first.shape, first.vectors);
  for (const { vectors, shape, labels } of others) {
    checkSameKind(await expectLabels(labels, shape, vectors), labels, kind, first.labels);
  }
}

export interface Labelled {
  vectors: Vectors;
  labels: LabelsInput | undefined;
  /** Rows of the file, of which `vectors` may be a sample. */
  fileRows: number;
}

/** A sample of vectors with the labels of the same rows. */
export async function readLabelled(
  path: string,
  labelsPath: string | undefined,
  options: SampleOptions,
  context: Context,
): Promise<Labelled> {
  const { rows: fileRows } = await shapeOf(path, formatOptions(options));
  const { vectors, rows } = await sampleWithProgress(path, options, context);
  const { signal } = context;
  const labels = labelsPath === undefined ? undefined : await readLabels(labelsPath, { rows, signal });
  return { vectors, labels, fileRows };
}

/** The bytes of a file, where there is one. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  return readBytes(path).catch((error) => {
    if (error instanceof H2qError && error.code === 'FILE_NOT_FOUND') return undefined;
    throw error;
  });
}
