/** The bench of the loss `neighbours`, on a fixture: it runs, and its verdict is the promise's. */

import { expect, it } from 'vitest';
import { judge, run } from '../../bench/neighbours.mjs';

it('measures every way to codes', { timeout: 120_000 }, async () => {
  const { rows, verdicts } = await run({ quick: true });
  expect(rows.filter(({ bits }) => bits === 16)).toHaveLength(8);
  expect(rows.filter(({ bits }) => bits === 32)).toHaveLength(12);
  for (const { recall100, asymmetric10, precision100, way } of rows) {
    for (const score of [recall100, asymmetric10, precision100]) {
      expect(score, way).toBeGreaterThan(0);
      expect(score, way).toBeLessThanOrEqual(1);
    }
  }
  expect(verdicts).toHaveLength(2);
});

it.each([
  [[0.6, 0.4, 0.5], []],
  [[0.5996, 0.3996, 0.491], []],
  [[0.5, 0.4, 0.5], ['recall']],
  [
    [0.6, 0.3, 0.48],
    ['asymmetric recall', 'precision'],
  ],
])('judges %j', ([recall100 = 0, asymmetric10 = 0, precision100 = 0], failures) => {
  const itq = {
    set: 'a',
    bits: 64,
    way: 'itq',
    recall100: 0.6,
    asymmetric10: 0.2,
    precision100: 0.5,
    seconds: 1,
  };
  const sign = { ...itq, way: 'sign', recall100: 0.1, asymmetric10: 0.4, precision100: 0.9 };
  const own = { ...itq, way: 'neighbours', recall100, asymmetric10, precision100 };
  const elsewhere = { ...itq, bits: 128, recall100: 1, asymmetric10: 1 };
  expect(judge([itq, sign, elsewhere, own]).map((verdict) => verdict.failures)).toEqual([failures]);
});
