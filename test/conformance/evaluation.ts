/** Judging codes on a backend. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../ts/index.js';
import type { Api, Loaded } from './conformance.js';
import { matrix, randomMatrix } from './matrices.js';

export function describeEvaluation(loaded: () => Loaded): void {
  let h2q: Api;
  let model: Model;
  beforeAll(() => {
    ({ h2q, model } = loaded());
  });

  describe('evaluate', () => {
    const queries = randomMatrix(40, 9);
    const labels = (rows: number) => Uint8Array.from({ length: rows }, (_, i) => i % 4);
    const task = { database: matrix, databaseLabels: labels(700), queries, queryLabels: labels(40) };

    it('gives metrics for each cut-off, the same with neighbours known before', async () => {
      const result = await h2q.evaluate({ model, ...task, at: [700, 50] });
      expect(result.ties).toBe('expected');
      expect(result.at[700]).toMatchObject({ recall: 1, neighbourRecall: 1 });
      expect(result.at[700]?.precision).toBeCloseTo(0.25, 6);

      const reference = await h2q.evaluateCosine({ ...task, at: [10, 50] });
      expect(reference.neighbours.rows).toHaveLength(40 * 10);
      expect(reference.at[10]?.neighbourRecall).toBe(1);
      const { neighbours } = reference;
      expect(await h2q.evaluate({ model, ...task, at: [700, 50], neighbours })).toEqual(result);
    });

    it('takes a cut-off beyond the rows for all of them', async () => {
      const { at } = await h2q.evaluate({ model, ...task, at: [700, 2 ** 40] });
      expect(at[2 ** 40]).toEqual(at[700]);
      const reference = await h2q.evaluateCosine({ ...task, at: [700, 2 ** 40] });
      expect(reference.at[2 ** 40]).toEqual(reference.at[700]);
    });

    it('refuses labels of two kinds', async () => {
      const classes = (count: number) => ({ classes: count, values: new Uint8Array(700 * count).fill(1) });
      const cases: [object, string][] = [
        [
          { databaseLabels: classes(3) },
          'queryLabels: expected rows of 3 classes as in databaseLabels, got one label per row',
        ],
        [
          { databaseLabels: classes(3), queryLabels: { classes: 1, values: new Uint8Array(40) } },
          'queryLabels: expected rows of 3 classes as in databaseLabels, got rows of 1 class',
        ],
      ];
      for (const [labels, message] of cases) {
        await expect(h2q.evaluate({ model, ...task, ...labels })).rejects.toMatchObject({
          code: 'MISMATCH',
          message,
        });
      }
    });

    it('takes every kind of labels', async () => {
      const wanted = await h2q.evaluate({ model, ...task, ties: 'id' });
      const classes = 4;
      const oneHot = (rows: number) => ({
        classes,
        values: Uint8Array.from({ length: rows * classes }, (_, i) =>
          Math.floor(i / classes) % 4 === i % classes ? 1 : 0,
        ),
      });
      const kinds = [
        (rows: number) => Int32Array.from(labels(rows)),
        (rows: number) => BigInt64Array.from(labels(rows), BigInt),
        oneHot,
      ];
      for (const kind of kinds) {
        const same = { ...task, databaseLabels: kind(700), queryLabels: kind(40) };
        expect(await h2q.evaluate({ model, ...same, ties: 'id' })).toEqual(wanted);
      }
    });

    it('refuses labels that do not fit and cut-offs of 0', async () => {
      const short = { ...task, queryLabels: labels(39) };
      await expect(h2q.evaluate({ model, ...short })).rejects.toThrow(
        'queryLabels: expected labels of 40 rows, got 39',
      );
      await expect(h2q.evaluate({ model, ...task, at: [0] })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
      });
    });
  });
}
