/** Types of values in files, and what the core takes them for. */

import type { ElementType } from '../backend.js';

/** As in `.npy`, and `bf2`: the upper half of a float32. */
export type StoredType = ElementType | 'i4' | 'bf2';

/** The types by the names that people know. */
export const TYPE_NAMES: Readonly<Record<StoredType | 'numbers', string>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  u1: 'uint8',
  i1: 'int8',
  i4: 'int32',
  bf2: 'bfloat16',
  numbers: 'numbers',
};

export interface StoredRows {
  element: ElementType;
  /** Bytes of a value in the file. */
  size: number;
  /** The values of `bytes` as `element`, in place or in `buffer`, whose end may be `bytes`. */
  decode(bytes: Uint8Array, buffer?: Uint8Array): Uint8Array;
}

export function storedRows(type: StoredType): StoredRows {
  if (type === 'i4') return { element: 'f4', size: 4, decode: floatsOfIntegers };
  if (type === 'bf2') return { element: 'f4', size: 2, decode: floatsOfUpperHalves };
  const size = { f2: 2, f4: 4, f8: 8, u1: 1, i1: 1 }[type];
  return { element: type, size, decode: (bytes) => bytes };
}

function floatsOfIntegers(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 4) view.setFloat32(at, view.getInt32(at, true), true);
  return bytes;
}

/** Every value is read before its place is written over: value i lies at 2n + 2i or beyond, and goes to 4i. */
function floatsOfUpperHalves(bytes: Uint8Array, buffer?: Uint8Array): Uint8Array {
  const count = bytes.length / 2;
  const floats = buffer?.subarray(0, count * 4) ?? new Uint8Array(count * 4);
  for (let i = 0; i < count; i++) {
    const [low, high] = [bytes[2 * i] as number, bytes[2 * i + 1] as number];
    floats[4 * i] = 0;
    floats[4 * i + 1] = 0;
    floats[4 * i + 2] = low;
    floats[4 * i + 3] = high;
  }
  return floats;
}

/** Values of an {@link ElementType} as float32; a copy, so that the bytes may be written over. */
export function toFloats(bytes: Uint8Array, element: ElementType): Float32Array {
  // A buffer of its own begins where wider elements may begin.
  const { buffer } = bytes.slice();
  if (element === 'f4') return new Float32Array(buffer);
  if (element === 'f8') return Float32Array.from(new Float64Array(buffer));
  if (element === 'f2') return Float32Array.from(new Uint16Array(buffer), fromHalf);
  return Float32Array.from(element === 'u1' ? new Uint8Array(buffer) : new Int8Array(buffer));
}

/** The number whose float16 has these bits. */
export function fromHalf(half: number): number {
  const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
