/** Bytes that come once, one after the other: standard input, the body of an answer. */

import { H2qError } from '../errors.js';
import type { OpenSource } from '../platform.js';
import { formatError } from './npy.js';

/** A stream as a source whose slices move forward. `byteLength`, where it is known. */
export function sourceOfStream(
  stream: AsyncIterable<Uint8Array>,
  file: string,
  byteLength = Number.POSITIVE_INFINITY,
): OpenSource {
  const iterator = stream[Symbol.asyncIterator]();
  /** What has arrived and may still be asked for, from byte `begin` to byte `there`. */
  const held: Uint8Array[] = [];
  let [begin, there, hasEnded] = [0, 0, false];

  const arrived = async (end: number) => {
    while (there < end && !hasEnded) {
      const { done, value } = await nextOf(iterator, file);
      if (done) hasEnded = true;
      else if (value.length > 0) held.push(value);
      there += done ? 0 : value.length;
    }
    return there;
  };
  const forget = (before: number) => {
    while (held[0] && begin + held[0].length <= before) begin += (held.shift() as Uint8Array).length;
  };

  const slice = async (start: number, end: number, buffer?: Uint8Array) => {
    if (start < begin) {
      throw new H2qError('FILE_UNREADABLE', `${file}: a stream, which cannot be read twice`, {
        details: { file },
      });
    }
    forget(start);
    if ((await arrived(end)) < end) throw formatError(file, `truncated: the stream ends at byte ${there}`);
    const bytes = buffer?.subarray(0, end - start) ?? new Uint8Array(end - start);
    let at = begin;
    for (const piece of held) {
      if (at >= end) break;
      const from = Math.max(0, start - at);
      bytes.set(piece.subarray(from, Math.min(piece.length, end - at)), at + from - start);
      at += piece.length;
    }
    return bytes;
  };
  const close = async () => {
    await iterator.return?.();
  };
  return { byteLength, slice, arrived, close };
}

async function nextOf(
  iterator: AsyncIterator<Uint8Array>,
  file: string,
): Promise<IteratorResult<Uint8Array, void>> {
  try {
    const next = await iterator.next();
    if (next.done) return { done: true, value: undefined };
    if (next.value instanceof Uint8Array) return next;
    throw new TypeError('it gives something else than bytes');
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new H2qError('FILE_UNREADABLE', `${file}: cannot be read: ${problem}`, {
      details: { file },
      cause,
    });
  }
}

/** Whatever comes next from `start` on, at most `most` bytes; empty at the end. */
export async function nextBytes(source: OpenSource | Omit<OpenSource, 'close'>, start: number, most: number) {
  const there = source.arrived ? await source.arrived(start + 1) : source.byteLength;
  return source.slice(start, Math.max(start, Math.min(there, start + most)));
}
