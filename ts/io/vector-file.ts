/** Files of vectors, read whole or block by block, straight into the core's memory. */

import { H2qError, inFile } from '../errors.js';
import { backend, type OpenSource, platform } from '../platform.js';
import { SLICE_BYTES } from '../slices.js';
import { Vectors } from '../vectors.js';
import { fbinRows, fvecsRows, npyRows, type RowFormat, type RowSource } from './rows.js';

/** Formats by extension. */
const FORMATS: Readonly<Record<string, RowFormat>> = { npy: npyRows, fvecs: fvecsRows, fbin: fbinRows };

/** Bytes of float32 values per block, a compromise of memory and work per call. */
const BLOCK_BYTES = 16 * 1024 * 1024;

export interface ReadOptions {
  /** Ends the reading; rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with the number of rows read so far. */
  onProgress?: ((rows: number) => void) | undefined;
}

export interface VectorBlock {
  /** Row of the file where the block begins. */
  firstRow: number;
  vectors: Vectors;
}

/** An open file of vectors, `.npy`, `.fvecs` or `.fbin`. Close it. */
export class VectorFile {
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
   * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT
   */
  static async open(path: string): Promise<VectorFile> {
    const source = await platform().openSource(path);
    try {
      return new VectorFile(path, source, await formatOf(path)(source, path));
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

  async #readRange(start: number, end: number, { signal, onProgress }: ReadOptions): Promise<Vectors> {
    const { columns, element } = this.#rows;
    const sliceRows = rowsWithin(SLICE_BYTES, columns * 4);
    try {
      const builder = backend().vectorsBuilder(end - start, columns, start);
      for (let row = start; row < end; row += sliceRows) {
        const sliceEnd = Math.min(row + sliceRows, end);
        const bytes = await this.#rows.readRows(row, sliceEnd);
        signal?.throwIfAborted();
        builder.push(bytes, element);
        onProgress?.(sliceEnd);
      }
      return new Vectors(builder.finish());
    } catch (error) {
      throw signal?.aborted || isAboutFile(error) ? error : inFile(this.path, error);
    }
  }
}

/** Opens a file of vectors, hands it to `use`, and closes it whatever happens. Throws as {@link VectorFile.open}. */
export async function withVectorFile<T>(path: string, use: (file: VectorFile) => Promise<T>): Promise<T> {
  const file = await VectorFile.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Reads a whole file of vectors. Throws as {@link VectorFile.open} and {@link VectorFile.read}. */
export function readVectors(path: string, options: ReadOptions = {}): Promise<Vectors> {
  return withVectorFile(path, (file) => file.read(options));
}

function formatOf(path: string): RowFormat {
  const extension = path.match(/\.([^./\\]*)$/)?.[1]?.toLowerCase() ?? '';
  const format = FORMATS[extension];
  if (format) return format;
  const known = Object.keys(FORMATS).map((name) => `.${name}`);
  throw new H2qError('FILE_FORMAT', `${path}: unknown extension; vectors are read from ${known.join(', ')}`, {
    details: { file: path, extension },
  });
}

function rowsWithin(bytes: number, rowBytes: number): number {
  return Math.max(1, Math.floor(bytes / rowBytes));
}

function isAboutFile(error: unknown): boolean {
  return error instanceof H2qError && 'file' in error.details;
}
