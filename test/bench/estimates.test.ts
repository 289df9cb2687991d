/** The bench of estimates, on a fixture: it runs, and its figures are what they must be. */

import { expect, it } from 'vitest';
import { run } from '../../bench/estimates.mjs';
import { normalised } from '../../bench/lib/labelled.mjs';

it('measures recall and errors of every way', { timeout: 120_000 }, async () => {
  const { rows } = await run({ quick: true });
  const own = rows.filter(({ rabitq }) => rabitq === undefined);
  expect(own.map(({ bits }) => bits)).toEqual([16, 16, 16, 16, 32, 32, 32, 32]);
  for (const { way, bits, plain, euclidean } of own) {
    const { recall, errors } = euclidean!;
    // Of classes that lie around a common direction: the norms say what the signs do not.
    expect(recall, way).toBeGreaterThan(plain!);
    expect(recall, way).toBeLessThanOrEqual(1);
    expect(errors === undefined).toBe(bits === 16);
    if (errors === undefined) continue;
    expect(errors.rms, way).toBeGreaterThan(Math.abs(errors.bias));
    expect(errors.rms, way).toBeLessThan(0.3);
  }
});

it('brings rows to norm 1', () => {
  const data = Float32Array.of(3, 4, 0, -2);
  normalised(data, 2);
  expect([...data]).toEqual([Math.fround(0.6), Math.fround(0.8), 0, -1]);
});
