/** The bench of the codes' quality, on a fixture: it runs, and its verdict is the promise's. */

import { expect, it } from 'vitest';
import { judge, run } from '../../bench/quality.mjs';

it('measures every method beside the float ranking', { timeout: 120_000 }, async () => {
  const { sets, results, promises } = await run({ quick: true });
  expect(sets).toMatchObject([{ database: 4500, queries: 500, columns: 32, classes: 10 }]);
  expect(results.map(({ method }) => method)).toEqual(['float', 'identity', 'random', 'itq', 'h2q']);
  for (const { precision100, meanAveragePrecision1000, neighbourRecall100, method } of results) {
    // One draw in ten would be right by chance.
    expect(precision100.median, method).toBeGreaterThan(0.2);
    expect(meanAveragePrecision1000.median, method).toBeGreaterThan(0.2);
    expect(neighbourRecall100.median, method).toBeGreaterThan(0.05);
    expect(precision100.highest, method).toBeLessThanOrEqual(1);
  }
  expect(results[0]?.neighbourRecall100.median).toBe(1);
  // Nothing was measured at the promised length.
  expect(promises).toEqual([]);
});

it.each([
  [[0.5, 0.6, 0.7, 0.695], true, 'holds'],
  [[0.5, 0.6, 0.7, 0.685], false, 'more than 0.01 below ITQ'],
  [[0.65, 0.6, 0.64, 0.65], false, 'not above sign'],
  [[0.5, 0.66, 0.64, 0.65], false, 'not above random rotation'],
] as const)('judges sign, random, ITQ and H²Q of %j: %s', (precisions, holds, words) => {
  const methods = ['identity', 'random', 'itq', 'h2q'] as const;
  const row = (method: (typeof methods)[number], precision: number, bits: number) => {
    const spread = { median: precision, lowest: 0, highest: 1, samples: 5 };
    return {
      set: 'a',
      bits,
      method,
      precision100: spread,
      meanAveragePrecision1000: spread,
      neighbourRecall100: spread,
    };
  };
  // What other lengths give is not promised.
  const others = methods.map((method) => row(method, 0.9, 32));
  const promises = judge([...others, ...methods.map((method, i) => row(method, precisions[i] ?? 0, 64))]);
  expect(promises).toMatchObject([{ set: 'a', holds, text: expect.stringContaining(words) }]);
});
