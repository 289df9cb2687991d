/** Judging codes on a backend. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { MetricsAt, Model } from '../../ts/index.js';
import type { Api, Loaded } from './conformance.js';
import { judgedNaively } from './judged-naively.js';
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

    it('names the whole ranking `all`, where every way to normalise AP is the same', async () => {
      const ways = ['retrieved', 'all', 'possible'] as const;
      const results = await Promise.all(
        ways.map((averagePrecision) =>
          h2q.evaluate({ model, ...task, ties: 'id', at: ['all', 50], averagePrecision }),
        ),
      );
      const exact = await h2q.evaluate({ model, ...task, ties: 'id', at: [700, Number.POSITIVE_INFINITY] });
      for (const [i, { at, averagePrecision }] of results.entries()) {
        expect(Object.keys(at)).toEqual(['50', 'all']);
        expect(averagePrecision).toBe(ways[i]);
        expect(at.all).toEqual(exact.at[700]);
        expect(at.all).toEqual(exact.at.all);
      }
      // A quarter of 700 rows is relevant, more than 50: so `possible` divides by 50.
      const [retrieved, all, possible] = results.map(({ at }) => at[50] as MetricsAt);
      expect(retrieved!.meanAveragePrecision).toBeGreaterThan(possible!.meanAveragePrecision);
      expect(all!.meanAveragePrecision).toBeCloseTo((possible!.meanAveragePrecision * 50) / 175, 12);
      const cosine = await h2q.evaluateCosine({
        ...task,
        at: ['all', 700, 50],
        averagePrecision: 'possible',
      });
      expect(cosine.at.all).toEqual(cosine.at[700]);
      const plain = await h2q.evaluateCosine({ ...task, at: [50] });
      expect(plain.averagePrecision).toBe('retrieved');
      expect(cosine.at[50]!.meanAveragePrecision).toBeLessThan(plain.at[50]!.meanAveragePrecision);
      await expect(
        h2q.evaluate({ model, ...task, averagePrecision: 'relevant' as 'all' }),
      ).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    });

    it('equals a naive judgement of the same codes, at each cut-off and within each radius', async () => {
      const codes = [await model.encode(matrix), await model.encode(queries)] as const;
      for (const averagePrecision of ['retrieved', 'all', 'possible'] as const) {
        const options = { ties: 'id', at: [1, 30, 'all'], averagePrecision } as const;
        const { at, within } = await h2q.evaluate({ model, ...task, ...options });
        const naive = judgedNaively(...codes, [labels(700), labels(40)], [1, 30, 700], averagePrecision);
        for (const [i, cutOff] of [1, 30, 'all' as const].entries()) {
          const { neighbourRecall: _, ...metrics } = at[cutOff as 1] as MetricsAt;
          expectClose(metrics, naive.at[i]!);
        }
        expect(within.map(({ radius }) => radius)).toEqual(Array.from({ length: 17 }, (_, radius) => radius));
        for (const { neighbourRecall, ...metrics } of within) {
          expectClose(metrics, naive.within[metrics.radius]!);
          expect(neighbourRecall).toBeGreaterThanOrEqual(within[metrics.radius - 1]?.neighbourRecall ?? 0);
        }
        expect(within[16]).toMatchObject({ recall: 1, neighbourRecall: 1, answered: 1, hits: 700 });
      }
      // What is within a radius does not depend on the order of ties.
      const [expected, float] = await Promise.all(
        (['expected', 'float'] as const).map((ties) => h2q.evaluate({ model, ...task, ties })),
      );
      expect(expected!.within).toEqual(float!.within);
    });

    it('puts ties in the order of the transformed rows: by distance, or by cosine', async () => {
      const codes = [await model.encode(matrix), await model.encode(queries)] as const;
      const rows = (await model.transform(matrix)).data;
      const asked = (await model.transform(queries)).data;
      const dot = (a: Float32Array, i: number, b: Float32Array, j: number) => {
        let sum = 0;
        for (let c = 0; c < 16; c++) sum += a[i * 16 + c]! * b[j * 16 + c]!;
        return sum;
      };
      const norm = (a: Float32Array, i: number) => Math.sqrt(dot(a, i, a, i));
      const apart = {
        float: (q: number, row: number) => norm(rows, row) ** 2 - 2 * dot(asked, q, rows, row),
        cosine: (q: number, row: number) => -dot(asked, q, rows, row) / norm(rows, row),
      };
      const scores: number[] = [];
      for (const ties of ['float', 'cosine'] as const) {
        const result = await h2q.evaluate({ model, ...task, ties, at: [30] });
        const all = [labels(700), labels(40)] as [Uint8Array, Uint8Array];
        const naive = judgedNaively(...codes, all, [30], 'retrieved', apart[ties]);
        const { neighbourRecall: _, ...metrics } = result.at[30] as MetricsAt;
        expect(result.ties).toBe(ties);
        expectClose(metrics, naive.at[0]!);
        scores.push(metrics.meanAveragePrecision);
      }
      expect(scores[0]).not.toBe(scores[1]);
    });

    it('describes the codes of the database where asked to', async () => {
      const { statistics } = await h2q.evaluate({ model, ...task, statistics: true });
      expect(statistics).toEqual({
        ...(await h2q.codeStatistics(await model.encode(matrix))),
        quantizationLoss: await h2q.quantizationLosses(model, matrix),
      });
      expect((await h2q.evaluate({ model, ...task })).statistics).toBeUndefined();
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

  describe('codeStatistics', () => {
    it('counts by hand', async () => {
      // Bit 0 is always 1, bit 1 in two rows of four, bit 2 in the same two, bit 3 in one of them.
      const data = Uint8Array.from([0b0001, 0b0001, 0b0111, 0b1111]);
      const statistics = await h2q.codeStatistics({ data, bits: 8 });
      const { ones, entropy, meanCorrelation, maxCorrelation, ...counts } = statistics;
      expect(counts).toEqual({ rows: 4, bits: 8, distinct: 3 });
      expect(ones).toEqual([1, 0.5, 0.5, 0.25, 0, 0, 0, 0]);
      const quarter = 0.25 * 2 + 0.75 * Math.log2(4 / 3);
      for (const [i, bits] of [0, 1, 1, quarter, 0, 0, 0, 0].entries()) {
        expect(entropy[i]).toBeCloseTo(bits, 12);
      }
      // (n·n11 - n1·n2) / √(n1 (n - n1) n2 (n - n2)) = (4·1 - 2·1) / √(4·3) for bit 3 with bits 1 and 2.
      expect(maxCorrelation).toBe(1);
      expect(meanCorrelation).toBeCloseTo((1 + 2 * (2 / Math.sqrt(12))) / 3, 12);
    });

    it('is the same in every layout but for the order of bits', async () => {
      const lsb = await h2q.codeStatistics(await model.encode(matrix));
      const msb = await h2q.codeStatistics(await model.encode(matrix, { layout: 'msb' }));
      expect(msb).toEqual(lsb);
      expect(lsb).toMatchObject({ rows: 700, bits: 16 });
      expect(lsb.distinct).toBeGreaterThan(1);
    });

    it('has no pair of bits where all are constant', async () => {
      const { meanCorrelation, maxCorrelation, distinct, entropy } = await h2q.codeStatistics({
        data: new Uint8Array(40),
        bits: 16,
      });
      expect({ meanCorrelation, maxCorrelation, distinct }).toEqual({
        meanCorrelation: 0,
        maxCorrelation: 0,
        distinct: 1,
      });
      expect(entropy).toEqual(new Array(16).fill(0));
    });

    it('refuses what is no codes', async () => {
      await expect(h2q.codeStatistics({ data: new Uint8Array(3), bits: 16 })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
      await expect(h2q.codeStatistics({ data: new Uint8Array(0), bits: 16 })).rejects.toMatchObject({
        code: 'EMPTY_INPUT',
      });
    });
  });

  describe('quantizationLosses', () => {
    it('are those of the scaled transformed rows', async () => {
      const { data, columns } = await model.transform(matrix);
      const scaled = data.slice();
      for (let row = 0; row < scaled.length; row += columns) {
        const z = scaled.subarray(row, row + columns);
        const norm = Math.sqrt(z.reduce((sum, value) => sum + value * value, 0));
        z.forEach((value, i) => {
          z[i] = (value / norm) * Math.sqrt(columns);
        });
      }
      const losses = await h2q.quantizationLosses(model, matrix);
      expect(Object.keys(losses)).toEqual(['bit-variance', 'l2', 'l1', 'min-entropy']);
      for (const loss of ['bit-variance', 'l2', 'l1', 'min-entropy'] as const) {
        const { value } = h2q.quantizationLoss(loss, { data: scaled, columns });
        expect(losses[loss] / value).toBeCloseTo(1, 5);
      }
    });

    it('of the rows of a fit is its loss', async () => {
      const { model, history: _ } = await h2q.fit(matrix, { bits: 16, seed: 1, validation: queriesOf(30) });
      const losses = await h2q.quantizationLosses(model, matrix);
      expect(losses['bit-variance'] / model.summary.trainLoss).toBeCloseTo(1, 4);
    });

    it('refuses other dimensions and what is no model', async () => {
      await expect(h2q.quantizationLosses(model, randomMatrix(3, 1, 31))).rejects.toMatchObject({
        code: 'MISMATCH',
      });
      await expect(h2q.quantizationLosses({} as Model, matrix)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    });
  });
}

const queriesOf = (rows: number) => randomMatrix(rows, 9);

/** Each number of `actual` is that of `wanted` to rounding. */
function expectClose(actual: object, wanted: object): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, value] of Object.entries(actual)) {
    expect(value, name).toBeCloseTo((wanted as Record<string, number>)[name]!, 12);
  }
}
