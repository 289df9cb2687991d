/** Index files that are searched where they are, and changed so that what was acknowledged survives a crash. */

import { checkInteger, checkOptions, invalidArgument, kindOf } from './arguments.js';
import type { CancelToken } from './backend.js';
import type { CoreIndexFile } from './backend-search.js';
import { type BuildSyncOptions, checkWanted, toCoreBeside } from './beside.js';
import { type Codes, checkCodes, toCoreCodes } from './codes.js';
import { H2qError } from './errors.js';
import { type Abortable, type BuildOptions, type EmptyOptions, HammingIndex } from './hamming-index.js';
import { toCoreIds } from './ids.js';
import { about } from './index-file.js';
import { backend, type IndexFiles, platform } from './platform.js';
import { change, releasing, run, type Work } from './work.js';

/** What {@link verifyIndex} found. */
export interface VerifiedIndex {
  /** Rows ever added. */
  rows: number;
  /** Codes that can be found. */
  size: number;
  /** Records of codes. */
  segments: number;
  /** Records of removals. */
  removals: number;
  /** Bytes of the file that count. */
  committedBytes: number;
  /** Bytes behind them, of a change that was never acknowledged; harmless. */
  uncommittedBytes: number;
  /** What is wrong, with the bytes of the file that it is about; none where all is well. */
  problems: string[];
}

/** What {@link repairIndex} did. */
export interface RepairedIndex {
  /** What had been wrong. */
  problems: string[];
  /** Codes that are lost; absent where the number cannot be known. */
  lost?: number;
  /** Where the damaged file was put, when codes or removals are lost. */
  damaged?: string;
  /** The row that each row had then: rows are numbered anew. */
  rows?: Uint32Array;
}

/**
 * An index file that is open for changes, by nobody else; others may read it meanwhile, each as it was when they
 * opened it. A change is on the disk when its promise resolves: it survives a crash of the process and, as far as
 * the disk keeps its word, of the machine. Where a change fails, the file is as it was, unless the error says
 * otherwise. Only in Node with the native addon.
 */
export class IndexFile {
  /** To search in; it follows the changes. It is changed through the file alone. */
  readonly index: HammingIndex;
  /** The path it was opened by. */
  readonly path: string;
  readonly #core: CoreIndexFile;

  private constructor(path: string, core: CoreIndexFile) {
    this.path = path;
    this.#core = core;
    this.index = new HammingIndex(core.index(), path);
  }

  /**
   * Begins a file without codes. `HammingIndex.save` writes such files too.
   *
   * @param bits length of a code, a positive multiple of 8
   * @throws FILE_UNWRITABLE, also where there is something of that name; INVALID_OPTION, INVALID_ARGUMENT
   */
  static async create(path: string, bits: number, options: EmptyOptions = {}): Promise<IndexFile> {
    checkInteger('bits', bits, 8);
    checkOptions(options);
    const empty = HammingIndex.empty(bits, options);
    files(path);
    await platform().createNew(path, await empty.toBytes());
    return IndexFile.open(path);
  }

  /**
   * Opens a file. A change that was cut off by a crash is dropped; it was never acknowledged.
   *
   * @throws FILE_LOCKED where somebody else has it open for changes; FILE_NOT_FOUND, FILE_UNREADABLE,
   * FILE_UNWRITABLE, INDEX_FORMAT
   */
  static async open(path: string): Promise<IndexFile> {
    const { open } = files(path);
    return about(path, async () => new IndexFile(path, await open(path)));
  }

