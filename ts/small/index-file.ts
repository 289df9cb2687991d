/**
 * Index files (docs/formats.md), as `crates/core/src/index/file_read.rs` reads them. Nothing is believed: sizes are compared
 * with the length of the file before memory is asked for, contents with their checksums and with what an index needs to be.
 */

import { MAX_U32 } from '../arguments.js';
import {
  bad,
  CHUNK,
  FRONT,
  HEADER,
  type Header,
  isZero,
  padded,
  type Record,
  readFront,
  readRecord,
} from './index-headers.js';
import { type Block, type Memory, viewOf } from './module.js';
import { allPositions, lineBytes, merged, type Segment, wordsOf } from './segment.js';

/** Segments of fewer bytes are small: runs of them become one, */
const SMALL = 2 ** 20;
/** which ends here, as all of it is there twice meanwhile. */
const LONG = 2 ** 24;

/** What a file holds. */
export interface Contents extends Header {
  segments: Segment[];
  /** Rows ever added, */
  rows: number;
  /** and removed. */
  removed: number;
}

/** How many bytes parsing goes on with, at least and at most. */
interface Wanted {
  least: number;
  most: number;
}
type Parsing<T> = Generator<Wanted, T, Uint8Array>;

function* exactly(bytes: number): Parsing<Uint8Array> {
  return bytes === 0 ? new Uint8Array() : yield { least: bytes, most: bytes };
}

/** Takes the bytes of a file in pieces of any size. */
export class IndexParser {
  /** How many more are of use, as far as that is known: what follows the last commit is not. */
  wanted: number;
  readonly #memory: Memory;
  readonly #parsing: Parsing<void>;
  #state: IteratorResult<Wanted, void>;
  #buffer = new Uint8Array();
  #filled = 0;
  #header: Header | undefined;
  #runs: { segments: Segment[]; bytes: number }[] = [];
  #rows = 0;
  #removed: Uint32Array[] = [];
  /** Whatever ends the parsing, this goes with it, unless the index has it. */
  readonly #blocks = new Set<Block>();

  /** For a file of `bytes` bytes. */
  constructor(memory: Memory, bytes: number) {
    this.#memory = memory;
    this.wanted = bytes;
    this.#parsing = this.#file(bytes);
    this.#state = this.#parsing.next();
    const blocks = this.#blocks;
    memory.own(this, () => {
      for (const { at, bytes } of blocks) memory.instance.exports.release(at, bytes);
    });
  }

