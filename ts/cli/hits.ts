/** The hits of `h2q search` as text, in pieces of bounded size, while the search goes on. */

import type { SearchResult } from '../node/index.js';

/** What is known before the first hit. */
export interface SearchShape {
  queries: number;
  /** Hits per query. */
  k: number;
  /** Codes searched in, and the length of each. */
  rows: number;
  bits: number;
  /** Whether hits are named by ids of their own, not by rows. */
  hasIds: boolean;
}

/** The smallest int64. */
const WIDEST_ID = -(2n ** 63n);

/** A number, or a string beyond the integers that JSON's readers hold exactly. */
function jsonId(id: bigint): string {
  const isExact = -(2n ** 53n) <= id && id <= 2n ** 53n;
  return isExact ? String(id) : `"${id}"`;
}

/** Turns batches of hits, in the order of the queries, into pieces of one text. */
export interface HitsText {
  start(): Iterable<Uint8Array>;
  batch(hits: SearchResult): Iterable<Uint8Array>;
  end(): Iterable<Uint8Array>;
}

/** A line per hit. Widths follow from the shape, as no later line can be known. */
export function hitsTable({ queries, k, rows, bits, hasIds }: SearchShape): HitsText {
  const columns: [string, number | bigint][] = [
    ['query', queries - 1],
    ['rank', k],
    ['id', hasIds ? WIDEST_ID : rows - 1],
    ['distance', bits],
  ];
  const widths = columns.map(([title, widest]) => Math.max(title.length, String(widest).length));
  const [queryWidth, rankWidth, idWidth, distanceWidth] = widths as [number, number, number, number];
  let query = 0;
  return {
    *start() {
      const titles = columns.map(([title], i) => title.padStart(widths[i] ?? 0));
      yield new TextEncoder().encode(`${titles.join('  ')}\n`);
    },
    *batch(hits) {
      const text = new ByteText();
      for (let i = 0; i < hits.rows.length; i++) {
        const rank = i % hits.k;
        text.number(query, queryWidth);
        text.number(rank + 1, rankWidth + 2);
        if (hits.ids) text.ascii(String(hits.ids[i]).padStart(idWidth + 2));
        else text.number(hits.rows[i]!, idWidth + 2);
        text.number(hits.distances[i]!, distanceWidth + 2);
        text.ascii('\n');
        if (rank === hits.k - 1) query++;
        if (text.isFull) yield text.take();
      }
      yield text.take();
    },
    *end() {},
  };
}

/** One JSON document: `{"hits": [[{"id", "distance"}, …], …]}`, a list per query. */
export function hitsJson({ queries, k }: Pick<SearchShape, 'queries' | 'k'>): HitsText {
  let isFirst = true;
  return {
    *start() {
      const none = k === 0 ? Array<string>(queries).fill('[]').join(',') : '';
      yield new TextEncoder().encode(`{"hits":[${none}`);
    },
    *batch(hits) {
      const text = new ByteText();
      for (let i = 0; i < hits.rows.length; i++) {
        const rank = i % hits.k;
        text.ascii(rank > 0 ? ',{"id":' : isFirst ? '[{"id":' : ',[{"id":');
        if (hits.ids) text.ascii(jsonId(hits.ids[i]!));
        else text.number(hits.rows[i]!);
        text.ascii(',"distance":');
        text.number(hits.distances[i]!);
        text.ascii(rank === hits.k - 1 ? '}]' : '}');
        isFirst = false;
        if (text.isFull) yield text.take();
      }
      yield text.take();
    },
    *end() {
      yield new TextEncoder().encode(']}\n');
    },
  };
}

const [SPACE, ZERO] = [0x20, 0x30];
const PIECE_BYTES = 1024 * 1024;
/** More than one hit takes in either format. */
const HIT_BYTES = 256;

/** Text that grows as bytes: millions of small strings would take most of the time of a search. */
class ByteText {
  #bytes = new Uint8Array(PIECE_BYTES);
  #length = 0;

  /** Whether it is time to {@link take}. */
  get isFull(): boolean {
    return this.#length > PIECE_BYTES - HIT_BYTES;
  }

  /** The text so far; the next one starts empty. */
  take(): Uint8Array {
    const text = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(PIECE_BYTES);
    this.#length = 0;
    return text;
  }

  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  /** A whole number of 32 bits, aligned to the right. */
  number(value: number, width = 0): void {
    const bytes = this.#bytes;
    const end = this.#length + Math.max(width, countDigits(value));
    let at = end;
    let rest = value;
    do {
      const quotient = (rest / 10) >>> 0;
      bytes[--at] = ZERO + rest - quotient * 10;
      rest = quotient;
    } while (rest > 0);
    while (at > this.#length) bytes[--at] = SPACE;
    this.#length = end;
  }
}

function countDigits(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}