  /**
   * Appends codes; resolves to the row of the first. An abort is heeded until the writing begins.
   *
   * @throws as {@link HammingIndex.add}; FILE_UNWRITABLE
   */
  async append(codes: Codes, options: BuildOptions = {}): Promise<number> {
    const { signal } = checkOptions(options);
    return about(this.path, () => run(this.#append(codes, options), signal));
  }

  /**
   * Removes all codes with these ids (with these rows, in an index without ids); resolves to how many there were.
   * The file keeps their place until it is compacted. An abort is heeded until the writing begins.
   *
   * @throws INVALID_ARGUMENT, FILE_UNWRITABLE
   */
  async remove(ids: BigInt64Array | Uint32Array, options: Abortable = {}): Promise<number> {
    const { signal } = checkOptions(options);
    return about(this.path, () => run(this.#remove(ids), signal));
  }

  /**
   * Writes the file anew without what was removed, and puts it in the place of the old one. **Rows are numbered
   * anew**, in their order; ids stay. An abort is noticed between 4 MiB; the promise tells whether it came in time.
   *
   * @returns the row that each row had
   * @throws FILE_UNWRITABLE, INDEX_FORMAT where the file is damaged, OUT_OF_MEMORY
   */
  async compact(options: Abortable = {}): Promise<Uint32Array> {
    const { signal } = checkOptions(options);
    return about(this.path, () => outcomeOf(signal, (cancel) => this.#core.compact(cancel)));
  }

  /** Lets others change the file, once changes that were begun have ended. The index can still be searched. */
  close(): void {
    this.#core.close();
  }

  *#append(codes: Codes, options: BuildSyncOptions): Work<number> {
    const rows = checkCodes(codes, 'codes');
    checkWanted('ids', options.ids !== undefined, this.index.hasIds);
    checkWanted('factors', options.factors !== undefined, this.index.hasFactors);
    const { ids, factors } = yield* toCoreBeside(options, rows);
    const core = yield* toCoreCodes(codes, 'codes');
    const appending = promised(() => this.#core.append(core, ids, factors));
    return yield* releasing([core, ids, factors], appending);
  }

  *#remove(ids: BigInt64Array | Uint32Array): Work<number> {
    const own = yield* toCoreIds(ids, 'ids');
    return yield* releasing(
      [own],
      promised(() => this.#core.remove(own)),
    );
  }
}

/**
 * Reads and checks every byte of an index file. Others may change it meanwhile.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE; INDEX_FORMAT for a file that does not even begin as one, or was cut
 */
export async function verifyIndex(path: string, options: Abortable = {}): Promise<VerifiedIndex> {
  const { signal } = checkOptions(options);
  const { verify } = files(path);
  return about(path, () => outcomeOf(signal, (cancel) => verify(path, cancel)));
}

/**
 * Makes an index file whole again. Damaged copies of its header and commits are written anew, and a change that was
 * never acknowledged is cut off. Where contents are damaged, what is left is written to a new file, and the damaged
 * one is kept with the ending `.damaged`: codes in the damaged parts are lost (`lost`), and rows are numbered anew
 * (`rows`). If a removal is damaged, what it removed is back.
 *
 * @throws FILE_LOCKED, FILE_NOT_FOUND, FILE_UNREADABLE, FILE_UNWRITABLE; INDEX_FORMAT where nothing can be done
 */
export async function repairIndex(path: string, options: Abortable = {}): Promise<RepairedIndex> {
  const { signal } = checkOptions(options);
  const { repair } = files(path);
  return about(path, () => outcomeOf(signal, (cancel) => repair(path, cancel)));
}

function files(path: string): IndexFiles {
  if (typeof path !== 'string') throw invalidArgument('path', `expected a path, got ${kindOf(path)}`);
  return platform().indexFiles();
}

/** A change of a file, which has no blocking form and is not given up once it has begun. */
function promised<T>(start: () => Promise<T>): Work<T> {
  const sync = () => {
    throw new H2qError('INTERNAL', 'files of indexes are not changed blocking');
  };
  return change(sync, start);
}

/** Waits for the end of work whose outcome counts, also when it was asked to stop. */
async function outcomeOf<T>(
  signal: AbortSignal | undefined,
  work: (cancel: CancelToken) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const cancel = backend().createCancelToken();
  const stop = () => cancel.cancel();
  signal?.addEventListener('abort', stop);
  try {
    return await work(cancel);
  } catch (error) {
    if (signal?.aborted && (error as { code?: unknown }).code === 'ABORTED') throw signal.reason;
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
