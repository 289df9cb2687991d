/** Re-ranking on the fixtures, against numbers of an independent computation. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as h2q from '../../ts/node/index.js';

describe('on the fixtures, plain sign of 32 bits', () => {
  /**
   * Computed by NumPy alone in float64: distances and scores as matrix products, factors as written in
   * docs/reranking.md, order by `lexsort((row, -score))` of the 80 first rows by (distance, row), scores
   * rounded to float32. Recall: of the ten rows with the highest cosine in float64, mean over the 1,000
   * queries. These rows lie so close that the float32 cosines of `evaluate` find others among them.
   * `hamming` is the expectation over ties: whole groups, then the share of the group that is cut.
   */
  const RECALL = {
    hamming: 0.0531632,
    asymmetric: 0.0521,
    asymmetricWithFactors: 0.0364,
    asymmetricEuclidean: 0.0904,
    float: 0.2322,
  };
  const FIRST_QUERY = {
    asymmetric: {
      rows: [15, 32, 35, 44, 78, 84, 130, 144, 158, 173],
      scores: Array.from({ length: 10 }, () => 74.25427),
    },
    asymmetricWithFactors: {
      rows: [985, 582, 315, 262, 763, 15, 184, 768, 280, 130],
      scores: [
        15.81566, 15.70074, 15.68341, 15.68092, 15.55614, 15.54409, 15.54252, 15.53222, 15.51415, 15.49482,
      ],
    },
    innerProduct: {
      rows: [817, 750, 822, 753, 217, 540, 543, 882, 536, 471],
      scores: [
        627.8278, 541.7108, 528.5165, 469.206, 462.1415, 459.342, 455.7173, 455.7077, 453.4633, 448.2046,
      ],
    },
    asymmetricEuclidean: {
      rows: [472, 269, 993, 537, 449, 673, 738, 310, 506, 348],
      scores: [
        -0.025869256, -0.084953561, -0.12770134, -0.18267533, -0.28114975, -0.46645984, -0.55334216,
        -1.2223216, -1.280068, -1.6684519,
      ],
    },
    float: {
      rows: [859, 601, 32, 643, 449, 830, 889, 822, 812, 548],
      scores: [
        0.999807, 0.9997137, 0.9994832, 0.9993879, 0.9993116, 0.9992248, 0.999187, 0.9989318, 0.998881,
        0.9988568,
      ],
    },
  };
  const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

  /** The ten rows with the highest cosine of each query, in float64. */
  function exactNeighbours(): h2q.Neighbours {
    const unitRows = (name: string) => {
      const values = new Float32Array(Uint8Array.from(readFileSync(fixture(name)).subarray(128)).buffer);
      return Array.from({ length: values.length / 32 }, (_, row) => {
        const own = Float64Array.from(values.subarray(row * 32, (row + 1) * 32));
        const norm = Math.hypot(...own);
        return own.map((value) => value / norm);
      });
    };
    const train = unitRows('fashion32-train.npy');
    const rows = unitRows('fashion32-validation.npy').flatMap((query) => {
      const cosines = Float64Array.from(train, (row) => {
        let sum = 0;
        for (let j = 0; j < 32; j++) sum += row[j]! * query[j]!;
        return sum;
      });
      return [...cosines.keys()].sort((a, b) => cosines[b]! - cosines[a]! || a - b).slice(0, 10);
    });
    return { rows: Uint32Array.from(rows), count: 10 };
  }

  it('finds the rows and scores of an independent computation', async () => {
    const originals = await h2q.openVectors(fixture('fashion32-train.npy'));
    const train = await h2q.readVectors(originals.path);
    const ask = await h2q.readVectors(fixture('fashion32-validation.npy'));
    const { model } = await h2q.fit(train, { method: 'identity' });
    const codes = await model.encode(train);
    const query = await model.encode(ask);
    const z = await model.transform(ask);
    const first = async (index: h2q.HammingIndex, options: h2q.RerankOptions) => {
      const { rows, scores } = await index.search(query, 10, options);
      return { rows: [...rows.subarray(0, 10)], scores: [...scores.subarray(0, 10)] };
    };
    const asymmetric = { rerank: 'asymmetric', vectors: z } as const;
    const withFactors = async (metric: h2q.FactorMetric) =>
      h2q.HammingIndex.build(codes, { factors: await model.factors(train, { metric }) });
    const plain = await h2q.HammingIndex.build(codes);
    const found = {
      asymmetric: await first(plain, asymmetric),
      asymmetricWithFactors: await first(await withFactors('cosine'), asymmetric),
      asymmetricEuclidean: await first(await withFactors('euclidean'), asymmetric),
      innerProduct: await first(await withFactors('inner-product'), asymmetric),
      float: await first(plain, { rerank: 'float', vectors: ask, originals }),
    };
    originals.close();
    for (const [mode, { rows, scores }] of Object.entries(FIRST_QUERY)) {
      const { rows: foundRows, scores: foundScores } = found[mode as keyof typeof FIRST_QUERY];
      expect(foundRows, mode).toEqual(rows);
      foundScores.forEach((score, i) => {
        expect(Math.abs(score / scores[i]! - 1), mode).toBeLessThan(1e-6);
      });
    }

    const task = {
      ...{ model, database: train, queries: ask, at: [50], neighbours: exactNeighbours() },
      databaseLabels: new Uint8Array(train.rows),
      queryLabels: new Uint8Array(ask.rows),
    };
    const { rerank, ...rest } = await h2q.evaluate({ ...task, rerank: true });
    expect(rerank).toMatchObject({ k: 10, oversample: 8 });
    for (const [mode, recall] of Object.entries(RECALL)) {
      expect(rerank?.neighbourRecall[mode as h2q.RerankMode], mode).toBeCloseTo(recall, 6);
    }
    expect(await h2q.evaluate(task)).toEqual(rest);
    const wider = await h2q.evaluate({ ...task, rerank: true, oversample: 64, ties: 'float' });
    expect(wider.rerank?.oversample).toBe(64);
    expect(wider.rerank?.neighbourRecall.float).toBeGreaterThan(2 * RECALL.float);

    const none = { rows: new Uint32Array(0), count: 0 };
    const wanted = { code: 'INVALID_ARGUMENT' };
    await expect(h2q.evaluate({ ...task, rerank: true, neighbours: none })).rejects.toMatchObject(wanted);
    await expect(h2q.evaluate({ ...task, oversample: 3 })).rejects.toMatchObject(wanted);
  });
});
