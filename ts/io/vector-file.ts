/** Files of vectors, read whole or block by block, straight into the core's memory. */

import { checkInteger, checkOptions, invalidArgument } from '../arguments.js';
import type { CoreVectorsBuilder } from '../backend.js';
import { H2qError, inFile } from '../errors.js';
import { backend, type OpenSource } from '../platform.js';
import { SLICE_BYTES } from '../slices.js';
import { type Matrix, Vectors } from '../vectors.js';
import { formatOf, readerOf, type VectorFormat } from './formats.js';
import { type FileInput, nameOf, openInput, type StreamInput } from './input.js';
import { emptyFile, NPY_SIZES } from './npy.js';
import type { RowOptions, RowSource } from './rows.js';
import { TYPE_NAMES, toFloats } from './stored-types.js';

/** Bytes of float32 values per block, a compromise of memory and work per call. */
const BLOCK_BYTES = 16 * 1024 * 1024;

/** Numbers up to here are exact. */
const MAX_EXACT = Number.MAX_SAFE_INTEGER;

/** Bytes of float32 values that a sample holds at most by default: ample for a fit. */
const SAMPLE_BYTES = 128 * 1024 * 1024;

export interface FormatOptions extends RowOptions {
  /** Default: what the ending of the name says; `npy` for bytes, streams, and a `Blob` without a name. */
  format?: VectorFormat | undefined;
}

export interface VectorFileOptions extends FormatOptions {
  /** Ends the copying of what must become a temporary file first: HDF5 without a path, a stream of Parquet. */
  signal?: AbortSignal | undefined;
}

export interface ReadOptions {
  /** Ends the reading; rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with the number of rows read so far. */
  onProgress?: ((rows: number) => void) | undefined;
}

export interface SampleOptions extends ReadOptions, FormatOptions {
  /** Rows to keep, at least 1. Default: as many as 128 MiB of float32 hold. */
  rows?: number | undefined;
  /** Decides which rows: 0 to 2^53 - 1. Default 0. */
  seed?: number | undefined;
}

export interface Sample {
  vectors: Vectors;
  /** The rows of the file that `vectors` are, in rising order; absent when they are all of them. */
  rows?: Float64Array;
}

export interface VectorBlock {
  /** Row of the file where the block begins. */
  firstRow: number;
  vectors: Vectors;
  /** One per row, where the option `ids` names their column. */
  ids?: BigInt64Array;
}

/** Rows in memory of JavaScript. */
export interface MatrixBlock extends Matrix {
  /** Row of the file where the block begins. */
  firstRow: number;
  /** One per row, where the option `ids` names their column. */
  ids?: BigInt64Array;
}

/** An open file of vectors of any {@link VectorFormat}, its bytes, or a stream of them. Close it. */
export class VectorFile {
  /** What errors call it: its path, the name of a `File`. */
  readonly path: string;
  readonly format: VectorFormat;
  readonly #source: OpenSource;
  readonly #rows: RowSource;

  private constructor(path: string, format: VectorFormat, source: OpenSource, rows: RowSource) {
    this.path = path;
    this.format = format;
    this.#source = source;
    this.#rows = rows;
  }

