/** Vector formats as one thing: a number of rows that can be read from any row on. */

import type { ElementType } from '../backend.js';
import type { ByteSource } from '../platform.js';
import { checkFileSize, emptyFile, formatError, NPY_SIZES, readNpyHeader } from './npy.js';
import { type StoredType, storedRows } from './stored-types.js';

/** Which part of a file holds the vectors, where that is not the whole of it. */
export interface RowOptions {
  /** `.parquet`, `.arrow`, `.jsonl`: the column of lists (else, of a table, all columns of numbers). */
  column?: string | undefined;
  /** `.safetensors`: the tensor, where there is more than one of two dimensions. */
  tensor?: string | undefined;
  /** `.hdf5`: the dataset, where there is more than one of two dimensions. */
  dataset?: string | undefined;
  /** Tables, `.jsonl`, `.csv`: the column of whole numbers that names the rows; in `.csv` also its number, from 0. */
  ids?: string | undefined;
}

/** An open file of vectors. */
export interface RowSource {
  /** Infinity where only the end of a stream tells. */
  readonly rows: number;
  readonly columns: number;
  /** Of what {@link RowSource.readRows} gives. */
  readonly element: ElementType;
  /** Of what the file holds, for people. */
  readonly stored: StoredType | 'numbers';
  /**
   * The elements of rows `start .. end`, without anything in between; they may be read into `buffer`,
   * of {@link RowSource.rowBytes} per row. Of a stream they may be fewer, and none only at its end.
   * `ids`, of as many rows, is filled where the source has them.
   */
  readRows(start: number, end: number, buffer?: Uint8Array, ids?: BigInt64Array): Promise<Uint8Array>;
  /** Bytes that reading a row takes. */
  readonly rowBytes: number;
  readonly hasIds?: boolean;
  /** Where the rows lie, in a file that has nothing else between or after them. */
  readonly mapped?: { first: number; counted: boolean };
  /** Gives back what reading has opened beside the source. */
  close?(): Promise<void>;
}

/** Recognises a format by its header. `file` is the name for errors; `signal` ends a copy that must be made first. */
export type RowFormat = (
  source: ByteSource,
  file: string,
  options: RowOptions,
  signal?: AbortSignal,
) => Promise<RowSource>;

/** Of a stream nothing bounds what a damaged header says; no embedding is as long as this. */
const MAX_STREAM_COLUMNS = 2 ** 20;

const VECTOR_TYPES = ['f4', 'f8', 'f2', 'u1', 'i1'] as const;

/** `.npy` of two dimensions. */
export const npyRows: RowFormat = async (source, file) => {
  const expected = { what: 'vectors', types: VECTOR_TYPES, dimensions: [2] as const };
  const { type, shape, dataOffset } = await readNpyHeader(source, file, expected);
  const [rows, columns] = shape as [number, number];
  return contiguousRows(source, file, rows, columns, type as ElementType, dataOffset);
};

/** `.fbin` and its kin: rows and columns as uint32, then the values. */
export function binRows(type: StoredType): RowFormat {
  return async (source, file) => {
    if (source.byteLength < 8) throw formatError(file, 'truncated: the file starts with 8 bytes of shape');
    const header = await source.slice(0, 8);
    const [rows, columns] = [readUint32(header, 0), readUint32(header, 4)];
    if (rows === 0 || columns === 0) throw emptyFile(file, rows === 0 ? 'rows' : 'columns');
    checkFileSize(source, file, 8 + rows * columns * storedRows(type).size);
    return contiguousRows(source, file, rows, columns, type, 8);
  };
}

