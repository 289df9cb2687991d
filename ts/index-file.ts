/** Files of indexes (docs/formats.md). */

import { runAbortable } from './abort.js';
import { invalidArgument, kindOf } from './arguments.js';
import type { CoreIndex } from './backend.js';
import { inFile } from './errors.js';
import { writeFile } from './io/files.js';
import { type FileInput, withSource } from './io/input.js';
import { type ByteSource, backend, type PendingFile, platform } from './platform.js';
import { SLICE_BYTES } from './slices.js';

const MAGIC = 'H2QINDEX';
/** What a file begins with: it tells how much of the rest counts. */
const FRONT_BYTES = 3 * 4096;
/** To read a file that grows meanwhile. */
const ATTEMPTS = 10;

/**
 * Whether a file says that it is an index.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function isIndexFile(path: string): Promise<boolean> {
  return withSource(path, async (source) => {
    if (source.byteLength < MAGIC.length) return false;
    return new TextDecoder().decode(await source.slice(0, MAGIC.length)) === MAGIC;
  });
}

/** Reads and checks the whole file in slices. */
export async function readIndex(input: FileInput, signal: AbortSignal | undefined): Promise<CoreIndex> {
  for (let attempt = 1; ; attempt++) {
    let length: number | undefined;
    try {
      return await withSource(input, (source, path) => {
        length = source.byteLength;
        return readOnce(source, path, signal);
      });
    } catch (error) {
      if (length === undefined || attempt === ATTEMPTS || signal?.aborted) throw error;
      // Somebody appends to it: its commit may tell of more than there was when it was opened.
      const isGrowing = (await withSource(input, async ({ byteLength }) => byteLength)) !== length;
      if (!isGrowing) throw error;
    }
  }
}

async function readOnce(
  source: ByteSource,
  path: string,
  signal: AbortSignal | undefined,
): Promise<CoreIndex> {
  const { byteLength } = source;
  const reader = backend().indexReader(byteLength);
  const buffer = new Uint8Array(Math.min(SLICE_BYTES, byteLength));
  // No further than what was committed: what follows may be cut off by whoever changes the file.
  let [start, wanted] = [0, Math.min(FRONT_BYTES, byteLength)];
  while (wanted > 0) {
    const end = start + Math.min(wanted, SLICE_BYTES);
    const bytes = await source.slice(start, end, buffer);
    await runAbortable(signal, () => about(path, () => reader.push(bytes)));
    start = end;
    wanted = reader.wanted();
  }
  return about(path, async () => reader.finish());
}

/** Maps a file to search in it where it lies. Throws as `HammingIndex.open`. */
export function mapIndex(input: FileInput): Promise<CoreIndex> {
  if (typeof input !== 'string')
    throw invalidArgument('input', `expected a path to map, got ${kindOf(input)}`);
  const { map } = platform().indexFiles();
  return about(input, () => map(input));
}

/** The file of what the index holds when the first piece is asked for. */
async function* piecesOf(
  index: CoreIndex,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const writer = await runAbortable(signal, () => index.writer());
  for (;;) {
    signal?.throwIfAborted();
    const bytes = writer.next(SLICE_BYTES);
    if (bytes.length === 0) return;
    yield bytes;
  }
}

/** The bytes of the file that {@link writeIndex} would write now. */
export async function indexBytes(index: CoreIndex, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const bytes of piecesOf(index, signal)) {
    pieces.push(bytes);
    await platform().nextTurn();
  }
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const bytes of pieces) {
    all.set(bytes, filled);
    filled += bytes.length;
  }
  return all;
}

/** Writes what the index holds now. */
export async function writeIndex(
  index: CoreIndex,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const write = async (file: PendingFile) => {
    for await (const bytes of piecesOf(index, signal)) await file.write(bytes);
  };
  await writeFile(path, write, signal);
}

/** Names the file in errors of the core. */
export async function about<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw inFile(path, error);
  }
}
