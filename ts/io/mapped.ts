/** A file of vectors in a memory map. By itself: whoever only asks what something is needs no readers of files. */

import type { CoreMappedVectors } from '../backend.js';

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
