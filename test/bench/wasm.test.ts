/** The bench of WASM: a small round of it in every place, and what it takes for the same. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { agree } from '../../bench/lib/backend-work.mjs';
import { compare, run } from '../../bench/wasm.mjs';
import { obstacle } from '../browser/chromium.js';
import { skipWithoutWasm } from '../wasm.js';

describe('a small round', () => {
  skipWithoutWasm();
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('does the same work natively, on WASM in Node and in Chromium', { timeout: 120_000 }, async ({
    skip,
  }) => {
    if (obstacle !== undefined) skip(obstacle);
    const { results, chromium } = await run({ quick: true });
    expect(chromium).toMatch(/^\d+\.\d+/);
    expect(results.map(({ work }) => work)).toContain('scan 64 bits, 64 queries');
    for (const { work, seconds, shareOfNative } of results) {
      expect(Object.keys(seconds), work).toEqual(['native', 'wasm', 'chromium']);
      expect(Object.keys(shareOfNative), work).toEqual(['wasm', 'chromium']);
      expect(shareOfNative['chromium'], work).toBeCloseTo(
        seconds['native']!.median / seconds['chromium']!.median,
        10,
      );
    }
  });

  it('leaves Chromium out where there is none, and says so', { timeout: 120_000 }, async () => {
    vi.stubEnv('H2Q_CHROMIUM', '/none');
    const said = vi.spyOn(console, 'log');
    const { results, chromium } = await run({ quick: true });
    expect(chromium).toBeNull();
    expect(results.map(({ seconds }) => Object.keys(seconds))).toContainEqual(['native', 'wasm']);
    const text = said.mock.calls.join('\n');
    expect(text).toContain('There is no Chromium');
    expect(text).not.toContain('WASM in Chromium');
  });
});

describe('rounds', () => {
  /** A place that notes its turns. */
  const place = (name: string, turns: string[], seconds: number[], found: number | string) => ({
    name,
    title: name,
    measure: () => {
      turns.push(name);
      return { scan: { seconds: seconds.shift()!, found } };
    },
  });

  it('take turns, and give medians', async () => {
    const turns: string[] = [];
    const places = [place('native', turns, [1, 9, 2], 'same'), place('wasm', turns, [4, 1, 8], 'same')];
    expect(await compare(places, 3, true)).toEqual([
      {
        work: 'scan',
        seconds: {
          native: { median: 2, lowest: 1, highest: 9, samples: 3 },
          wasm: { median: 4, lowest: 1, highest: 8, samples: 3 },
        },
        shareOfNative: { wasm: 0.5 },
      },
    ]);
    expect(turns).toEqual(['native', 'wasm', 'native', 'wasm', 'native', 'wasm']);
  });

  it('that differ are refused', async () => {
    const places = [place('native', [], [1], 'hits'), place('wasm', [], [1], 'other hits')];
    await expect(compare(places, 1, true)).rejects.toThrow('scan: not every place has found the same');
  });
});

it.each([
  [true, ['a', 'a', 'a']],
  [false, ['a', 'a', 'b']],
  // To four decimals these are 0.1234 and 0.1235.
  [true, [0.12345 - 1e-9, 0.12345 + 1e-9]],
  [true, [100, 100.009]],
  [false, [0.1, 0.10002]],
  [false, [0.1, Number.NaN]],
  [false, [0.1, '0.1']],
])('whether they agree: %s, %j', (isSo, found) => {
  expect(agree(found)).toBe(isSo);
});
