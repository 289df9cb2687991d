/** Lengths of runs in the pages of Parquet, which the library that decodes them believes: a damaged one takes minutes. */

import type { parquetHeader } from 'hyparquet/src/column.js';

type PageHeader = ReturnType<typeof parquetHeader>;

/** How deep the values of a column lie: what its levels go up to. */
export interface Levels {
  repetition: number;
  definition: number;
}

/** What is known of a page before it is decoded. */
export interface Page {
  header: PageHeader;
  /** As it lies in the file. */
  bytes: Uint8Array;
  levels: Levels;
  /** Makes so many bytes of compressed ones. */
  decompress(bytes: Uint8Array, length: number): Uint8Array;
}

const BY_DICTIONARY: readonly (string | undefined)[] = ['PLAIN_DICTIONARY', 'RLE_DICTIONARY'];

/** Whether no run of levels or of places in a dictionary is longer than its page has values. */
export function hasSoundRuns({ header, bytes, levels, decompress }: Page): boolean {
  const { data_page_header: first, data_page_header_v2: second, uncompressed_page_size: size } = header;
  if (first) {
    const all = decompress(bytes, size);
    const view = viewOf(all);
    let at = 0;
    for (const most of [levels.repetition, levels.definition]) {
      if (most === 0) continue;
      const end = at + 4 + view.getUint32(at, true);
      if (!areSound(view, at + 4, Math.min(end, all.length), widthOf(most), first.num_values)) return false;
      at = end;
    }
    return !BY_DICTIONARY.includes(first.encoding) || arePlacesSound(all, at, first.num_values);
  }
  if (!second) return true;
  const { repetition_levels_byte_length: repetition, definition_levels_byte_length: definition } = second;
  const [view, start] = [viewOf(bytes), repetition + definition];
  if (!(repetition >= 0 && definition >= 0 && start <= bytes.length)) return false;
  for (const [most, at, end] of [
    [levels.repetition, 0, repetition],
    [levels.definition, repetition, start],
  ] as const) {
    if (most > 0 && !areSound(view, at, end, widthOf(most), second.num_values)) return false;
  }
  if (!BY_DICTIONARY.includes(second.encoding)) return true;
  const rest = bytes.subarray(start);
  const values = second.is_compressed === false ? rest : decompress(rest, size - start);
  return arePlacesSound(values, 0, second.num_values);
}

function arePlacesSound(bytes: Uint8Array, at: number, values: number): boolean {
  const width = bytes[at];
  return width === undefined || areSound(viewOf(bytes), at + 1, bytes.length, width, values);
}

/** Walks runs up to `end`: each is `count` times a value, or groups of eight values of so many bits. */
function areSound(view: DataView, start: number, end: number, width: number, values: number): boolean {
  if (width > 32) return false;
  let [at, seen] = [start, 0];
  while (seen < values && at < end) {
    let header = 0;
    for (let shift = 0; at < end; shift += 7) {
      const byte = view.getUint8(at++);
      header |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const isPacked = (header & 1) === 1;
    const count = isPacked ? (header >>> 1) * 8 : header >>> 1;
    // The last group is filled up. Groups of bits end with their page at the latest.
    const isTooLong = isPacked ? width === 0 && count > values - seen + 7 : count > values - seen;
    if (isTooLong) return false;
    seen += count;
    at += isPacked ? (count / 8) * width : Math.ceil(width / 8);
  }
  return true;
}

function widthOf(most: number): number {
  return 32 - Math.clz32(most);
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
