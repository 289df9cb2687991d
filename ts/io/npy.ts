/**
 * The `.npy` format of NumPy, versions 1 to 3: the bytes `\x93NUMPY`, a version, the length of a header,
 * the header (a Python dictionary with element type, order and shape), then the values.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * Read here: little-endian, C order, one or two dimensions. Everything else has an error of its own.
 */

import { H2qError } from '../errors.js';
import type { ByteSource } from '../platform.js';

/** Element types as in headers, without the byte order. */
export type NpyType = 'f2' | 'f4' | 'f8' | 'u1' | 'i1' | 'i4' | 'i8' | 'b1';

export const NPY_SIZES: Readonly<Record<NpyType, number>> = {
  f2: 2,
  f4: 4,
  f8: 8,
  u1: 1,
  i1: 1,
  i4: 4,
  i8: 8,
  b1: 1,
};

export interface NpyHeader {
  type: NpyType;
  /** One or two numbers, each at least 1. */
  shape: readonly number[];
  /** Where the values begin. */
  dataOffset: number;
}

/** What a caller can use; `what` names the contents in errors ("vectors", "labels"). */
export interface NpyExpectation {
  what: string;
  types: readonly NpyType[];
  dimensions: readonly (1 | 2)[];
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Real headers have about a hundred bytes; a length beyond this comes from a damaged file. */
const MAX_HEADER_BYTES = 1024 * 1024;
const ALIGNMENT = 64;

/**
 * Reads and checks the header, and that the file holds the values it promises, no less and no more.
 *
 * @param file the name for errors
 * @throws FILE_FORMAT, EMPTY_INPUT
 */
export async function readNpyHeader(
  source: ByteSource,
  file: string,
  expected: NpyExpectation,
): Promise<NpyHeader> {
  const { text, dataOffset } = await readHeaderText(source, file);
  const type = parseType(text, file, expected);
  checkOrder(text, file);
  const shape = parseShape(text, file, expected);

  const dataBytes = shape.reduce((product, length) => product * length, NPY_SIZES[type]);
  if (!Number.isSafeInteger(dataBytes)) throw formatError(file, `shape ${show(shape)} is too large`);
  checkFileSize(source, file, dataOffset + dataBytes);
  return { type, shape, dataOffset };
}

/** The header of a file with `shape`, version 1; the values follow at a multiple of 64 bytes. */
export function npyHeader(type: NpyType, shape: readonly number[]): Uint8Array {
  const order = NPY_SIZES[type] === 1 ? '|' : '<';
  const text = `{'descr': '${order}${type}', 'fortran_order': False, 'shape': ${show(shape)}, }`;
  const total = Math.ceil((MAGIC.length + 4 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const textLength = total - MAGIC.length - 4;

  const header = new Uint8Array(total).fill(0x20);
  header.set([...MAGIC, 1, 0, textLength & 0xff, textLength >> 8]);
  header.set(new TextEncoder().encode(text), MAGIC.length + 4);
  header[total - 1] = 0x0a;
  return header;
}

async function readHeaderText(
  source: ByteSource,
  file: string,
): Promise<{ text: string; dataOffset: number }> {
  const start = await source.slice(0, Math.min(source.byteLength, 12));
  if (start.length < 12 || MAGIC.some((byte, i) => start[i] !== byte)) {
    throw formatError(file, 'not an .npy file (it does not start with \\x93NUMPY)');
  }
  const [major, minor] = [start[6] as number, start[7] as number];
  if (major < 1 || major > 3) throw formatError(file, `version ${major}.${minor} of .npy is unknown`);

  const view = new DataView(start.buffer, start.byteOffset);
  const textOffset = major === 1 ? 10 : 12;
  const textLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataOffset = textOffset + textLength;
  if (textLength > MAX_HEADER_BYTES) throw formatError(file, `a header of ${textLength} bytes is damaged`);
  if (dataOffset > source.byteLength)
    throw truncated(file, dataOffset, source.byteLength, 'the header needs');
  const bytes = await source.slice(textOffset, dataOffset);
  return { text: new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(bytes), dataOffset };
}

function parseType(text: string, file: string, { what, types }: NpyExpectation): NpyType {
  const wanted = `${what} must be ${types.join(', ')}`;
  if (/['"]descr['"]\s*:\s*\[/.test(text)) throw formatError(file, `structured values; ${wanted}`);
  const descr = text.match(/['"]descr['"]\s*:\s*['"]([^'"]*)['"]/)?.[1];
  if (descr === undefined) throw formatError(file, "the header has no 'descr'");

  const [order, name] = [descr.charAt(0), descr.slice(1)];
  const type = types.find((known) => known === name);
  if (!type) throw formatError(file, `values of type ${descr}; ${wanted}`, { type: descr });
  if (order === '>' && NPY_SIZES[type] > 1) {
    throw formatError(file, `big-endian values (${descr}); save X.astype('<${type}')`, { type: descr });
  }
  if (!'<|=>'.includes(order)) throw formatError(file, `values of type ${descr}; ${wanted}`, { type: descr });
  return type;
}

function checkOrder(text: string, file: string): void {
  const order = text.match(/['"]fortran_order['"]\s*:\s*(True|False)/)?.[1];
  if (order === undefined) throw formatError(file, "the header has no 'fortran_order'");
  if (order === 'True') throw formatError(file, 'values in Fortran order; save numpy.ascontiguousarray(X)');
}

function parseShape(text: string, file: string, { what, dimensions }: NpyExpectation): number[] {
  const inner = text.match(/['"]shape['"]\s*:\s*\(([^)]*)\)/)?.[1];
  // Python 2 wrote long numbers as 5L; a trailing comma is usual.
  const parts = inner?.split(',').map((part) => part.trim().replace(/L$/, ''));
  if (parts?.at(-1) === '') parts.pop();
  if (!parts?.every((part) => /^\d+$/.test(part)))
    throw formatError(file, "the header has no readable 'shape'");

  const shape = parts.map(Number);
  if (!dimensions.some((count) => count === shape.length)) {
    const wanted = dimensions.map((count) => (count === 1 ? '1-d' : '2-d (rows x columns)')).join(' or ');
    throw formatError(file, `shape ${show(shape)}; ${what} must be ${wanted}`, { shape });
  }
  const empty = shape.indexOf(0);
  if (empty >= 0) throw emptyFile(file, empty === 0 ? 'rows' : 'columns');
  return shape;
}

/** @throws FILE_FORMAT unless the source has exactly `expected` bytes */
export function checkFileSize(source: ByteSource, file: string, expected: number): void {
  const actual = source.byteLength;
  // A stream is checked as it ends.
  if (actual === Number.POSITIVE_INFINITY) return;
  if (actual < expected) throw truncated(file, expected, actual, 'the header promises');
  if (actual > expected) {
    const problem = `${actual - expected} bytes too many: the header promises ${expected}, the file has ${actual}`;
    throw formatError(file, problem, { expected, actual });
  }
}

export function formatError(file: string, problem: string, details: Record<string, unknown> = {}): H2qError {
  return new H2qError('FILE_FORMAT', `${file}: ${problem}`, { details: { file, ...details } });
}

export function emptyFile(file: string, axis: 'rows' | 'columns'): H2qError {
  return new H2qError('EMPTY_INPUT', `${file}: no ${axis}`, { details: { file } });
}

function truncated(file: string, expected: number, actual: number, who: string): H2qError {
  return formatError(file, `truncated: ${who} ${expected} bytes, the file has ${actual}`, {
    expected,
    actual,
  });
}

/** A shape as Python writes it: `(5,)`, `(5, 32)`. */
function show(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
}
