/** `.npy` files of codes and labels, read whole. */

import { invalidArgument } from '../arguments.js';
import type { Codes } from '../codes.js';
import { inFile } from '../errors.js';
import type { LabelsInput } from '../labels.js';
import { withSource } from './files.js';
import { type NpyExpectation, readNpyHeader } from './npy.js';

interface NpyArray {
  type: string;
  shape: readonly number[];
  bytes: Uint8Array;
}

/**
 * Codes: uint8, rows x bits / 8.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT
 */
export async function readCodes(path: string): Promise<Codes> {
  const { shape, bytes } = await readNpy(path, { what: 'codes', types: ['u1'], dimensions: [2] });
  return { data: bytes, bits: (shape[1] as number) * 8 };
}

/**
 * Labels: u1, i4 or i8, one per row; or u1, b1, i4, i8 of 0 and 1, rows x classes.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT, INVALID_ARGUMENT (not 0 or 1)
 */
export async function readLabels(path: string): Promise<LabelsInput> {
  const expected: NpyExpectation = { what: 'labels', types: ['u1', 'i4', 'i8', 'b1'], dimensions: [1, 2] };
  const { type, shape, bytes } = await readNpy(path, expected);
  const values = toIntegers(type, bytes);
  const classes = shape[1];
  return classes === undefined ? values : { classes, values: toClassBytes(values, classes, path) };
}

function readNpy(path: string, expected: NpyExpectation): Promise<NpyArray> {
  return withSource(path, async (source) => {
    const { type, shape, dataOffset } = await readNpyHeader(source, path, expected);
    return { type, shape, bytes: await source.slice(dataOffset, source.byteLength) };
  });
}

function toIntegers(type: string, bytes: Uint8Array): Uint8Array | Int32Array | BigInt64Array {
  if (type !== 'i4' && type !== 'i8') return bytes;
  // A copy starts at offset 0, as arrays of wider elements require.
  const { buffer } = bytes.slice();
  return type === 'i4' ? new Int32Array(buffer) : new BigInt64Array(buffer);
}

function toClassBytes(
  values: Uint8Array | Int32Array | BigInt64Array,
  classes: number,
  path: string,
): Uint8Array {
  return Uint8Array.from({ length: values.length }, (_, i) => {
    const value = Number(values[i]);
    if (value === 0 || value === 1) return value;
    const place = `row ${Math.floor(i / classes)}, class ${i % classes}`;
    throw inFile(path, invalidArgument(place, `${value} is neither 0 nor 1`));
  });
}
