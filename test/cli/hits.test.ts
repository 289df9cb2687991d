/** Hits as text, against strings put together in the plain way. */

import { expect, it } from 'vitest';
import { type HitsText, hitsJson, hitsTable } from '../../ts/cli/hits.js';
import type { SearchResult } from '../../ts/node/index.js';
import { seededRandom } from '../io/memory.js';

function randomHits(queries: number, k: number, rows: number, bits: number): SearchResult {
  const random = seededRandom(queries + k);
  const integers = (limit: number) =>
    Array.from({ length: queries * k }, () => Math.floor(random() * (limit + 1)));
  return { rows: Uint32Array.from(integers(rows - 1)), distances: Int32Array.from(integers(bits)), k };
}

/** The text of hits that come in two batches, and the number of its pieces. */
function format(text: HitsText, { rows, distances, ids, k }: SearchResult) {
  const cut = Math.floor(rows.length / k / 2) * k;
  const part = (start: number, end?: number) => ({
    rows: rows.subarray(start, end),
    distances: distances.subarray(start, end),
    ...(ids && { ids: ids.subarray(start, end) }),
    k,
  });
  const pieces = [
    ...text.start(),
    ...(cut > 0 ? text.batch(part(0, cut)) : []),
    ...text.batch(part(cut)),
    ...text.end(),
  ];
  return { text: Buffer.concat(pieces).toString(), largest: Math.max(...pieces.map((p) => p.length)) };
}

const SHAPES = [
  [1, 1, 1, 8],
  [2, 3, 3, 8],
  [11, 10, 1000, 64],
  [3, 5, 2 ** 32 - 1, 1_000_000_000],
  // Several pieces.
  [400, 500, 123_456, 1024],
] as const;

it.each(SHAPES)('%d queries x %d of %d codes of %d bits: the table', (queries, k, rows, bits) => {
  const hits = randomHits(queries, k, rows, bits);
  const lines = [...hits.rows].map((row, i) => [Math.floor(i / k), (i % k) + 1, row, hits.distances[i]!]);
  const widths = [queries - 1, k, rows - 1, bits].map((largest, i) =>
    Math.max([5, 4, 2, 8][i]!, String(largest).length),
  );
  const wanted = [['query', 'rank', 'id', 'distance'], ...lines]
    .map((line) => `${line.map((cell, i) => String(cell).padStart(widths[i]!)).join('  ')}\n`)
    .join('');
  const { text, largest } = format(hitsTable({ queries, k, rows, bits, hasIds: false }), hits);
  expect(text === wanted).toBe(true);
  expect(largest).toBeLessThanOrEqual(1024 * 1024);
});

it.each(SHAPES)('%d queries x %d of %d codes of %d bits: JSON', (queries, k, rows, bits) => {
  const hits = randomHits(queries, k, rows, bits);
  const lists = Array.from({ length: queries }, (_, q) =>
    Array.from({ length: k }, (_, i) => ({ id: hits.rows[q * k + i], distance: hits.distances[q * k + i] })),
  );
  const { text, largest } = format(hitsJson({ queries, k }), hits);
  expect(text === `${JSON.stringify({ hits: lists })}\n`).toBe(true);
  expect(largest).toBeLessThanOrEqual(1024 * 1024);
});

it('ids of their own stand for rows, as strings where a number would not be exact', () => {
  const ids = BigInt64Array.from([7n, -(2n ** 63n), 2n ** 53n]);
  const hits = { rows: Uint32Array.from([0, 1, 2]), distances: Int32Array.from([1, 2, 3]), ids, k: 3 };
  const named = [7, String(ids[1]), 2 ** 53].map((id, i) => ({ id, distance: i + 1 }));
  expect(format(hitsJson({ queries: 1, k: 3 }), hits).text).toBe(`${JSON.stringify({ hits: [named] })}\n`);
  const { text } = format(hitsTable({ queries: 1, k: 3, rows: 3, bits: 64, hasIds: true }), hits);
  expect(text.split('\n').slice(0, 3)).toEqual([
    'query  rank                    id  distance',
    '    0     1                     7         1',
    '    0     2  -9223372036854775808         2',
  ]);
});
