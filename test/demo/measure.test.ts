/** The demo's own arithmetic. */

import { describe, expect, it } from 'vitest';
import { curveCutOffs, scaledL2Loss } from '../../ts/demo/measure.js';
import { randomValues } from '../cli/h2q.js';

describe('scaledL2Loss', () => {
  /** By the definition, in float64: the mean of (z − sgn z)² over rows stretched to norm √columns. */
  function naive(data: Float32Array, columns: number): number {
    const terms: number[] = [];
    for (let start = 0; start < data.length; start += columns) {
      const row = [...data.slice(start, start + columns)];
      let squares = 0;
      for (const z of row) squares += z ** 2;
      for (const z of row) {
        const scaled = (z / Math.sqrt(squares)) * Math.sqrt(columns);
        terms.push((scaled - (z >= 0 ? 1 : -1)) ** 2);
      }
    }
    return terms.reduce((sum, term) => sum + term, 0) / terms.length;
  }

  it.each([
    [1, 1],
    [1, 64],
    [33, 7],
    [200, 64],
  ])('%d x %d is what the definition says', (rows, columns) => {
    const data = randomValues(rows * columns, rows);
    expect(scaledL2Loss({ data, columns })).toBeCloseTo(naive(data, columns), 12);
  });

  it('is 0 for corners of the cube, whatever the length of each row', () => {
    expect(scaledL2Loss({ data: Float32Array.from([3, -3, 0.5, 0.5, -7, -7]), columns: 2 })).toBeCloseTo(
      0,
      12,
    );
  });

  it('by hand: 3, −4 has norm 5; a row of zeros is one away from every sign', () => {
    const [a, b] = [(3 * Math.SQRT2) / 5 - 1, (4 * Math.SQRT2) / 5 - 1];
    const wanted = (a * a + b * b + 1 + 1) / 4;
    expect(scaledL2Loss({ data: Float32Array.from([3, -4, 0, 0]), columns: 2 })).toBeCloseTo(wanted, 12);
  });
});

describe('curveCutOffs', () => {
  it.each([1, 2, 3, 10, 40, 1000, 60_000, 4_000_000_000])('of %d rows', (rows) => {
    const cutOffs = curveCutOffs(rows);
    expect([cutOffs[0], cutOffs.at(-1)]).toEqual([1, rows]);
    expect(cutOffs.every(Number.isInteger)).toBe(true);
    expect(cutOffs).toEqual([...new Set(cutOffs)].sort((a, b) => a - b));
    expect(cutOffs.length).toBeLessThanOrEqual(40);
  });

  it('are evenly spaced by ratio', () => {
    const cutOffs = curveCutOffs(1_000_000);
    const step = 1_000_000 ** (1 / 39);
    for (const [i, cutOff] of cutOffs.entries()) {
      const before = cutOffs[i - 1];
      // Rounding moves small numbers by more than the step.
      if (before !== undefined && before >= 100) expect(cutOff / before).toBeCloseTo(step, 1);
    }
    expect(cutOffs.filter((cutOff) => cutOff >= 100).length).toBeGreaterThan(20);
  });
});
