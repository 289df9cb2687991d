/** An index of the small module: it is searched, by comparing every code, and never changes. */

import { invalidOption } from '../arguments.js';
import type {
  CancelToken,
  CoreCodes,
  CoreFilter,
  CoreIds,
  CoreIndex,
  CoreIndexReader,
  CoreIndexWriter,
  SearchHits,
  SearchRequest,
} from '../backend.js';
import { H2qError } from '../errors.js';
import { platform } from '../platform.js';
import { checkHits, sliceQueries } from '../wasm/hits.js';
import { atOnce, inTurns, type Slices } from '../wasm/turns.js';
import { absent } from './absent.js';
import { allowedIn } from './filter.js';
import { type Found, gathered, joined } from './found.js';
import { codesOf, idsOf, type SmallCodes } from './held.js';
import { type Contents, IndexParser, segmentOf } from './index-file.js';
import { type Memory, zeros } from './module.js';
import { arranged, countPositions, inOrder, orderOf, type Segment, wordsOf } from './segment.js';

/** Queries that share one pass over the codes: no slice has more. */
const MOST_QUERIES = 64;
const UNKNOWN = '0'.repeat(32);

/** All that is no search is absent. */
export class SmallIndex implements CoreIndex {
  readonly size: number;
  readonly rows: number;
  readonly bits: number;
  readonly hasIds: boolean;
  readonly hasFactors: boolean;
  readonly model: string | null;
  readonly #memory: Memory;
  readonly #segments: readonly Segment[];

  constructor(memory: Memory, { bits, hasIds, hasFactors, model, segments, rows, removed }: Contents) {
    this.size = rows - removed;
    this.rows = rows;
    this.bits = bits;
    this.hasIds = hasIds;
    this.hasFactors = hasFactors;
    this.model = model === UNKNOWN ? null : model;
    this.#memory = memory;
    this.#segments = segments;
    const lines = segments.map((segment) => segment.lines);
    memory.own(this, () => {
      for (const { at, bytes } of lines) memory.instance.exports.release(at, bytes);
    });
  }

  get memory(): number {
    return absent('the memory of an index');
  }

