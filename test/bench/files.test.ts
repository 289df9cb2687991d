/** The bench of files: a small run of it, and what it takes for a ratio. */

import { expect, it, vi } from 'vitest';
import { run } from '../../bench/files.mjs';
import { madeUp } from '../../bench/lib/made-up-bytes.mjs';

it('a small run measures everything and keeps nothing', { timeout: 120_000 }, async () => {
  const said = vi.spyOn(console, 'log').mockImplementation(() => {});
  const { appends, small, large, encode } = await run({ quick: true });
  const text = said.mock.calls.join('\n');
  said.mockRestore();
  expect(appends.ratio.median).toBeCloseTo(
    appends.appendMilliseconds.median / appends.plainMilliseconds.median,
    10,
  );
  expect(small.openMappedMilliseconds.samples).toBe(5);
  expect(Object.keys(large.milliseconds)).toEqual(
    expect.arrayContaining(['warmOpen', 'warmFirstSearch', 'warmSecondSearch', 'warmVerify']),
  );
  expect(encode.bytes).toBe(128 + encode.rows * encode.columns * 4);
  expect(encode.peakBytes).toBeGreaterThan(2 ** 20);
  expect(text).toContain('x plain');
  expect(text).not.toContain('record:');
});

it('made-up bytes follow from their seed', () => {
  expect(madeUp(1000, 1)).toEqual(madeUp(1000, 1));
  expect(madeUp(1000, 1)).not.toEqual(madeUp(1000, 2));
  const ones = madeUp(80_000, 3).reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
  expect(ones / 640_000).toBeCloseTo(0.5, 2);
});
