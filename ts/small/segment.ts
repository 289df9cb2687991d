/** Parts of an index: codes in the order of their ids, with what stands beside them. They never change. */

import { type Block, bytesOf, type Memory, zeros } from './module.js';

/** Codes that stand side by side in the memory of the module (docs/formats.md). */
const GROUP = 8;

export interface Segment {
  readonly count: number;
  readonly firstRow: number;
  /** Groups of eight codes. */
  readonly lines: Block;
  /** Rising, in the order of positions. */
  readonly ids: BigInt64Array | null;
  /** The row at each position, less `firstRow`; without it position p is row p. */
  readonly rows: Uint32Array | null;
  /** A bitmap of the positions that are left where some were removed. */
  alive?: Uint8Array;
}

export function wordsOf(bits: number): number {
  return Math.ceil(bits / 64);
}

/** Bytes of the lines of so many codes. */
export function lineBytes(count: number, bits: number): number {
  return Math.ceil(count / GROUP) * wordsOf(bits) * 8 * GROUP;
}

export function rowAt({ rows, firstRow }: Segment, position: number): number {
  return firstRow + (rows ? rows[position]! : position);
}

/** A bitmap of no position, in whole words. */
export function noPositions(count: number): Uint8Array {
  return zeros(Uint8Array, Math.ceil(count / 64) * 8, 'a bitmap');
}

/** Takes out what lies beyond the last position. */
export function clearTail(bitmap: Uint8Array, count: number): void {
  if (count % 8 > 0) bitmap[count >>> 3]! &= (1 << (count % 8)) - 1;
  bitmap.fill(0, Math.ceil(count / 8));
}

export function allPositions(count: number): Uint8Array {
  const all = noPositions(count).fill(255);
  clearTail(all, count);
  return all;
}

/** Positions in a set. */
export function countPositions(bitmap: Uint8Array): number {
  const words = new Uint32Array(bitmap.buffer, bitmap.byteOffset, bitmap.byteLength / 4);
  let count = 0;
  for (let word of words) {
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    count += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return count;
}

/** The numbers `0..` in the order of ids, those of equal ids in their own; null where they are so already. */
export function orderOf(memory: Memory, ids: BigInt64Array): Uint32Array | null {
  if (ids.every((id, i) => i === 0 || ids[i - 1]! <= id)) return null;
  const out = memory.reserve(4 * ids.length, 'ids');
  try {
    const isDone = memory.lend([ids], 'ids', (wasm, at) => wasm.order(at!, ids.length, out.at));
    if (!isDone) memory.reserve(Number.POSITIVE_INFINITY, 'ids');
    return memory.words(out.at, ids.length).slice();
  } finally {
    memory.release(out);
  }
}

/** `values` in another order. */
export function inOrder<A extends BigInt64Array | Uint32Array>(values: A, order: Uint32Array): A {
  const sorted = values.slice() as A;
  for (let i = 0; i < order.length; i++) sorted[i] = values[order[i]!]!;
  return sorted;
}

/** One segment of several that follow each other in rows; those are released. */
export function merged(memory: Memory, parts: readonly Segment[], bits: number): Segment {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const firstRow = parts[0]!.firstRow;
  const starts: number[] = [];
  let next = 0;
  for (const part of parts) {
    starts.push(next);
    next += part.count;
  }
  const hasIds = parts.some(({ ids }) => ids !== null);
  const ids = hasIds ? zeros(BigInt64Array, count, 'ids') : null;
  for (const [p, part] of parts.entries()) if (part.ids) ids?.set(part.ids, starts[p]);
  // Equal ids are in the order of rows within a part, and later parts have later rows.
  const order = ids && orderOf(memory, ids);
  const isInOrder = order === null && parts.every(({ rows }) => rows === null);
  const rows = isInOrder ? null : zeros(Uint32Array, count, 'rows');
  const lines = memory.reserve(lineBytes(count, bits), 'codes');
  const to = memory.words(lines.at, lines.bytes / 4);
  const words = wordsOf(bits);
  const from = parts.map((part) => memory.words(part.lines.at, part.lines.bytes / 4));
  const place = zeros(Uint32Array, count, 'rows');
  for (let i = 0; i < count; i++) place[order ? order[i]! : i] = i;
  for (const [p, part] of parts.entries()) {
    for (let position = 0; position < part.count; position++) {
      const at = place[starts[p]! + position]!;
      copyCode(from[p]!, position, to, at, words);
      if (rows) rows[at] = rowAt(part, position) - firstRow;
    }
    memory.release(part.lines);
  }
  return { count, firstRow, lines, ids: ids && order ? inOrder(ids, order) : ids, rows };
}

/** Copies a code between lines, which are given as words of 32 bits. */
function copyCode(from: Uint32Array, position: number, to: Uint32Array, at: number, words: number): void {
  let source = (position >>> 3) * words * 16 + (position & 7) * 2;
  let target = (at >>> 3) * words * 16 + (at & 7) * 2;
  for (let word = 0; word < words; word++, source += 16, target += 16) {
    to[target] = from[source]!;
    to[target + 1] = from[source + 1]!;
  }
}

/** Puts codes into lines, those that `order` names one after the other, some MiB at a time. */
export function* arranged(
  memory: Memory,
  codes: Uint8Array,
  bits: number,
  order: Uint32Array | null,
): Generator<void, Block, void> {
  const bytes = bits / 8;
  const count = codes.length / bytes;
  const lines = memory.reserve(lineBytes(count, bits), 'codes');
  const most = Math.max(1, Math.floor(2 ** 22 / bytes));
  for (let first = 0; first < count; first += most) {
    const taken = Math.min(most, count - first);
    let piece = codes.subarray(first * bytes, (first + taken) * bytes);
    if (order) {
      piece = new Uint8Array(taken * bytes);
      for (let i = 0; i < taken; i++) {
        const row = order[first + i]!;
        piece.set(codes.subarray(row * bytes, (row + 1) * bytes), i * bytes);
      }
    }
    memory.lend([bytesOf(piece)], 'codes', (wasm, at) => wasm.arrange(at!, taken, bytes, first, lines.at));
    yield;
  }
  return lines;
}
