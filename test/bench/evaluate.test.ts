/** The bench of judging codes, on few rows: it runs, and what it times finds what plain loops find. */

import { expect, it } from 'vitest';
import { run } from '../../bench/evaluate.mjs';
import { meanAveragePrecision } from '../../bench/lib/naive-metrics.mjs';

it('times every rule for ties beside loops that find the same', { timeout: 60_000 }, async () => {
  const { results } = await run({ quick: true });
  const works = ['expected', 'id', 'float', 'cosine'].flatMap((ties) => [
    `evaluate, ${ties}, at 1000`,
    `evaluate, ${ties}, at all`,
  ]);
  expect(results.map(({ work }) => work)).toEqual([
    ...works,
    'evaluateCosine, at 1000',
    'loops of JavaScript',
  ]);
  for (const { seconds, timesLoops, work } of results) {
    expect(seconds.median, work).toBeGreaterThan(0);
    expect(timesLoops === null, work).toBe(work !== 'evaluate, id, at all');
  }
});

it('the loops are right by hand', () => {
  // Distances 1, 0, 2 and 1 from the query; rows 0 and 2 are relevant, at ranks 2 and 4.
  const database = { data: Uint8Array.from([1, 0, 3, 2]), bits: 8 };
  const labels = [Int32Array.from([5, 6, 5, 6]), Int32Array.from([5])];
  expect(meanAveragePrecision([database, { data: Uint8Array.from([0]), bits: 8 }], labels)).toBe(0.5);
});
