/** Files of vectors in a memory map: nothing is read but the rows that are asked for. */

import type { CoreMappedVectors } from '../backend.js';
import { platform } from '../platform.js';
import { formatOf, readerOf } from './formats.js';
import { formatError } from './npy.js';

/** An open file of vectors, from which `rerank: 'float'` reads single rows. Close it. */
export class MappedVectors {
  /** @internal */
  readonly core: CoreMappedVectors;
  readonly path: string;
  #isClosed = false;

  /** @internal Use {@link openVectors}. */
  constructor(core: CoreMappedVectors, path: string) {
    this.core = core;
    this.path = path;
  }

  /** Number of vectors. */
  get rows(): number {
    return this.core.rows;
  }

  /** Dimensions of each vector. */
  get columns(): number {
    return this.core.columns;
  }

  /** Whether {@link MappedVectors.close} was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Lets the file go; running work keeps its share until it ends. Every later use throws INVALID_ARGUMENT. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.core.close();
  }
}

/**
 * Maps a file of vectors into memory: `.npy`, `.fvecs`, `.bvecs`, `.fbin`, `.u8bin` or `.i8bin`. Header and size are checked here, the
 * values of a row when it is read.
 *
 * **Do not write to the file or shorten it while it is open**: the system ends a process that reads
 * mapped bytes which are gone. To replace it, write a new file and rename it, as {@link writeVectors} does.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT, EMPTY_INPUT, MISMATCH when it changes meanwhile
 */
export async function openVectors(path: string): Promise<MappedVectors> {
  const read = readerOf(formatOf(path), {});
  const source = await platform().openSource(path);
  try {
    const { rows, columns, element, mapped, close } = await read(source, path, {});
    await close?.();
    if (!mapped)
      throw formatError(path, 'values of this format are not mapped; h2q convert makes an .npy of it');
    const core = platform().mapVectors(path, { rows, columns, element, ...mapped });
    return new MappedVectors(core, path);
  } finally {
    await source.close();
  }
}
