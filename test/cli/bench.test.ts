/** `h2q bench`. */

import { expect, it } from 'vitest';
import { measureHamming } from '../../ts/node/index.js';
import { Workplace } from './h2q.js';

const work = new Workplace();
const small = ['bench', 'hamming', '--rows', '5000', '--queries', '7', '-k', '3', '--rounds', '3'];

it('bench hamming measures search tables, with their memory and the time to build them', async () => {
  const result = JSON.parse(await work.succeed(...small, '--method', 'mih', '--json'));
  expect(result).toMatchObject({ method: 'mih', bits: 64, buildSeconds: expect.any(Number) });
  expect(result.bytesPerCode).toBeGreaterThan(16);
  expect(await work.succeed(...small, '--method', 'mih')).toMatch(/tables built in +\d+\.\d\d s/);
});

it('bench hamming prints medians as JSON or a table', async () => {
  const flags = [
    '--bits',
    '128',
    '--data',
    'clustered',
    '--threads',
    '1',
    '--seed',
    '5',
    '--method',
    'linear',
  ];
  const result = JSON.parse(await work.succeed(...small, ...flags, '--json'));
  expect(result).toMatchObject({
    ...{ bits: 128, rows: 5000, queries: 7, k: 3, threads: 1, data: 'clustered', seed: 5, rounds: 3 },
    method: 'linear',
    kernel: expect.stringMatching(/^\w+$/),
  });
  const { singleQueryMilliseconds, batchCodesPerSecond, memoryReadBytesPerSecond, spread } = result;
  const [lowest, highest] = spread.singleQueryMilliseconds;
  expect(lowest).toBeGreaterThan(0);
  expect(lowest).toBeLessThanOrEqual(singleQueryMilliseconds);
  expect(singleQueryMilliseconds).toBeLessThanOrEqual(highest);
  // 5,000 codes take no second, and no machine reads a petabyte in one.
  expect(batchCodesPerSecond).toBeGreaterThan(5000);
  expect(memoryReadBytesPerSecond).toBeGreaterThan(1e6);
  expect(memoryReadBytesPerSecond).toBeLessThan(1e15);
  expect(result.singleQueryBytesPerSecond).toBeCloseTo((5000 * 16) / (singleQueryMilliseconds / 1e3), -3);

  const table = await work.succeed(...small);
  expect(table).toMatch(/^codes +5000 x 64 bits, uniform\nsearch +linear, kernel \w+, /);
  expect(table).toMatch(/\n7 queries +[\d.]+ G codes\/s \([\d.]+ to [\d.]+\)\n/);
});

it.each([
  [['--bits', '12'], 'h2q: --bits: 12 is not a positive multiple of 8'],
  [['--bits', '4294967288', '--data', 'clustered'], 'h2q: 20,000 centres of so many bits: cannot allocate'],
  [['--rows', '0'], "h2q: --rows: '0' is not a whole number between 1"],
  [['--data', 'real'], "h2q: --data: 'real' is not one of uniform, clustered"],
  [['--method', 'fast'], "h2q: --method: 'fast' is not one of auto, linear, mih"],
])('bench hamming %j is refused', async (flags, message) => {
  const { code, stderr } = await work.run(...small, ...flags);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

it('a measurement ends at an abort', async () => {
  const controller = new AbortController();
  const running = measureHamming({
    ...{ bits: 64, rows: 5000, queries: 4, k: 1, rounds: 1_000_000, signal: controller.signal },
    onProgress: () => controller.abort(new Error('enough')),
  });
  await expect(running).rejects.toThrow('enough');
});
