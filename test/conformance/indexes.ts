/** Indexes of a backend. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../ts/index.js';
import type { Api, Loaded } from './conformance.js';
import { matrix, randomMatrix } from './matrices.js';

export function describeIndexes(loaded: () => Loaded): void {
  let h2q: Api;
  let model: Model;
  beforeAll(() => {
    ({ h2q, model } = loaded());
  });

  describe('a Hamming index', () => {
    it('finds by (distance, id) with ids of any order and size', async () => {
      const codes = { data: Uint8Array.from([0b0, 0b1, 0b11, 0b1]), bits: 8 };
      const ids = BigInt64Array.from([5n, 2n ** 60n, -1n, 7n]);
      const index = await h2q.HammingIndex.build(codes, { ids });
      expect([index.rows, index.bits]).toEqual([4, 8]);
      const query = { data: Uint8Array.from([0b1]), bits: 8 };
      const wanted = {
        rows: Uint32Array.from([3, 1, 2, 0]),
        distances: Int32Array.from([0, 0, 1, 1]),
        ids: BigInt64Array.from([7n, 2n ** 60n, -1n, 5n]),
        k: 4,
      };
      expect(await index.search(query, 10)).toEqual(wanted);
      expect(index.searchSync(query, 10)).toEqual(wanted);
      for (const k of [5_000_000_000, Number.MAX_SAFE_INTEGER]) {
        expect(await index.search(query, k)).toEqual(wanted);
        expect(index.searchSync(query, k)).toEqual(wanted);
      }
      expect((await index.search(query, 1)).rows).toEqual(Uint32Array.from([3]));

      const within = await index.searchRadius(query, 0);
      expect(within).toMatchObject({ rows: Uint32Array.from([3, 1]), offsets: Uint32Array.from([0, 2]) });
      expect(index.searchRadiusSync(query, Number.MAX_SAFE_INTEGER).rows).toHaveLength(4);
    });

    it('without ids names rows, and orders ties by them', () => {
      const index = h2q.HammingIndex.buildSync({ data: Uint8Array.from([1, 0, 1, 0]), bits: 8 });
      const hits = index.searchSync({ data: Uint8Array.from([0, 1]), bits: 8 }, 3);
      expect(hits).toEqual({
        rows: Uint32Array.from([1, 3, 0, 0, 2, 1]),
        distances: Int32Array.from([0, 0, 1, 0, 0, 1]),
        k: 3,
      });
    });

    it('takes msb codes as the same codes', async () => {
      const [lsb, msb] = [model.encodeSync(matrix), model.encodeSync(matrix, { layout: 'msb' })];
      const index = await h2q.HammingIndex.build(lsb);
      expect(index.searchSync(msb, 5)).toEqual(index.searchSync(lsb, 5));
    });

    it('finds for many queries what it finds for each, sorted and re-ranked', async () => {
      // More than WASM searches for between two turns of the event loop.
      const many = randomMatrix(20_000, 31, 16);
      const { model } = await h2q.fit(many, { method: 'identity' });
      const codes = await model.encode(many);
      const ids = BigInt64Array.from({ length: 20_000 }, (_, row) => BigInt(row * 7919) % 20_011n);
      const index = await h2q.HammingIndex.build(codes, { ids });
      const some = (first: number, rows: number) => ({
        data: codes.data.slice(first * 2, (first + rows) * 2),
        bits: 16,
      });
      const queries = some(0, 2500);
      const vectors = { data: many.data.slice(0, 2500 * 16), columns: 16 };
      const nearest = await index.search(queries, 3);
      const within = await index.searchRadius(queries, 1);
      const reranked = await index.search(queries, 3, { rerank: 'asymmetric', vectors });
      expect(index.searchSync(queries, 3)).toEqual(nearest);
      expect(index.searchRadiusSync(queries, 1)).toEqual(within);
      expect(index.searchSync(queries, 3, { rerank: 'asymmetric', vectors })).toEqual(reranked);
      expect([nearest.ids?.length, reranked.scores.length, within.offsets.length]).toEqual([
        7500, 7500, 2501,
      ]);
      expect(nearest).not.toHaveProperty('scores');
      for (const query of [0, 837, 838, 839, 2499]) {
        const alone = await index.search(some(query, 1), 3);
        expect(alone.ids).toEqual(nearest.ids?.slice(query * 3, query * 3 + 3));
        expect(alone.distances).toEqual(nearest.distances.slice(query * 3, query * 3 + 3));
        const near = await index.searchRadius(some(query, 1), 1);
        expect(near.rows).toEqual(within.rows.slice(within.offsets[query], within.offsets[query + 1]));
        const one = { data: many.data.slice(query * 16, query * 16 + 16), columns: 16 };
        const best = await index.search(some(query, 1), 3, { rerank: 'asymmetric', vectors: one });
        expect(best.scores).toEqual(reranked.scores.slice(query * 3, query * 3 + 3));
        expect(best.rows).toEqual(reranked.rows.slice(query * 3, query * 3 + 3));
      }
    });

    it('refuses factors of another metric by their row, before anything has changed', async () => {
      const codes = await model.encode(matrix);
      const rows = codes.data.length / 2;
      const metrics = ['cosine', 'euclidean'] as const;
      const [cosine, euclidean] = await Promise.all(
        metrics.map((metric) => model.factors(matrix, { metric })),
      );
      const few = { data: codes.data.slice(0, 3 * 2), bits: 16 };
      for (const [own, other, side] of [
        [cosine!, euclidean!, 'below'],
        [euclidean!, cosine!, 'above'],
      ] as const) {
        const message = (row: number) => `factors: that of row ${row}, ${side} 0, is not of the metric`;
        const refused = (row: number) => ({
          code: 'INVALID_OPTION',
          message: expect.stringContaining(message(row)),
        });
        const mixed = Float32Array.from(own, (factor, row) => (row < 400 ? factor : other[row]!));
        await expect(h2q.HammingIndex.build(codes, { factors: mixed })).rejects.toMatchObject(refused(400));
        const index = await h2q.HammingIndex.build(codes, { factors: own });
        const bytes = await index.toBytes();
        // A row at the mean, of which JSON has lost the sign, is no culprit.
        const factors = Float32Array.from([0, -0, other[0]!]);
        await expect(index.add(few, { factors })).rejects.toMatchObject(refused(rows + 2));
        expect(await index.toBytes()).toEqual(bytes);
        const opened = await h2q.HammingIndex.open(bytes);
        expect(() => opened.addSync(few, { factors })).toThrow(message(rows + 2));
        expect(await index.add(few, { factors: Float32Array.from([0, -0, own[0]!]) })).toBe(rows);
      }
    });

    it('refuses codes of another length, wrong ids, k of 0', async () => {
      const codes = { data: new Uint8Array(4), bits: 16 };
      const index = h2q.HammingIndex.buildSync(codes);
      const short = { data: new Uint8Array(4), bits: 8 };
      await expect(index.search(short, 1)).rejects.toThrow('queries: expected 16 bits, got 8');
      for (const k of [0, 1.5, 2 ** 53, Infinity]) {
        await expect(index.search(codes, k)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
      }
      await expect(index.searchRadius(codes, -1)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
      const ids = new BigInt64Array(3);
      await expect(h2q.HammingIndex.build(codes, { ids })).rejects.toThrow(
        'ids: expected one per code, 2, got 3',
      );
    });
  });
}
