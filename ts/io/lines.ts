/** Lines of text files, a few hundred KiB at a time. */

import type { ByteSource } from '../platform.js';
import { formatError } from './npy.js';
import { nextBytes } from './stream.js';

const CHUNK_BYTES = 256 * 1024;
/** A row of a million numbers is shorter; what is longer is no text. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * The lines that are not blank, without their ends, in batches as they arrive. Bytes that are no UTF-8 become
 * U+FFFD, which no number has.
 */
export async function* lineBatches(source: ByteSource, file: string): AsyncGenerator<string[], void> {
  const decoder = new TextDecoder();
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for (let at = 0; ; ) {
    const bytes = await nextBytes(source, at, CHUNK_BYTES);
    at += bytes.length;
    const cut = bytes.lastIndexOf(NEWLINE) + 1;
    if (bytes.length === 0 || cut > 0) {
      const text = decoder.decode(join([...rest, bytes.subarray(0, cut)]));
      const lines = text.split(/\r?\n/).filter((line) => /[^ \t\r]/.test(line));
      if (lines.length > 0) yield lines;
      rest = [];
      restBytes = 0;
    }
    if (bytes.length === 0) return;
    // A copy, as the source may read into the same memory again.
    if (cut < bytes.length) rest.push(bytes.slice(cut));
    restBytes += bytes.length - cut;
    if (restBytes > MAX_LINE_BYTES) throw formatError(file, `a line of more than ${MAX_LINE_BYTES} bytes`);
  }
}

/** How many lines are not blank: a pass over the file. */
export async function countLines(source: ByteSource): Promise<number> {
  let [count, isBlank] = [0, true];
  for (let at = 0; ; ) {
    const bytes = await nextBytes(source, at, CHUNK_BYTES);
    if (bytes.length === 0) return count + (isBlank ? 0 : 1);
    at += bytes.length;
    for (const byte of bytes) {
      if (byte === NEWLINE) {
        if (!isBlank) count++;
        isBlank = true;
      } else if (isBlank && byte !== 0x20 && byte !== 0x0d && byte !== 0x09) {
        isBlank = false;
      }
    }
  }
}

function join(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}
