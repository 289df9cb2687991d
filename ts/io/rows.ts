/** Vector formats as one thing: a number of rows that can be read from any row on. */

import type { ElementType } from '../backend.js';
import type { ByteSource } from '../platform.js';
import { checkFileSize, emptyFile, formatError, NPY_SIZES, readNpyHeader } from './npy.js';

/** An open file of vectors. */
export interface RowSource {
  readonly rows: number;
  readonly columns: number;
  readonly element: ElementType;
  /**
   * The elements of rows `start .. end`, without anything in between; they may be read into `buffer`,
   * of {@link RowSource.rowBytes} per row.
   */
  readRows(start: number, end: number, buffer?: Uint8Array): Promise<Uint8Array>;
  /** Bytes of a row in the file. */
  readonly rowBytes: number;
  /** Byte at which row 0 begins. */
  readonly first: number;
  /** Whether each row begins with its dimensions as uint32. */
  readonly counted: boolean;
}

/** Recognises a format by its header. `file` is the name for errors. */
export type RowFormat = (source: ByteSource, file: string) => Promise<RowSource>;

const VECTOR_TYPES = ['f4', 'f8', 'f2', 'u1', 'i1'] as const;

/** `.npy` of two dimensions. */
export const npyRows: RowFormat = async (source, file) => {
  const expected = { what: 'vectors', types: VECTOR_TYPES, dimensions: [2] as const };
  const { type, shape, dataOffset } = await readNpyHeader(source, file, expected);
  const [rows, columns] = shape as [number, number];
  return contiguousRows(source, rows, columns, type as ElementType, dataOffset);
};

/** `.fbin`: rows and columns as uint32, then float32 values. */
export const fbinRows: RowFormat = async (source, file) => {
  if (source.byteLength < 8) throw formatError(file, 'truncated: an .fbin file starts with 8 bytes of shape');
  const header = await source.slice(0, 8);
  const [rows, columns] = [readUint32(header, 0), readUint32(header, 4)];
  if (rows === 0 || columns === 0) throw emptyFile(file, rows === 0 ? 'rows' : 'columns');
  checkFileSize(source, file, 8 + rows * columns * 4);
  return contiguousRows(source, rows, columns, 'f4', 8);
};

/** `.fvecs`: each row has its dimensions as int32, then float32 values. */
export const fvecsRows: RowFormat = async (source, file) => {
  if (source.byteLength === 0) throw emptyFile(file, 'rows');
  if (source.byteLength < 4)
    throw formatError(file, 'truncated: an .fvecs row starts with 4 bytes of dimensions');
  const columns = readUint32(await source.slice(0, 4), 0);
  if (columns === 0) throw emptyFile(file, 'columns');

  const stride = 4 + columns * 4;
  const rows = Math.ceil(source.byteLength / stride);
  checkFileSize(source, file, rows * stride);
  const readRows = async (start: number, end: number, buffer?: Uint8Array) => {
    const bytes = await source.slice(start * stride, end * stride, buffer);
    for (let row = 0; row < end - start; row++) {
      const found = readUint32(bytes, row * stride);
      if (found !== columns)
        throw formatError(file, `row ${start + row}: ${found} dimensions, row 0 has ${columns}`);
      // Values only move towards the front, over what was read before.
      bytes.copyWithin(row * columns * 4, row * stride + 4, (row + 1) * stride);
    }
    return bytes.subarray(0, (end - start) * columns * 4);
  };
  return { rows, columns, element: 'f4', readRows, rowBytes: stride, first: 0, counted: true };
};

function contiguousRows(
  source: ByteSource,
  rows: number,
  columns: number,
  element: ElementType,
  dataOffset: number,
): RowSource {
  const rowBytes = columns * NPY_SIZES[element];
  const readRows = (start: number, end: number, buffer?: Uint8Array) =>
    source.slice(dataOffset + start * rowBytes, dataOffset + end * rowBytes, buffer);
  return { rows, columns, element, readRows, rowBytes, first: dataOffset, counted: false };
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0, true);
}
