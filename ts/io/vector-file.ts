/** Files of vectors, read whole or block by block, straight into the core's memory. */

import { checkInteger, checkOneOf } from '../arguments.js';
import type { CoreVectorsBuilder } from '../backend.js';
import { H2qError, inFile } from '../errors.js';
import { backend, type OpenSource } from '../platform.js';
import { SLICE_BYTES } from '../slices.js';
import { Vectors } from '../vectors.js';
import { type FileInput, nameOf, openInput } from './input.js';
import { fbinRows, fvecsRows, npyRows, type RowFormat, type RowSource } from './rows.js';

/** Formats of files of vectors, by their extension (docs/formats.md). */
export type VectorFormat = 'npy' | 'fvecs' | 'fbin';

const FORMATS: Readonly<Record<VectorFormat, RowFormat>> = { npy: npyRows, fvecs: fvecsRows, fbin: fbinRows };

/** Bytes of float32 values per block, a compromise of memory and work per call. */
const BLOCK_BYTES = 16 * 1024 * 1024;

/** Numbers up to here are exact. */
const MAX_EXACT = Number.MAX_SAFE_INTEGER;

/** Bytes of float32 values that a sample holds at most by default: ample for a fit. */
const SAMPLE_BYTES = 128 * 1024 * 1024;

export interface FormatOptions {
  /** Default: what the ending of the name says; `npy` for bytes, and for a `Blob` without a name. */
  format?: VectorFormat | undefined;
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
}

/** An open file of vectors, `.npy`, `.fvecs` or `.fbin`, or its bytes. Close it. */
export class VectorFile {
  /** What errors call it: its path, the name of a `File`. */
  readonly path: string;
  readonly #source: OpenSource;
  readonly #rows: RowSource;

  private constructor(path: string, source: OpenSource, rows: RowSource) {
    this.path = path;
    this.#source = source;
    this.#rows = rows;
  }

  /**
   * Opens a file and checks its header and size.
   *
   * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT, INVALID_OPTION, INVALID_ARGUMENT
   */
  static async open(input: FileInput, { format }: FormatOptions = {}): Promise<VectorFile> {
    const source = await openInput(input);
    const name = nameOf(input);
    try {
      return new VectorFile(name, source, await formatOf(name, format ?? unnamed(input, name))(source, name));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  get rows(): number {
    return this.#rows.rows;
  }

  get columns(): number {
    return this.#rows.columns;
  }

  /** All rows. Throws NOT_FINITE (row and column named), OUT_OF_MEMORY. */
  read(options: ReadOptions = {}): Promise<Vectors> {
    return this.#readRange(0, this.rows, options);
  }

  /**
   * A uniform sample of the rows, in order, in one pass; all rows when there are no more. In memory are
   * the rows kept, their numbers and one slice, however many rows the file has. Throws as {@link VectorFile.read}, also for rows that are not kept.
   */
  async sample(options: SampleOptions = {}): Promise<Sample> {
    const seed = checkInteger('seed', options.seed ?? 0, 0, MAX_EXACT);
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

  /** All rows in blocks of at most `blockBytes` float32 values, in memory one at a time. */
  async *blocks(options: ReadOptions & { blockBytes?: number } = {}): AsyncGenerator<VectorBlock, void> {
    const blockRows = rowsWithin(options.blockBytes ?? BLOCK_BYTES, this.columns * 4);
    for (let firstRow = 0; firstRow < this.rows; firstRow += blockRows) {
      const end = Math.min(firstRow + blockRows, this.rows);
      yield { firstRow, vectors: await this.#readRange(firstRow, end, options) };
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  async #readRange(start: number, end: number, options: ReadOptions): Promise<Vectors> {
    const newBuilder = () => backend().vectorsBuilder(end - start, this.columns, start);
    return (await this.#readInto(newBuilder, start, end, options)).vectors;
  }

  async #readInto<B extends CoreVectorsBuilder>(
    newBuilder: () => B,
    start: number,
    end: number,
    { signal, onProgress }: ReadOptions,
  ): Promise<{ vectors: Vectors; builder: B }> {
    const { columns, element } = this.#rows;
    const sliceRows = rowsWithin(SLICE_BYTES, columns * 4);
    try {
      const builder = newBuilder();
      // One buffer for all slices: the builder copies, and garbage of this size is collected late.
      const buffer = new Uint8Array(Math.min(sliceRows, end - start) * this.#rows.rowBytes);
      for (let row = start; row < end; row += sliceRows) {
        const sliceEnd = Math.min(row + sliceRows, end);
        const bytes = await this.#rows.readRows(row, sliceEnd, buffer);
        signal?.throwIfAborted();
        builder.push(bytes, element);
        onProgress?.(sliceEnd);
      }
      return { vectors: new Vectors(builder.finish()), builder };
    } catch (error) {
      throw signal?.aborted || isAboutFile(error) ? error : inFile(this.path, error);
    }
  }
}

/** Opens a file of vectors, hands it to `use`, and closes it whatever happens. Throws as {@link VectorFile.open}. */
export async function withVectorFile<T>(
  input: FileInput,
  use: (file: VectorFile) => Promise<T>,
  options: FormatOptions = {},
): Promise<T> {
  const file = await VectorFile.open(input, options);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Reads a whole file of vectors. Throws as {@link VectorFile.open} and {@link VectorFile.read}. */
export function readVectors(input: FileInput, options: ReadOptions & FormatOptions = {}): Promise<Vectors> {
  return withVectorFile(input, (file) => file.read(options), options);
}

/** Reads a sample of a file of vectors that may be larger than the memory. Throws as {@link readVectors}. */
export function sampleVectors(input: FileInput, options: SampleOptions = {}): Promise<Sample> {
  return withVectorFile(input, (file) => file.sample(options), options);
}

/** The format that was asked for, else that the ending of `path` names. Throws FILE_FORMAT, INVALID_OPTION. */
export function formatOf(path: string, format?: VectorFormat): RowFormat {
  const formats = Object.keys(FORMATS) as VectorFormat[];
  if (format !== undefined) return FORMATS[checkOneOf('format', format, formats)];
  const extension = path.match(/\.([^./\\]*)$/)?.[1]?.toLowerCase() ?? '';
  const named = formats.find((name) => name === extension);
  if (named) return FORMATS[named];
  const known = formats.map((name) => `.${name}`);
  throw new H2qError('FILE_FORMAT', `${path}: unknown extension; vectors are read from ${known.join(', ')}`, {
    details: { file: path, extension },
  });
}

/** Of what has no name there is no ending. */
function unnamed(input: FileInput, name: string): VectorFormat | undefined {
  return typeof input !== 'string' && ['bytes', 'blob'].includes(name) ? 'npy' : undefined;
}

function rowsWithin(bytes: number, rowBytes: number): number {
  return Math.max(1, Math.floor(bytes / rowBytes));
}

function isAboutFile(error: unknown): boolean {
  return error instanceof H2qError && 'file' in error.details;
}
