/** Fits in the second module that are stopped, and what they hold of the memory of the whole one. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { randomMatrix } from '../conformance/matrices.js';
import { skipWithoutWasm } from '../wasm.js';
import { fresh, RANKS, replacing } from './fresh.js';

skipWithoutWasm();
afterEach(() => vi.restoreAllMocks());

let h2q: Awaited<ReturnType<typeof fresh>>;
/** Handles to vectors of the whole module that there are. */
let handles: () => number;
let controller: AbortController;

beforeEach(async () => {
  h2q = await fresh();
  await h2q.init();
  await h2q.initNeighbours();
  controller = new AbortController();
  // The same glue as that of the entry.
  const { Vectors, VectorsBuilder } = (await import('../../wasm/whole/h2q.js')) as unknown as Glue;
  const made = [vi.spyOn(Vectors.prototype, 'share'), vi.spyOn(VectorsBuilder.prototype, 'finish')];
  const freed = vi.spyOn(Vectors.prototype, 'free');
  handles = () => made.reduce((sum, { mock }) => sum + mock.calls.length, -freed.mock.calls.length);
});

interface Glue {
  Vectors: { prototype: { share(): unknown; free(): void } };
  VectorsBuilder: { prototype: { finish(): unknown } };
}

// Of 9 MiB, which is three slices.
const large = randomMatrix(9216, 4, 256);
const small = randomMatrix(300, 5, 256);

/** Counts calls of an export, after each of which `then` is called. */
function counting(then: () => void = () => {}) {
  const counted = (real: (...args: unknown[]) => unknown, ...args: unknown[]) => {
    counted.calls++;
    const result = real(...args);
    then();
    return result;
  };
  counted.calls = 0;
  return counted;
}

it('an abort while vectors are copied ends the copy and gives the shares back', async () => {
  const vectors = await h2q.Vectors.from(large);
  const before = handles();
  const vectorsbuilder_push = counting(() => controller.abort());
  const fit_new = counting();
  await replacing({ vectorsbuilder_push, fit_new }, async () => {
    const running = h2q.fit(vectors, { ...RANKS, validation: small, signal: controller.signal });
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    await h2q.settled();
  });
  expect([vectorsbuilder_push.calls, fit_new.calls]).toEqual([1, 0]);
  expect(vectors.isReleased).toBe(false);
  // That of the validation vectors is the garbage collector's.
  expect(handles() - before).toBeLessThanOrEqual(1);
});

it('an abort at the last slice of the copy begins no fit', async () => {
  const vectorsbuilder_push = counting(() => controller.abort());
  const fit_new = counting();
  await replacing({ vectorsbuilder_push, fit_new }, async () => {
    const running = h2q.fit(small, { ...RANKS, signal: controller.signal });
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    await h2q.settled();
  });
  expect([vectorsbuilder_push.calls, fit_new.calls]).toEqual([1, 0]);
});

it('an abort before the preparation, an epoch or the end leaves that out', async () => {
  const abortNext = () => void setImmediate(() => controller.abort());
  const stopped = async (onProgress: () => void, replaced: Parameters<typeof replacing>[0]) => {
    controller = new AbortController();
    await replacing(replaced, async () => {
      const running = h2q.fit(small, { ...RANKS, onProgress, signal: controller.signal });
      await expect(running).rejects.toMatchObject({ name: 'AbortError' });
      await h2q.settled();
    });
  };
  const fit_preparePart = counting();
  await stopped(() => {}, { fit_new: counting(abortNext), fit_preparePart });
  expect(fit_preparePart.calls).toBe(0);

  const fit_stepPart = counting();
  let before = 0;
  const abortAfterEpoch = () => {
    before = fit_stepPart.calls;
    abortNext();
  };
  await stopped(abortAfterEpoch, { fit_stepPart });
  expect(before).toBeGreaterThan(20);
  expect(fit_stepPart.calls).toBe(before);

  const fit_finishPart = counting();
  let epochs = 0;
  await stopped(() => ++epochs === RANKS.epochs && abortNext(), { fit_finishPart });
  expect([epochs, fit_finishPart.calls]).toEqual([2, 0]);
});

it.each([false, true])(
  'the whole module has no copy once it is handed over (release: %s)',
  async (release) => {
    const held = await h2q.Vectors.from(small);
    const kept = handles();
    const seen: number[] = [];
    const fit_preparePart = (real: (...args: unknown[]) => unknown, ...args: unknown[]) => {
      seen.push(handles() - kept);
      return real(...args);
    };
    await replacing({ fit_preparePart }, async () => {
      await h2q.fit(small, { ...RANKS, validation: randomMatrix(40, 6, 256) });
      await h2q.fit(held, { ...RANKS, validation: small, release });
    });
    // In each of many parts of both.
    expect(seen.length).toBeGreaterThan(40);
    expect([...new Set(seen)]).toEqual(release ? [0, -1] : [0]);
    expect(held.isReleased).toBe(release);
  },
);
