import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { Context } from '../../ts/cli/context.js';
import { sparkline, withProgress } from '../../ts/cli/progress.js';

/** Runs three steps under a bar and returns the result and what appeared on standard error. */
async function show(isTTY: boolean, fails = false) {
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  const context = { stderr } as unknown as Context;
  const result = await withProgress(context, 'fit', 1, async (update) => {
    update(1, { total: 3, note: '| loss 0.5' });
    update(3);
    if (fails) throw new Error('midway');
    return 'done';
  }).catch((error: Error) => error.message);
  stderr.end();
  return { result, text: (await stderr.toArray()).join('') };
}

it('shows a bar with its note on a terminal and shows the cursor again', async () => {
  for (const fails of [false, true]) {
    const { result, text } = await show(true, fails);
    expect(result).toBe(fails ? 'midway' : 'done');
    expect(text).toContain('fit ');
    expect(text.lastIndexOf('\x1b[?25h')).toBeGreaterThan(text.lastIndexOf('\x1b[?25l'));
    // No colour, so that NO_COLOR has nothing to switch off.
    expect(text.split('\x1b').filter((part) => /^\[[\d;]*m/.test(part))).toEqual([]);
  }
});

it('is silent anywhere else', async () => {
  expect(await show(false)).toEqual({ result: 'done', text: '' });
});

it.each<[number[], string]>([
  [[], ''],
  [[0.2], '▁'],
  [[3, 3, 3], '▁▁▁'],
  [[0, 1, 2, 3, 4, 5, 6, 7], '▁▂▃▄▅▆▇█'],
  [[0.9, 0.3, 0.25, 0.2], '█▂▁▁'],
  [[-1, 1], '▁█'],
])('the sparkline of %j is %s', (values, text) => {
  expect(sparkline(values)).toBe(text);
});

it('a sparkline shows the last twenty values', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(sparkline(values)).toBe(sparkline(values.slice(80)));
  expect(sparkline(values)).toMatch(/^█[▁-█]{18}▁$/);
});
