/** Files behind an address, read by range. */

import { H2qError } from '../errors.js';
import type { OpenSource } from '../platform.js';
import { sourceOfStream } from './stream.js';

export function isUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/** The ending of a path or an address, in small letters, without its dot; empty where there is none. */
export function endingOf(path: string): string {
  return (
    pathOf(path)
      .match(/\.([^./\\]*)$/)?.[1]
      ?.toLowerCase() ?? ''
  );
}

/** An address without what follows its path, which is not part of a name; other paths as they are. */
export function pathOf(path: string): string {
  return isUrl(path) ? path.replace(/[?#].*$/, '') : path;
}

/**
 * A source whose slices are requests for ranges. Of a server that knows none, the body is a stream: read once,
 * from its beginning to its end.
 */
export async function openUrl(url: string): Promise<OpenSource> {
  const answer = await request(url, 'bytes=0-0');
  const total = answer.headers.get('content-range')?.match(/^bytes 0-0\/(\d+)$/)?.[1];
  if (answer.status === 206 && total !== undefined) {
    await answer.body?.cancel();
    return { byteLength: Number(total), slice: sliceOf(url, total), close: async () => {} };
  }
  // An empty file has no byte 0.
  if (answer.status === 416)
    return { byteLength: 0, slice: async () => new Uint8Array(0), close: async () => {} };
  if (answer.status !== 200 || !answer.body)
    throw unreadable(url, `the server answers with ${answer.status}`);
  const isPlain = (answer.headers.get('content-encoding') ?? 'identity') === 'identity';
  const length = isPlain ? answer.headers.get('content-length') : null;
  return sourceOfStream(piecesOf(answer.body), url, length === null ? undefined : Number(length));
}

function sliceOf(url: string, total: string): OpenSource['slice'] {
  return async (start, end, buffer) => {
    if (start >= end) return new Uint8Array(0);
    const answer = await request(url, `bytes=${start}-${end - 1}`);
    if (answer.status !== 206) {
      await answer.body?.cancel();
      throw unreadable(url, `the server answers with ${answer.status} to a request for a range`);
    }
    const range = answer.headers.get('content-range');
    const bytes = new Uint8Array(await answer.arrayBuffer().catch((cause) => failed(url, cause)));
    if (range !== `bytes ${start}-${end - 1}/${total}` || bytes.length !== end - start) {
      throw unreadable(url, `the file changed, or the server gives ${range} for bytes ${start}-${end - 1}`);
    }
    if (!buffer) return bytes;
    buffer.set(bytes);
    return buffer.subarray(0, bytes.length);
  };
}

async function request(url: string, range: string): Promise<Response> {
  try {
    return await fetch(url, { headers: { range } });
  } catch (cause) {
    return failed(url, cause);
  }
}

/** The body of an answer; not all browsers can iterate over one. */
async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
  }
}

function failed(url: string, cause: unknown): never {
  const { message, cause: reason } = cause as { message?: string; cause?: { message?: string } };
  throw unreadable(url, reason?.message ?? message ?? String(cause), cause);
}

function unreadable(url: string, problem: string, cause?: unknown): H2qError {
  return new H2qError('FILE_UNREADABLE', `${url}: cannot be read: ${problem}`, {
    details: { file: url },
    cause,
  });
}