  /**
   * Opens a file and checks its header and size.
   *
   * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT, INVALID_OPTION, INVALID_ARGUMENT
   */
  static async open(input: StreamInput, options: VectorFileOptions = {}): Promise<VectorFile> {
    const { format, column, tensor, dataset, ids, signal } = checkOptions(options);
    const parts = { column, tensor, dataset, ids };
    const name = nameOf(input);
    const known = formatOf(name, format ?? unnamed(input, name));
    const read = readerOf(known, parts);
    const source = await openInput(input);
    try {
      return new VectorFile(name, known, source, await read(source, name, parts, signal));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Infinity for a stream that has not told; count what {@link VectorFile.blocks} gives. */
  get rows(): number {
    return this.#rows.rows;
  }

  /** Type of the values in the file, such as `float32`; `numbers` where rows may differ. */
  get elementType(): string {
    return TYPE_NAMES[this.#rows.stored];
  }

  get columns(): number {
    return this.#rows.columns;
  }

  /** All rows. Throws NOT_FINITE (row and column named), OUT_OF_MEMORY. */
  async read(options: ReadOptions = {}): Promise<Vectors> {
    checkOptions(options);
    return this.#readRange(0, this.rows, options);
  }

  /**
   * A uniform sample of the rows, in order, in one pass; all rows when there are no more. In memory are
   * the rows kept, their numbers and one slice, however many rows the file has. Throws as {@link VectorFile.read}, also for rows that are not kept.
   */
  async sample(options: SampleOptions = {}): Promise<Sample> {
    const seed = checkInteger('seed', checkOptions(options).seed ?? 0, 0, MAX_EXACT);
    const keep = checkInteger(
      'rows',
      options.rows ?? rowsWithin(SAMPLE_BYTES, this.columns * 4),
      1,
      MAX_EXACT,
    );
    if (keep >= this.rows) return { vectors: await this.read(options) };
    const newSampler = () => backend().vectorsSampler(this.rows, this.columns, keep, seed);
    const { vectors, builder } = await this.#readInto(newSampler, 0, this.rows, options);
    return { vectors, rows: builder.chosen() };
  }

  /**
   * All rows in blocks of at most `blockBytes` float32 values, in memory one at a time. Of a stream whatever has
   * arrived, at most 4 MiB.
   */
  async *blocks(options: ReadOptions & { blockBytes?: number } = {}): AsyncGenerator<VectorBlock, void> {
    checkOptions(options);
    if (this.#source.arrived) {
      yield* this.#blocksOfStream(options);
      return;
    }
    const blockRows = rowsWithin(options.blockBytes ?? BLOCK_BYTES, this.columns * 4);
    for (let firstRow = 0; firstRow < this.rows; firstRow += blockRows) {
      const end = Math.min(firstRow + blockRows, this.rows);
      const ids = this.#rows.hasIds ? new BigInt64Array(end - firstRow) : undefined;
      const vectors = await this.#readRange(firstRow, end, options, ids);
      yield { firstRow, vectors, ...(ids ? { ids } : {}) };
    }
  }

  /**
   * All rows as float32 in memory of JavaScript, in blocks of at most 4 MiB, each with arrays of its own.
   *
   * @throws NOT_FINITE (row and column named), FILE_FORMAT
   */
  async *matrices(options: ReadOptions = {}): AsyncGenerator<MatrixBlock, void> {
    const { signal, onProgress } = checkOptions(options);
    const { columns, element } = this.#rows;
    for await (const { firstRow, bytes, ids } of this.#slices(signal)) {
      const data = toFloats(bytes, element);
      const bad = data.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0)
        throw notFinite(this.path, firstRow + Math.floor(bad / columns), bad % columns, data[bad]);
      yield { firstRow, data, columns, ...(ids ? { ids } : {}) };
      onProgress?.(firstRow + data.length / columns);
    }
  }

  async close(): Promise<void> {
    await this.#rows.close?.();
    await this.#source.close();
  }

  async *#blocksOfStream({ signal, onProgress }: ReadOptions): AsyncGenerator<VectorBlock, void> {
    const { columns, element } = this.#rows;
    for await (const { firstRow, bytes, ids } of this.#slices(signal)) {
      const rows = bytes.length / (columns * NPY_SIZES[element]);
      const vectors = await this.#naming(signal, async () => {
        const builder = backend().vectorsBuilder(rows, columns, firstRow);
        builder.push(bytes, element);
        return new Vectors(builder.finish());
      });
      yield { firstRow, vectors, ...(ids ? { ids } : {}) };
      onProgress?.(firstRow + rows);
    }
  }

  /** Rows as they are read, in memory that the next ones are read into. */
  async *#slices(signal: AbortSignal | undefined) {
    const { columns, element, rowBytes, hasIds } = this.#rows;
    const sliceRows = rowsWithin(SLICE_BYTES, columns * 4);
    const buffer = new Uint8Array(Math.min(sliceRows, this.rows) * rowBytes);
    for (let firstRow = 0; firstRow < this.rows; ) {
      const end = Math.min(firstRow + sliceRows, this.rows);
      const ids = hasIds ? new BigInt64Array(end - firstRow) : undefined;
      const bytes = await this.#rows.readRows(firstRow, end, buffer, ids);
      signal?.throwIfAborted();
      const rows = bytes.length / (columns * NPY_SIZES[element]);
      if (rows === 0 && firstRow === 0) throw emptyFile(this.path, 'rows');
      if (rows === 0) return;
      yield { firstRow, bytes, ...(ids ? { ids: ids.subarray(0, rows) } : {}) };
      firstRow += rows;
    }
  }

  async #readRange(start: number, end: number, options: ReadOptions, ids?: BigInt64Array): Promise<Vectors> {
    const newBuilder = () => backend().vectorsBuilder(end - start, this.columns, start);
    return (await this.#readInto(newBuilder, start, end, options, ids)).vectors;
  }

  async #readInto<B extends CoreVectorsBuilder>(
    newBuilder: () => B,
    start: number,
    end: number,
    { signal, onProgress }: ReadOptions,
    ids?: BigInt64Array,
  ): Promise<{ vectors: Vectors; builder: B }> {
    if (end === Number.POSITIVE_INFINITY) {
      throw invalidArgument('input', 'the rows of a stream are not known before its end: read it in blocks');
    }
    const { columns, element, rowBytes } = this.#rows;
    const sliceRows = rowsWithin(SLICE_BYTES, columns * 4);
    return this.#naming(signal, async () => {
      const builder = newBuilder();
      // One buffer for all slices: the builder copies, and garbage of this size is collected late.
      const buffer = new Uint8Array(Math.min(sliceRows, end - start) * rowBytes);
      for (let row = start; row < end; ) {
        const most = Math.min(row + sliceRows, end);
        const bytes = await this.#rows.readRows(row, most, buffer, ids?.subarray(row - start, most - start));
        signal?.throwIfAborted();
        builder.push(bytes, element);
        row += bytes.length / (columns * NPY_SIZES[element]);
        onProgress?.(row);
      }
      return { vectors: new Vectors(builder.finish()), builder };
    });
  }

  /** Names the file in errors of the core. */
  async #naming<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw signal?.aborted || isAboutFile(error) ? error : inFile(this.path, error);
    }
  }
}

