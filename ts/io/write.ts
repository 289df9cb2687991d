/** Vectors and codes into files. */

import { checkOptions, invalidArgument } from '../arguments.js';
import { type CodeLayout, formatCodes, npyTypeOf } from '../code-layouts.js';
import { type Codes, checkCodes } from '../codes.js';
import { H2qError } from '../errors.js';
import type { PendingFile } from '../platform.js';
import { SLICE_BYTES } from '../slices.js';
import { checkMatrix, type Matrix } from '../vectors.js';
import { writeFile } from './files.js';
import { type NpyType, npyHeader } from './npy.js';

export interface WriteOptions {
  /** Ends the writing, which leaves nothing behind; rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/**
 * Writes vectors as an `.npy` of float32, rows x columns. The file appears complete or not at all. Leave
 * the array alone until the promise settles.
 *
 * The values are written as they are; `readVectors` refuses those that are not finite.
 *
 * @throws INVALID_ARGUMENT, EMPTY_INPUT, FILE_FORMAT (another extension), FILE_UNWRITABLE
 */
export async function writeVectors(path: string, matrix: Matrix, options: WriteOptions = {}): Promise<void> {
  checkOptions(options);
  const rows = checkMatrix(matrix, 'matrix');
  // `readVectors` goes by the extension, so under another one this file could not be read back.
  if (!/\.npy$/i.test(path)) {
    throw new H2qError('FILE_FORMAT', `${path}: vectors are written to .npy`, { details: { file: path } });
  }
  await writeArray(path, 'f4', [rows, matrix.columns], matrix.data, options);
}

export interface WriteCodesOptions extends WriteOptions {
  /** The layout to write them in. Default: the one they are in. */
  layout?: CodeLayout | undefined;
}

/**
 * Writes codes as an `.npy` of uint8, rows x bits / 8; of int8 in layout `binary`, and as text in layout
 * `pgvector`. The file appears complete or not at all. Leave the array alone until the promise settles.
 *
 * A file of uint8 does not say in which layout it is: `readCodes` takes it for `lsb`. What was `msb` is
 * `{ ...(await readCodes(path)), layout: 'msb' }`.
 *
 * @throws INVALID_ARGUMENT, INVALID_OPTION, EMPTY_INPUT, FILE_UNWRITABLE
 */
export async function writeCodes(path: string, codes: Codes, given: WriteCodesOptions = {}): Promise<void> {
  const { layout, ...options } = checkOptions(given);
  const rows = checkCodes(codes, 'codes');
  const formatted = layout === undefined ? codes.data : formatCodes(codes, layout);
  if (typeof formatted === 'string') {
    await writeFile(path, (file) => file.write(new TextEncoder().encode(formatted)), options.signal);
    return;
  }
  await writeArray(path, npyTypeOf(layout ?? 'lsb') as NpyType, [rows, codes.bits / 8], formatted, options);
}

async function writeArray(
  path: string,
  type: NpyType,
  shape: readonly number[],
  array: Float32Array | Uint8Array | Int8Array,
  { signal }: WriteOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const { byteLength } = array;
  const bytes = new Uint8Array(array.buffer, array.byteOffset, byteLength);
  const fill = async (file: PendingFile) => {
    await file.write(npyHeader(type, shape));
    for (let start = 0; start < byteLength; start += SLICE_BYTES) {
      signal?.throwIfAborted();
      // A detached array has length 0, and would leave a file shorter than its header promises.
      if (bytes.length !== byteLength) {
        throw invalidArgument('data', 'the array was detached or resized while it was written');
      }
      await file.write(bytes.subarray(start, start + SLICE_BYTES));
    }
  };
  await writeFile(path, fill, signal);
}