  push(bytes: Uint8Array): void {
    let rest = bytes.subarray(0, this.wanted);
    while (rest.length > 0 && !this.#state.done) {
      const { least, most } = this.#state.value;
      const taken = Math.min(rest.length, most - this.#filled);
      this.wanted -= taken;
      const piece = rest.subarray(0, taken);
      rest = rest.subarray(taken);
      if (this.#filled === 0 && taken >= least) {
        this.#state = this.#parsing.next(piece);
      } else {
        // `least` and `most` are the same.
        if (this.#filled === 0) this.#buffer = new Uint8Array(most);
        this.#buffer.set(piece, this.#filled);
        this.#filled += taken;
        if (this.#filled < least) break;
        this.#filled = 0;
        this.#state = this.#parsing.next(this.#buffer);
      }
      // What the front says is wanted may be less than what was given.
      rest = rest.subarray(0, this.wanted);
    }
  }

  /** All of the file, once it has come. */
  finish(): Contents {
    // Says what it is not, or that it is too short.
    if (!this.#header) readFront(this.#memory, this.#buffer.subarray(0, this.#filled));
    if (!this.#header || !this.#state.done) throw bad('it is truncated');
    const segments = this.#runs.flatMap(({ segments }) =>
      segments.length > 1 ? [merged(this.#memory, segments, this.#header!.bits)] : segments,
    );
    this.#blocks.clear();
    const removed = this.#removed.reduce((sum, rows) => sum + remove(segments, rows), 0);
    return { ...this.#header, segments, rows: this.#rows, removed };
  }

  *#file(length: number): Parsing<void> {
    const { header, commit } = readFront(this.#memory, yield* exactly(FRONT));
    const settled = Number(commit.settled);
    if (length < settled) {
      throw bad(`it is truncated: ${commit.settled} bytes were written, ${length} are there`);
    }
    this.#header = header;
    // The last bytes count only as a whole.
    const pending = length < commit.length ? 0 : commit.pending;
    this.wanted = settled - FRONT + pending;
    yield* this.#records(header, settled - FRONT);
    if (pending === 0) return;
    const bytes = yield* exactly(pending);
    if (this.#memory.checksum(bytes) !== commit.checksum) return;
    const records = this.#records(header, pending);
    let state = records.next();
    for (let at = 0; !state.done; ) {
      const end = at + Math.min(state.value.most, pending - at);
      state = records.next(bytes.subarray(at, end));
      at = end;
    }
  }

  *#records(header: Header, bytes: number): Parsing<void> {
    for (let left = bytes; left > 0; ) {
      if (left < HEADER) throw bad('it is truncated');
      const record = readRecord(this.#memory, yield* exactly(HEADER), header, left - HEADER);
      yield* this.#record(header, record);
      left -= HEADER + record.bytes;
    }
  }

  *#record(header: Header, record: Record): Parsing<void> {
    const { payload, chunks } = record;
    const all = yield* exactly(padded(8 * chunks));
    const table = all.subarray(0, 8 * chunks);
    if (
      this.#memory.checksum(table) !== record.checksum ||
      all.subarray(8 * chunks).some((byte) => byte !== 0)
    ) {
      throw bad('the checksums of a record are damaged');
    }
    const block = this.#memory.reserve(payload, 'a part of an index');
    this.#blocks.add(block);
    yield* this.#fill(block, viewOf(table.slice()));
    this.#blocks.delete(block);
    if (!record.isRemoval) {
      this.#blocks.add(this.#add(header, record, block));
      return;
    }
    this.#remove(block, record.count);
    this.#memory.release(block);
  }

  /** Copies what comes into `block` and compares it with its checksums. */
  *#fill({ at, bytes }: Block, table: DataView): Parsing<void> {
    let checked = 0;
    for (let filled = 0; filled < bytes; ) {
      const piece = yield { least: 1, most: bytes - filled };
      this.#memory.bytes(at + filled, piece.length).set(piece);
      filled += piece.length;
      while (checked < filled && (filled - checked >= CHUNK || filled === bytes)) {
        const length = Math.min(CHUNK, bytes - checked);
        const sum = this.#memory.checksumAt(this.#memory.instance.exports, at + checked, length);
        if (sum !== table.getBigUint64((checked / CHUNK) * 8, true)) throw bad('its contents are damaged');
        checked += length;
      }
    }
  }

  #remove({ at }: Block, count: number): void {
    const rows = this.#memory.words(at, count).slice();
    if (rows.some((row) => row >= this.#rows)) throw bad('it removes a row that it does not have');
    this.#removed.push(rows);
  }

  /** Takes the segment that lies in `block`; what is left of that. */
  #add({ bits, hasIds, hasFactors }: Header, record: Record, block: Block): Block {
    const { count, hasRows } = record;
    const firstRow = this.#rows;
    if (record.firstRow !== firstRow || firstRow + count > MAX_U32) {
      throw bad('its rows are not numbered one after the other');
    }
    const kept = lineBytes(count, bits);
    checkPadding(this.#memory.bytes(block.at, kept), count, bits);
    const { buffer } = this.#memory.instance.exports.memory;
    let at = block.at + padded(kept);
    const ids = hasIds ? new BigInt64Array(buffer, at, count).slice() : null;
    if (hasIds) at += padded(8 * count);
    const rows = hasRows ? new Uint32Array(buffer, at, count).slice() : null;
    if (hasRows) at += padded(4 * count);
    checkOrder(ids, rows, count);
    if (hasFactors && !new Float32Array(buffer, at, count).every(Number.isFinite)) {
      throw bad('it has a factor that is not finite');
    }
    const lines = this.#memory.shrink(block, kept);
    const segment = { count, firstRow, lines, ids, rows };
    this.#rows += count;
    const run = this.#runs.at(-1);
    const isSmall = run !== undefined && (run.segments.length > 1 || run.bytes < SMALL);
    if (record.bytes < SMALL && isSmall && run.bytes < LONG) {
      run.segments.push(segment);
      run.bytes += record.bytes;
    } else {
      this.#runs.push({ segments: [segment], bytes: record.bytes });
    }
    return lines;
  }
}

/** Whether what a code does not use is zero. */
function checkPadding(lines: Uint8Array, count: number, bits: number): void {
  const words = wordsOf(bits);
  const groupBytes = 64 * words;
  const unused = (8 - (count % 8)) % 8;
  const last = lines.subarray(lines.length - groupBytes);
  for (let line = 0; line < words; line++) {
    if (!isZero(last.subarray(64 * (line + 1) - 8 * unused, 64 * (line + 1)))) {
      throw bad('codes beyond the last are not zero');
    }
  }
  const used = (bits % 64) / 8;
  if (used === 0) return;
  for (let line = groupBytes - 64; line < lines.length; line += groupBytes) {
    for (let at = line; at < line + 64; at += 8) {
      for (let i = used; i < 8; i++) {
        if (lines[at + i] !== 0) throw bad('bits beyond the length of a code are not zero');
      }
    }
  }
}

/** Every row once, in order of (id, row). */
function checkOrder(ids: BigInt64Array | null, rows: Uint32Array | null, count: number): void {
  if (rows) {
    const seen = new Uint8Array(count);
    for (const row of rows) {
      if (row >= count || seen[row] === 1) throw bad('its table of rows is malformed');
      seen[row] = 1;
    }
  }
  for (let p = 1; p < count; p++) {
    const rises = rows ? rows[p - 1]! < rows[p]! : true;
    const isOrdered = ids ? ids[p - 1]! < ids[p]! || (ids[p - 1] === ids[p] && rises) : rises;
    if (!isOrdered) throw bad('its codes are not in the order of their ids');
  }
}

/** Takes rows out; how many. */
function remove(segments: readonly Segment[], removed: Uint32Array): number {
  const positions = new Map<Segment, Uint32Array>();
  for (const row of removed) {
    const segment = segmentOf(segments, row);
    let position = row - segment.firstRow;
    if (segment.rows) {
      let all = positions.get(segment);
      if (!all) {
        all = new Uint32Array(segment.count);
        for (const [at, own] of segment.rows.entries()) all[own] = at;
        positions.set(segment, all);
      }
      position = all[position]!;
    }
    segment.alive ??= allPositions(segment.count);
    const bit = 1 << (position & 7);
    if ((segment.alive[position >>> 3]! & bit) === 0) throw bad('it removes a row twice');
    segment.alive[position >>> 3]! &= ~bit;
  }
  return removed.length;
}

/** The one that has a row, which there is. */
export function segmentOf(segments: readonly Segment[], row: number): Segment {
  let [low, high] = [0, segments.length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (segments[middle]!.firstRow <= row) low = middle;
    else high = middle;
  }
  return segments[low]!;
}
