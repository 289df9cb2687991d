/** Decompressors that make nothing of a size that only a damaged file names. Loads a library: import it lazily. */

import type { Compressors } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { formatError } from './npy.js';

/** Of one page or buffer. */
export const MAX_BYTES = 2 ** 29;

const LZ4_MAGIC = 0x184d2204;
const ZSTD_MAGIC = 0xfd2fb528;

/** What hyparquet uses, with lengths checked before and after. */
export function parquetCompressors(file: string): Compressors {
  const checked = Object.entries({ ...compressors, ZSTD: zstd }).map(([codec, decompress]) => {
    const run = (input: Uint8Array, length: number) => {
      const output = length >= 0 && length <= MAX_BYTES ? decompress(input, length) : undefined;
      if (output?.length === length) return output;
      throw formatError(file, `a page of ${codec} is damaged`);
    };
    return [codec, run];
  });
  return Object.fromEntries(checked);
}

/** A compressed buffer of Arrow: its length as int64 (-1: not compressed), then an LZ4 frame (codec 0) or zstd. */
export function arrowBuffer(bytes: Uint8Array, codec: number, file: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = Number(view.getBigInt64(0, true));
  if (length === -1) return bytes.subarray(8);
  if (!(length >= 0 && length <= MAX_BYTES)) throw damaged(file);
  try {
    const output = codec === 0 ? lz4Frame(bytes.subarray(8), length) : zstd(bytes.subarray(8), length);
    if (output.length === length) return output;
  } catch {
    // Told as any other damage.
  }
  throw damaged(file);
}

function zstd(bytes: Uint8Array, length: number): Uint8Array {
  if (zstdBytes(bytes) > 2 * length + 2 ** 20) throw new RangeError('a frame is damaged');
  return compressors.ZSTD?.(bytes, length) ?? new Uint8Array(0);
}

/** The larger of what the header of a frame says of window and contents, both of which are allocated. */
function zstdBytes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== ZSTD_MAGIC) throw new RangeError('not a frame of zstd');
  const flags = view.getUint8(4);
  const [isSingle, dictionaryFlag, sizeFlag] = [(flags >> 5) & 1, flags & 3, flags >> 6];
  const descriptor = isSingle ? 0 : view.getUint8(5);
  const base = 2 ** (10 + (descriptor >> 3));
  const window = isSingle ? 0 : base + (base / 8) * (descriptor & 7);
  const at = 6 - isSingle + (dictionaryFlag === 3 ? 4 : dictionaryFlag);
  const size = [
    () => (isSingle ? view.getUint8(at) : 0),
    () => view.getUint16(at, true) + 256,
    () => view.getUint32(at, true),
    () => Number(view.getBigUint64(at, true)),
  ][sizeFlag];
  // A window is cut to the contents where they are known to be smaller, and is at most 8 MiB by default.
  return Math.max(window > 2 ** 27 ? window : 0, size?.() ?? 0);
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md; blocks may refer to those before them. */
function lz4Frame(bytes: Uint8Array, length: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== LZ4_MAGIC) throw new RangeError('not an LZ4 frame');
  const flags = view.getUint8(4);
  const [hasChecksums, hasSize, hasDictionary] = [flags & 0x10, flags & 0x08, flags & 0x01];
  const output = new Uint8Array(length);
  let filled = 0;
  for (let at = 7 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0); ; ) {
    const head = view.getUint32(at, true);
    if (head === 0) return output.subarray(0, filled);
    const [size, isStored] = [head & 0x7fffffff, head >>> 31 === 1];
    if (at + 4 + size > bytes.length) throw new RangeError('a block lies outside');
    const block = bytes.subarray(at + 4, at + 4 + size);
    if (isStored) output.set(block, filled);
    filled = isStored ? filled + size : lz4Block(block, output, filled);
    at += 4 + size + (hasChecksums ? 4 : 0);
  }
}

/** Appends a block to `output` and returns where it ends. */
function lz4Block(block: Uint8Array, output: Uint8Array, start: number): number {
  let [at, filled] = [0, start];
  const lengthOf = (nibble: number) => {
    let length = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; ) {
      if (at >= block.length) throw new RangeError('a block is cut');
      byte = block[at++] as number;
      length += byte;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++] as number;
    const literals = lengthOf(token >> 4);
    if (at + literals > block.length) throw new RangeError('a block is cut');
    output.set(block.subarray(at, at + literals), filled);
    at += literals;
    filled += literals;
    if (at === block.length) return filled;
    const distance = (block[at] as number) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    const end = filled + lengthOf(token & 15) + 4;
    if (distance === 0 || distance > filled || end > output.length)
      throw new RangeError('a match lies outside');
    // Byte by byte: a match may run into what it writes.
    for (; filled < end; filled++) output[filled] = output[filled - distance] as number;
  }
  return filled;
}

function damaged(file: string) {
  return formatError(file, 'not a readable Arrow file: a compressed buffer is damaged');
}
