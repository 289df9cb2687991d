/** Fits in the second module leave the event loop its turns, and stop soon after an abort on the same thread. */

import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CancelToken } from '../../ts/backend.js';
import { randomMatrix } from '../conformance/matrices.js';
import { skipWithoutWasm } from '../wasm.js';
import { fresh, replacing } from './fresh.js';

skipWithoutWasm();

/** Of seconds in all, most of them for the nearest of each row. */
const vectors = randomMatrix(8000, 2, 128);
const OPTIONS = { loss: 'neighbours', bits: 64, epochs: 2, seed: 3 } as const;
/** Milliseconds that nothing else may have to wait. */
const BOUND = 50;

let h2q: Awaited<ReturnType<typeof fresh>>;
beforeAll(async () => {
  h2q = await fresh();
  await h2q.init();
  await h2q.initNeighbours();
});

/** The best of three, as other programs on the machine may stand in the way. */
async function bestOfThree(measure: () => Promise<number>): Promise<number> {
  return Math.min(await measure(), await measure(), await measure());
}

it('a timer is never late, from the start of a fit to its end', async () => {
  const longest = async () => {
    const gaps: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
    }, 1);
    await h2q.fit(vectors, OPTIONS);
    clearInterval(timer);
    expect(gaps.length).toBeGreaterThan(50);
    return Math.max(...gaps);
  };
  expect(await bestOfThree(longest)).toBeLessThan(2 * BOUND);
}, 60_000);

describe('an abort by a timer stops a fit soon', () => {
  /**
   * Milliseconds from when a timer should have aborted, some time after the call or the first epoch, until all stands
   * still. `part` is what must have been under way.
   */
  async function untilStopped(part: string, afterEpoch: boolean): Promise<number> {
    const controller = new AbortController();
    let due = 0;
    let calls = 0;
    const abortLater = () => {
      due = performance.now() + 150;
      setTimeout(() => controller.abort(), 150);
    };
    const counted = (real: (...args: unknown[]) => unknown, ...args: unknown[]) => {
      calls++;
      return real(...args);
    };
    let stopped = 0;
    await replacing({ [part]: counted }, async () => {
      const onProgress = () => void (afterEpoch && abortLater());
      if (!afterEpoch) abortLater();
      const running = h2q.fit(vectors, { ...OPTIONS, onProgress, signal: controller.signal });
      await expect(running).rejects.toMatchObject({ name: 'AbortError' });
      await h2q.settled();
      stopped = performance.now();
      const before = calls;
      await delay(20);
      expect([calls > 0, calls]).toEqual([true, before]);
    });
    return stopped - due;
  }

  it('in its preparation', async () => {
    const inPreparation = () => untilStopped('fit_preparePart', false);
    expect(await bestOfThree(inPreparation)).toBeLessThan(2 * BOUND);
  });

  it('in an epoch', async () => {
    const inEpoch = () => untilStopped('fit_stepPart', true);
    expect(await bestOfThree(inEpoch)).toBeLessThan(2 * BOUND);
  }, 60_000);
});

it('a fit after one that was aborted, or in turns with another, is the same as any', async () => {
  const options = { ...OPTIONS, bits: 16 };
  const small = randomMatrix(600, 4, 32);
  const controller = new AbortController();
  const aborted = h2q.fit(small, { ...options, signal: controller.signal });
  setTimeout(() => controller.abort(), 5);
  const both = [h2q.fit(small, options), h2q.fit(small, options)];
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
  const { fingerprint } = h2q.fitSync(small, options).model;
  for (const { model } of await Promise.all(both)) expect(model.fingerprint).toBe(fingerprint);
});

it('what was aborted between two parts goes on from there when it is asked for again', async () => {
  const { backend } = await import('../../ts/platform.js');
  const inputs = randomMatrix(2000, 4, 64);
  const { core } = await h2q.Vectors.from(inputs);
  const fit = backend().createFit(core, null, { ...OPTIONS }, null, null);
  const never = backend().createCancelToken();
  const stopped = async (work: (cancel: CancelToken) => Promise<unknown>) => {
    const cancel = backend().createCancelToken();
    setTimeout(() => cancel.cancel(), 1);
    await expect(work(cancel)).rejects.toMatchObject({ code: 'ABORTED' });
  };
  await fit.takeOver?.(never);
  await stopped((cancel) => fit.prepare(cancel));
  await fit.prepare(never);
  const epochs: number[] = [];
  while (!fit.done) {
    await stopped((cancel) => fit.step(1, cancel));
    for (const { epoch } of await fit.step(1, never)) epochs.push(epoch);
  }
  expect(epochs).toEqual([1, 2]);
  const model = await fit.finish(never);
  expect(model.fingerprint).toBe(h2q.fitSync(inputs, OPTIONS).model.fingerprint);
  fit.release?.();
});
