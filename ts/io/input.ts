/** What functions that read take: the path of a file, a `Blob` or bytes. */

import { invalidArgument, kindOf } from '../arguments.js';
import { H2qError } from '../errors.js';
import { type OpenSource, platform } from '../platform.js';

/**
 * The path of a file, where there are files (in Node); a `Blob`, such as a `File` that somebody has
 * dropped on a page; or bytes, to be left alone until they are read.
 */
export type FileInput = string | Blob | Uint8Array;

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
export function nameOf(input: FileInput): string {
  if (typeof input === 'string') return input;
  if (input instanceof Uint8Array) return 'bytes';
  const { name } = input as { name?: unknown };
  return typeof name === 'string' && name !== '' ? name : 'blob';
}

/** Throws `FILE_NOT_FOUND`, `FILE_UNREADABLE`, `INVALID_ARGUMENT` for any other kind of value. */
export async function openInput(input: FileInput): Promise<OpenSource> {
  if (typeof input === 'string') return platform().openSource(input);
  if (input instanceof Uint8Array) return sourceOfBytes(input);
  if (typeof Blob === 'function' && input instanceof Blob) return sourceOfBlob(input);
  throw invalidArgument('input', `expected a path, a Blob or a Uint8Array, got ${kindOf(input)}`);
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
