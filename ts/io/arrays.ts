/** `.npy` files of codes and labels. */

import { checkOptions, invalidArgument } from '../arguments.js';
import type { Codes } from '../codes.js';
import { inFile } from '../errors.js';
import type { LabelsInput } from '../labels.js';
import { type FileInput, withSource } from './input.js';
import { NPY_SIZES, type NpyExpectation, type NpyType, readNpyHeader } from './npy.js';

const CODES: NpyExpectation = { what: 'codes', types: ['u1', 'i1'], dimensions: [2] };
const LABELS: NpyExpectation = { what: 'labels', types: ['u1', 'i4', 'i8', 'b1'], dimensions: [1, 2] };

/** Bytes of labels read and converted per turn of the event loop. */
const SLICE_BYTES = 1024 * 1024;

/**
 * Codes: uint8, rows x bits / 8, taken for `lsb`; or int8, the layout `binary`, which come as `msb`.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT
 */
export async function readCodes(input: FileInput): Promise<Codes> {
  return withSource(input, async (source, path) => {
    const { type, shape, dataOffset } = await readNpyHeader(source, path, CODES);
    const data = await source.slice(dataOffset, source.byteLength);
    const bits = (shape[1] as number) * 8;
    // A signed byte is the unsigned one less 128: they differ in their highest bit.
    return type === 'u1' ? { data, bits } : { data: data.map((byte) => byte ^ 128), bits, layout: 'msb' };
  });
}

/** What the header of a file of labels says: rows, and the number of classes where each row has several. */
export interface LabelsShape {
  rows: number;
  classes?: number;
}

/** Reads the header alone. Throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT. */
export function labelsShape(input: FileInput): Promise<LabelsShape> {
  return withSource(input, async (source, path) =>
    toShape((await readNpyHeader(source, path, LABELS)).shape),
  );
}

export interface ReadLabelsOptions {
  /** Keep the labels of these rows alone, in rising order: `rows` of a {@link Sample}. Default: all. */
  rows?: Float64Array | undefined;
  /** Ends the reading; rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/**
 * Labels: u1, i4 or i8, one per row; or u1, b1, i4, i8 of 0 and 1, rows x classes. Read in slices, of
 * which only the labels kept stay in memory.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT, INVALID_ARGUMENT (not 0 or 1, also
 * in rows that are not kept)
 */
export async function readLabels(input: FileInput, options: ReadLabelsOptions = {}): Promise<LabelsInput> {
  const { rows: chosen, signal } = checkOptions(options);
  return withSource(input, async (source, path) => {
    const { type, shape, dataOffset } = await readNpyHeader(source, path, LABELS);
    const { rows, classes } = toShape(shape);
    const fileRowBytes = (classes ?? 1) * NPY_SIZES[type];
    const rowBytes = classes ?? NPY_SIZES[type];
    const kept = new Uint8Array((chosen?.length ?? rows) * rowBytes);
    const sliceRows = Math.max(1, Math.floor(SLICE_BYTES / fileRowBytes));
    const buffer = new Uint8Array(Math.min(sliceRows, rows) * fileRowBytes);
    let count = 0;
    for (let first = 0; first < rows; first += sliceRows) {
      const end = Math.min(first + sliceRows, rows);
      const [from, to] = [dataOffset + first * fileRowBytes, dataOffset + end * fileRowBytes];
      const raw = await source.slice(from, to, buffer);
      signal?.throwIfAborted();
      const bytes = classes === undefined ? raw : toClassBytes(type, raw, first * classes, classes, path);
      if (!chosen) kept.set(bytes, first * rowBytes);
      for (let row = chosen?.[count]; row !== undefined && row < end; row = chosen?.[++count]) {
        const start = (row - first) * rowBytes;
        kept.set(bytes.subarray(start, start + rowBytes), count * rowBytes);
      }
    }
    return classes === undefined ? toIntegers(type, kept) : { classes, values: kept };
  });
}

function toShape(shape: readonly number[]): LabelsShape {
  const [rows, classes] = shape as [number, number?];
  return classes === undefined ? { rows } : { rows, classes };
}

/** `bytes` have a buffer of their own. */
function toIntegers(type: NpyType, { buffer }: Uint8Array<ArrayBuffer>): LabelsInput {
  if (type === 'i4') return new Int32Array(buffer);
  return type === 'i8' ? new BigInt64Array(buffer) : new Uint8Array(buffer);
}

/** One byte of 0 or 1 per value; `first` is the position of the first value in the file. */
function toClassBytes(type: NpyType, raw: Uint8Array, first: number, classes: number, path: string) {
  // A copy starts at offset 0, as arrays of wider elements require.
  const values = toIntegers(type, raw.slice()) as Uint8Array | Int32Array | BigInt64Array;
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++) {
    const value = Number(values[i]);
    if (value !== 0 && value !== 1) {
      const place = `row ${Math.floor((first + i) / classes)}, class ${(first + i) % classes}`;
      throw inFile(path, invalidArgument(place, `${value} is neither 0 nor 1`));
    }
    bytes[i] = value;
  }
  return bytes;
}