/** `.fvecs` and its kin: each row has its dimensions as int32, then the values. */
export function vecsRows(type: StoredType): RowFormat {
  return async (source, file) => {
    if (source.byteLength === 0 || (await isEmptyStream(source))) throw emptyFile(file, 'rows');
    if (source.byteLength < 4) throw formatError(file, 'truncated: a row starts with 4 bytes of dimensions');
    const columns = readUint32(await source.slice(0, 4), 0);
    if (columns === 0) throw emptyFile(file, 'columns');
    checkStreamColumns(source, file, columns);

    const { element, size, decode } = storedRows(type);
    const stride = 4 + columns * size;
    const isEndless = source.byteLength === Number.POSITIVE_INFINITY;
    const rows = isEndless ? source.byteLength : Math.ceil(source.byteLength / stride);
    if (!isEndless) checkFileSize(source, file, rows * stride);
    const readRows = async (start: number, end: number, buffer?: Uint8Array) => {
      const stop = await rowsThere(source, file, 0, stride, start, end);
      const bytes = await source.slice(start * stride, stop * stride, buffer);
      for (let row = 0; row < stop - start; row++) {
        const found = readUint32(bytes, row * stride);
        if (found !== columns)
          throw formatError(file, `row ${start + row}: ${found} dimensions, row 0 has ${columns}`);
        // Values only move towards the front, over what was read before.
        bytes.copyWithin(row * columns * size, row * stride + 4, (row + 1) * stride);
      }
      return decode(bytes.subarray(0, (stop - start) * columns * size));
    };
    const mapped = element === type ? { mapped: { first: 0, counted: true } } : {};
    return { rows, columns, element, stored: type, readRows, rowBytes: stride, ...mapped };
  };
}

/** Rows one after the other, from byte `first` on. The file may have other parts, unless they are `whole`. */
export function contiguousRows(
  source: ByteSource,
  file: string,
  rows: number,
  columns: number,
  type: StoredType,
  first: number,
  isWhole = true,
): RowSource {
  checkStreamColumns(source, file, columns);
  const { element, size, decode } = storedRows(type);
  const stride = columns * size;
  // What becomes wider than it is in the file is read into the end of its buffer.
  const rowBytes = columns * NPY_SIZES[element];
  const readRows = async (start: number, end: number, buffer?: Uint8Array) => {
    const stop = await rowsThere(source, file, first, stride, start, end);
    if (stop === start) throw formatError(file, `truncated: the stream ends after ${start} of ${rows} rows`);
    if (stop === rows && isWhole) await checkStreamEnd(source, file, first + rows * stride);
    const room = buffer?.subarray((stop - start) * (rowBytes - stride), (stop - start) * rowBytes);
    return decode(await source.slice(first + start * stride, first + stop * stride, room), buffer);
  };
  const mapped = isWhole && element === type ? { mapped: { first, counted: false } } : {};
  return { rows, columns, element, stored: type, readRows, rowBytes, ...mapped };
}

/** Where rows `start .. end` must stop for now: of a stream, after the last whole row that has arrived. */
async function rowsThere(
  { arrived }: ByteSource,
  file: string,
  first: number,
  stride: number,
  start: number,
  end: number,
): Promise<number> {
  if (!arrived) return end;
  const begin = first + start * stride;
  const there = await arrived(begin + stride);
  if (there > begin && there < begin + stride) {
    throw formatError(file, `truncated: the stream ends at byte ${there}, within row ${start}`);
  }
  return Math.min(end, start + Math.floor(Math.max(0, there - begin) / stride));
}

async function checkStreamEnd({ arrived }: ByteSource, file: string, end: number): Promise<void> {
  if (!arrived || (await arrived(end + 1)) === end) return;
  throw formatError(file, `bytes too many: the header promises ${end}, the stream has more`);
}

async function isEmptyStream({ arrived }: ByteSource): Promise<boolean> {
  return arrived !== undefined && (await arrived(1)) === 0;
}

function checkStreamColumns(source: ByteSource, file: string, columns: number): void {
  if (!source.arrived || columns <= MAX_STREAM_COLUMNS) return;
  throw formatError(file, `rows of ${columns} values, of a stream at most ${MAX_STREAM_COLUMNS} are read`);
}

/** The part of a file that was asked for, or its only one. Throws FILE_FORMAT with the `candidates`. */
export function chooseOne(
  file: string,
  option: keyof RowOptions,
  wanted: string | undefined,
  candidates: readonly string[],
  what = 'vectors',
): string {
  const details = { option, candidates };
  const names = candidates.length > 20 ? [...candidates.slice(0, 20), '…'] : candidates;
  if (wanted === undefined && candidates.length === 1) return candidates[0] as string;
  if (candidates.length === 0) throw formatError(file, `no ${option} of ${what}`, details);
  if (wanted === undefined) {
    const problem = `${candidates.length} ${option}s of ${what} (${names.join(', ')}): the option ${option} names one`;
    throw formatError(file, problem, details);
  }
  if (candidates.includes(wanted)) return wanted;
  throw formatError(file, `no ${option} of ${what} named ${wanted}; there are ${names.join(', ')}`, details);
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0, true);
}
