/** How soon long work stops: promises of latency, the best of three against twice the bound. */

import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import * as h2q from '../../ts/node/index.js';
import { seededRandom } from '../io/memory.js';

const COLUMNS = 1024;
const random = seededRandom(1);
const matrix = {
  data: Float32Array.from({ length: 3000 * COLUMNS }, () => random() - 0.5),
  columns: COLUMNS,
};

/** Milliseconds until the promise was rejected, and until all work had ended. */
async function abortAfter(milliseconds: number, options: h2q.FitOptions) {
  const vectors = await h2q.Vectors.from(matrix);
  const controller = new AbortController();
  const running = h2q.fit(vectors, { ...options, signal: controller.signal });
  await Promise.race([running, delay(milliseconds)]);
  const start = performance.now();
  controller.abort();
  await expect(running).rejects.toBe(controller.signal.reason);
  const rejected = performance.now() - start;
  await h2q.settled();
  return { rejected, stopped: performance.now() - start };
}

it.each([
  ['auto', 100, { epochs: 1000 }],
  ['auto', 700, { epochs: 1000 }],
  ['itq', 900, { method: 'itq', epochs: 1000 }],
  ['sgd', 400, { solver: 'sgd', epochs: 1000 }],
  ['a projection', 50, { bits: 64, epochs: 1000 }],
] as const)('%s stops within 250 ms at 1,024 dimensions, aborted after %i ms', async (_, after, options) => {
  const times = [];
  for (let i = 0; i < 3; i++) times.push(await abortAfter(after, options));
  expect(Math.min(...times.map((time) => time.rejected))).toBeLessThan(2 * 50);
  expect(Math.min(...times.map((time) => time.stopped))).toBeLessThan(2 * 250);
});