  async search(
    queries: CoreCodes,
    k: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits> {
    return inTurns(this.#searching(queries, request, filter, k), cancel);
  }

  searchSync(queries: CoreCodes, k: number, request: SearchRequest, filter: CoreFilter | null): SearchHits {
    return atOnce(this.#searching(queries, request, filter, k));
  }

  async searchRadius(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
    cancel: CancelToken,
  ): Promise<SearchHits> {
    return inTurns(this.#searching(queries, request, filter, null, radius), cancel);
  }

  searchRadiusSync(
    queries: CoreCodes,
    radius: number,
    request: SearchRequest,
    filter: CoreFilter | null,
  ): SearchHits {
    return atOnce(this.#searching(queries, request, filter, null, radius));
  }

  async ids(first: number, count: number): Promise<BigInt64Array> {
    return this.idsSync(first, count);
  }

  /** What filters that are functions ask for. */
  idsSync(first: number, count: number): BigInt64Array {
    const ids = zeros(BigInt64Array, count, 'ids');
    for (let row = first; row < first + count; row++) {
      const { firstRow, ids: own, rows } = segmentOf(this.#segments, row);
      if (!own) ids[row - first] = BigInt(row);
      else if (!rows) ids[row - first] = own[row - firstRow]!;
    }
    for (const { firstRow, ids: own, rows } of this.#segments) {
      if (!own || !rows) continue;
      for (const [position, within] of rows.entries()) {
        const at = firstRow + within - first;
        if (at >= 0 && at < count) ids[at] = own[position]!;
      }
    }
    return ids;
  }

  async add(): Promise<number> {
    return absent('adding to an index');
  }

  addSync(): number {
    return absent('adding to an index');
  }

  async remove(): Promise<number> {
    return absent('removing from an index');
  }

  removeSync(): number {
    return absent('removing from an index');
  }

  async buildTables(): Promise<void> {
    absent('search tables');
  }

  buildTablesSync(): void {
    absent('search tables');
  }

  async writer(): Promise<CoreIndexWriter> {
    return absent('writing an index');
  }

  /** The `k` nearest, or with null all within a radius. Queries do not depend on each other. */
  *#searching(
    codes: CoreCodes,
    { method }: SearchRequest,
    filter: CoreFilter | null,
    k: number | null,
    radius = this.bits,
  ): Slices<SearchHits> {
    if (method === 'mih') absent('search tables');
    const queries = codesOf(codes);
    if (queries.model && this.model && queries.model !== this.model) throw foreign(this.model, queries.model);
    yield;
    const parts: Part[] = [];
    for (const segment of this.#segments) {
      const allowed = allowedIn(segment, filter);
      const count = allowed ? countPositions(allowed) : segment.count;
      if (count > 0) parts.push({ segment, allowed, count });
    }
    // The largest first: what it finds narrows the search of the others.
    parts.sort((a, b) => b.segment.count - a.segment.count);
    const most = parts.reduce((sum, { count }) => sum + count, 0);
    const nearest = k === null ? 0 : Math.min(k, most);
    checkHits(queries.rows * nearest);
    const perSlice = Math.min(MOST_QUERIES, sliceQueries(this.size, this.bits));
    const found: Found[] = [];
    let total = 0;
    for (let first = 0; first < queries.rows; first += perSlice) {
      const slice = wordsOfQueries(queries, first, Math.min(perSlice, queries.rows - first));
      const hits = this.#scan(slice, parts, nearest, radius);
      total += hits.reduce((sum, { rows }) => sum + rows.length, 0);
      checkHits(total);
      found.push(...hits);
      yield;
    }
    const compared = parts.reduce((sum, { segment }) => sum + segment.count, 0);
    const work = { candidates: compared * queries.rows, buckets: 0 };
    return { ...joined(found, total, this.hasIds), work };
  }

  /** What each of some queries finds. */
  #scan(queries: BigUint64Array, parts: readonly Part[], k: number, radius: number): Found[] {
    const memory = this.#memory;
    const count = queries.length / wordsOf(this.bits);
    const bounds = new Uint32Array(count).fill(radius);
    const found: Found[] = Array.from({ length: count }, () => ({
      rows: new Uint32Array(),
      distances: new Int32Array(),
      ids: this.hasIds ? new BigInt64Array() : null,
    }));
    for (const { segment, allowed } of parts) {
      const { lines } = segment;
      const counts = new Uint32Array(count);
      memory.lend([queries, bounds, allowed, counts], 'queries', (wasm, ...lent) => {
        const [asked, limits, bitmap, counted] = lent as [number, number, number, number];
        const keys =
          wasm.scan(lines.at, segment.count, this.bits, asked, count, k, limits, bitmap, counted) >>> 0;
        if (keys === 0) throw outOfMemoryForHits();
        let at = keys;
        for (const [query, own] of memory.words(counted, count).slice().entries()) {
          found[query] = gathered(found[query]!, segment, memory.words(at, 2 * own), k);
          at += 8 * own;
        }
        wasm.release(keys, at - keys);
      });
      if (k === 0) continue;
      for (const [query, { distances }] of found.entries()) {
        if (distances.length >= k) bounds[query] = Math.min(bounds[query]!, distances[k - 1]!);
      }
    }
    return found;
  }
}

/** A segment with something to find. */
interface Part {
  segment: Segment;
  allowed: Uint8Array | null;
  /** Codes that may be found. */
  count: number;
}

function outOfMemoryForHits(): H2qError {
  return new H2qError('OUT_OF_MEMORY', 'hits: there is no memory for them', { details: { what: 'hits' } });
}

function foreign(expected: string, actual: string): H2qError {
  const problem = `queries: they come from the model ${actual}, the index holds codes of ${expected}`;
  return new H2qError('FOREIGN_MODEL', problem, { details: { what: 'queries', expected, actual } });
}

/** Whole words, padded with zeros. */
function wordsOfQueries({ bytes, bits }: SmallCodes, first: number, count: number): BigUint64Array {
  const queries = new BigUint64Array(count * wordsOf(bits));
  const to = new Uint8Array(queries.buffer);
  const [width, padded] = [bits / 8, wordsOf(bits) * 8];
  for (let i = 0; i < count; i++) {
    to.set(bytes.subarray((first + i) * width, (first + i + 1) * width), i * padded);
  }
  return queries;
}

export function* createIndex(memory: Memory, codes: CoreCodes, ids: CoreIds | null): Slices<CoreIndex> {
  const { bytes, bits, rows, model } = codesOf(codes);
  if (bits > 2 ** 30) throw invalidOption('bits', bits, 'at most 1073741824');
  const given = ids && (idsOf(ids) as BigInt64Array);
  yield;
  const order = given && orderOf(memory, given);
  const lines = yield* arranged(memory, bytes, bits, order);
  const segment = {
    count: rows,
    firstRow: 0,
    lines,
    ids: given && (order ? inOrder(given, order) : given.slice()),
    rows: order,
  };
  const rest = { hasIds: given !== null, hasFactors: false, model: model ?? UNKNOWN, rows, removed: 0 };
  return new SmallIndex(memory, { bits, segments: [segment], ...rest });
}

export function indexReader(memory: Memory, bytes: number): CoreIndexReader {
  const parser = new IndexParser(memory, bytes);
  return {
    push: async (piece) => {
      memory.instance.run(() => parser.push(piece));
      await platform().nextTurn();
    },
    wanted: () => parser.wanted,
    finish: () => memory.instance.run(() => new SmallIndex(memory, parser.finish())),
  };
}
