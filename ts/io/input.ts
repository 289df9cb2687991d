/** What functions that read take: the path of a file, a `Blob` or bytes. */

import { invalidArgument, kindOf } from '../arguments.js';
import { H2qError } from '../errors.js';
import { type OpenSource, platform } from '../platform.js';
import { sourceOfStream } from './stream.js';
import { isUrl, openUrl } from './url.js';

/**
 * The path of a file, where there are files (in Node), or its address (`https://…`), read by range; a `Blob`,
 * such as a `File` that somebody has dropped on a page; or bytes, to be left alone until they are read.
 */
export type FileInput = string | Blob | Uint8Array;

/**
 * A {@link FileInput} or bytes that come once, such as standard input or the body of an answer: those are read
 * in one pass, from their beginning to their end.
 */
export type StreamInput = FileInput | AsyncIterable<Uint8Array>;

/** Opens `input`, hands it to `use` with the name for errors, and closes it whatever happens. */
export async function withSource<T>(
  input: FileInput,
  use: (source: OpenSource, name: string) => Promise<T>,
): Promise<T> {
  const source = await openInput(input);
  try {
    return await use(source, nameOf(input));
  } finally {
    await source.close();
  }
}

/** All of `input`. */
export function readBytes(input: FileInput): Promise<Uint8Array> {
  return withSource(input, (source) => source.slice(0, source.byteLength));
}

/** What errors call `input`: its path, the name of a `File`, else its kind. */
export function nameOf(input: StreamInput): string {
  if (typeof input === 'string') return input;
  if (input instanceof Uint8Array) return 'bytes';
  const { name } = input as { name?: unknown };
  if (typeof name === 'string' && name !== '') return name;
  return isStream(input) ? 'stream' : 'blob';
}

/** Throws `FILE_NOT_FOUND`, `FILE_UNREADABLE`, `INVALID_ARGUMENT` for any other kind of value. */
export async function openInput(input: StreamInput): Promise<OpenSource> {
  if (typeof input === 'string') return isUrl(input) ? openUrl(input) : platform().openSource(input);
  if (input instanceof Uint8Array) return sourceOfBytes(input);
  if (typeof Blob === 'function' && input instanceof Blob) return sourceOfBlob(input);
  if (isStream(input)) return sourceOfStream(input, nameOf(input));
  throw invalidArgument('input', `expected a path, a Blob or a Uint8Array, got ${kindOf(input)}`);
}

function isStream(input: unknown): input is AsyncIterable<Uint8Array> {
  return typeof input === 'object' && input !== null && Symbol.asyncIterator in input;
}

function sourceOfBytes(all: Uint8Array): OpenSource {
  const slice = async (start: number, end: number, buffer?: Uint8Array) => {
    // Readers work in what they are given, so it is never the caller's own.
    const bytes = buffer?.subarray(0, end - start) ?? new Uint8Array(end - start);
    bytes.set(all.subarray(start, end));
    return bytes;
  };
  return { byteLength: all.length, slice, close: async () => {} };
}

function sourceOfBlob(blob: Blob): OpenSource {
  const slice = async (start: number, end: number) => {
    try {
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    } catch (cause) {
      const [file, problem] = [nameOf(blob), cause instanceof Error ? cause.message : String(cause)];
      throw new H2qError('FILE_UNREADABLE', `${file}: cannot be read: ${problem}`, {
        details: { file },
        cause,
      });
    }
  };
  return { byteLength: blob.size, slice, close: async () => {} };
}