/** Opens a file of vectors, hands it to `use`, and closes it whatever happens. Throws as {@link VectorFile.open}. */
export async function withVectorFile<T>(
  input: StreamInput,
  use: (file: VectorFile) => Promise<T>,
  options: VectorFileOptions = {},
): Promise<T> {
  const file = await VectorFile.open(input, options);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Reads a whole file of vectors. Throws as {@link VectorFile.open} and {@link VectorFile.read}. */
export async function readVectors(
  input: FileInput,
  options: ReadOptions & FormatOptions = {},
): Promise<Vectors> {
  return withVectorFile(input, (file) => file.read(options), options);
}

/** Reads a sample of a file of vectors that may be larger than the memory. Throws as {@link readVectors}. */
export async function sampleVectors(input: FileInput, options: SampleOptions = {}): Promise<Sample> {
  return withVectorFile(input, (file) => file.sample(options), options);
}

/** Of what has no name there is no ending. */
function unnamed(input: StreamInput, name: string): VectorFormat | undefined {
  return typeof input !== 'string' && ['bytes', 'blob', 'stream'].includes(name) ? 'npy' : undefined;
}

/** As the core says it. */
function notFinite(file: string, row: number, column: number, value: number | undefined): H2qError {
  return new H2qError(
    'NOT_FINITE',
    `${file}: row ${row}, column ${column}: ${value} is not a finite float32`,
    {
      details: { file, row, column, value },
    },
  );
}

function rowsWithin(bytes: number, rowBytes: number): number {
  return Math.max(1, Math.floor(bytes / rowBytes));
}

function isAboutFile(error: unknown): boolean {
  return error instanceof H2qError && 'file' in error.details;
}
