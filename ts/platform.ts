/**
 * The one seam between the facade and its surroundings. `ts/node` fills it for Node; a browser entry
 * fills it with wasm and without files.
 */

import type { Backend, CancelToken, CoreMappedVectors, CoreRowLayout } from './backend.js';
import type { CoreIndex, CoreIndexFile } from './backend-search.js';
import { H2qError } from './errors.js';
import type { RepairedIndex, VerifiedIndex } from './index-disk.js';

/** Bytes that can be read in pieces: a file, a blob, a buffer, a stream. */
export interface ByteSource {
  /** Infinity for a stream that has not told. */
  readonly byteLength: number;
  /** Of a file of the system. */
  readonly path?: string;
  /**
   * Only a stream has this: waits until `end` bytes have arrived, or the stream has ended, and tells how many have
   * arrived. Slices of a stream begin at the same byte as the one before or later.
   */
  arrived?(end: number): Promise<number>;
  /** Exactly the bytes `start .. end`; they may be read into `buffer`, which is as long or longer. */
  slice(start: number, end: number, buffer?: Uint8Array): Promise<Uint8Array>;
}

/** A {@link ByteSource} that holds a resource. */
export interface OpenSource extends ByteSource {
  close(): Promise<void>;
}

/** A file under a temporary name. It appears under its own name, complete, with `commit`. */
export interface PendingFile {
  /** The name under which it appears, with links followed: equal for paths of the same file. */
  readonly target: string;
  /** Appends. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes over the beginning, what was there before; devices and pipes cannot. */
  rewrite?(start: Uint8Array): Promise<void>;
  /** Puts all bytes on the disk and closes the file. */
  flush(): Promise<void>;
  /** Gives the flushed file its name, replacing what was there. */
  commit(): Promise<void>;
  /** Removes the temporary file; does nothing after `commit`. */
  discard(): Promise<void>;
}

/** Index files that are used where they are; `ts/index-disk.ts` says what errors there are. */
export interface IndexFiles {
  open(path: string): Promise<CoreIndexFile>;
  map(path: string): Promise<CoreIndex>;
  verify(path: string, cancel: CancelToken): Promise<VerifiedIndex>;
  repair(path: string, cancel: CancelToken): Promise<RepairedIndex>;
}

/** An open HDF5 file. */
export interface Hdf5File {
  /** All datasets by their paths; `type` is that of `.npy`, without the byte order. */
  readonly datasets: readonly { name: string; shape: readonly number[]; type: string }[];
  /** Rows of a dataset of two dimensions. */
  read(name: string, start: number, end: number): ArrayLike<number | bigint> & ArrayBufferView;
  close(): void;
}

export interface Platform {
  /** The backend, loaded at the first call. Throws `NATIVE_UNAVAILABLE`. */
  backend(): Backend;
  /** Resolves in a later turn of the event loop, after waiting timers and I/O had theirs. */
  nextTurn(): Promise<void>;
  /** Throws `FILE_NOT_FOUND` or `FILE_UNREADABLE`. */
  openSource(path: string): Promise<OpenSource>;
  /** A regular file of vectors in a memory map. Throws `FILE_UNREADABLE`, `MISMATCH` for other bytes. */
  mapVectors(path: string, layout: CoreRowLayout): CoreMappedVectors;
  /**
   * Throws `FILE_UNWRITABLE` when `createFile` could not succeed; leaves nothing behind. Returns the
   * {@link PendingFile.target}.
   */
  checkWritable(path: string): Promise<string>;
  /** Throws `NATIVE_UNAVAILABLE` where there are none. */
  indexFiles(): IndexFiles;
  /** Writes a file that must not exist, on the disk when it resolves. Throws `FILE_UNWRITABLE`. */
  createNew(path: string, bytes: Uint8Array): Promise<void>;
  /** Throws `FILE_UNWRITABLE`. */
  createFile(path: string): Promise<PendingFile>;
  /** Where there are files; errors call it `name`. Throws `FILE_FORMAT`. */
  openHdf5?(path: string, name: string): Promise<Hdf5File>;
  /** Where there are files: a temporary one with the bytes of `source`, until it is closed. Throws `FILE_UNREADABLE`. */
  copySource?(
    source: ByteSource,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<OpenSource & { path: string }>;
}

let current: Platform | undefined;

/** Chooses the surroundings. The package's entry does this on import. */
export function setPlatform(platform: Platform): void {
  current = platform;
}

export function platform(): Platform {
  if (!current) throw new H2qError('NATIVE_UNAVAILABLE', 'no platform: import h2q from its package entry');
  return current;
}

export function backend(): Backend {
  return platform().backend();
}
