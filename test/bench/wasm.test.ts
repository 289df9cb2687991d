/** One small round of the bench of WASM: both backends do the work, and find the same. */

import { expect, it } from 'vitest';
import { run } from '../../bench/wasm.mjs';
import { skipWithoutWasm } from '../wasm.js';

skipWithoutWasm();

it('does the same work on both backends', { timeout: 120_000 }, async () => {
  const { results } = await run({ quick: true });
  expect(results.map(({ work }) => work)).toContain('scan 64 bits, 64 queries');
  for (const { work, native, wasm, shareOfNative } of results) {
    expect(native.samples, work).toBe(1);
    expect(shareOfNative, work).toBeCloseTo(native.median / wasm.median, 10);
  }
});
