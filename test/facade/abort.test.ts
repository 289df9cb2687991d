import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { runAbortable, settled } from '../../ts/abort.js';
import type { CancelToken } from '../../ts/backend.js';
import { H2qError } from '../../ts/errors.js';
import { coreError, type FakeState, untilCancelled, useFakePlatform } from './fake-platform.js';

let state: FakeState;
beforeEach(() => {
  state = useFakePlatform();
});

it('without an abort the result and the errors of the work come through', async () => {
  const { signal } = new AbortController();
  expect(await runAbortable(signal, async () => 7)).toBe(7);
  expect(await runAbortable(undefined, async () => 8)).toBe(8);
  const failing = () => Promise.reject(coreError('MISMATCH', 'no match', { expected: 1 }));
  for (const maybe of [signal, undefined]) {
    const error = await runAbortable(maybe, failing).catch((caught) => caught);
    expect(error).toBeInstanceOf(H2qError);
    expect(error).toMatchObject({ code: 'MISMATCH', message: 'no match', details: { expected: 1 } });
  }
});

describe('an abort', () => {
  it('sets the token and rejects at once with the reason; settled() waits for the stop', async () => {
    const controller = new AbortController();
    let hasStopped = false;
    const work = (cancel: CancelToken) =>
      untilCancelled(cancel, 150).finally(() => {
        hasStopped = true;
      });
    const running = runAbortable(controller.signal, work);
    await delay(20);

    const abortedAt = performance.now();
    controller.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    expect(performance.now() - abortedAt).toBeLessThan(50);
    expect(state.tokens.map((token) => token.isCancelled)).toEqual([true]);
    expect(hasStopped).toBe(false);

    await settled();
    expect(hasStopped).toBe(true);
  });

  it("keeps the caller's own reason, whatever it is", async () => {
    for (const reason of [new Error('mine'), 'text', coreError('MISMATCH', 'looks like ours')]) {
      const controller = new AbortController();
      const running = runAbortable(controller.signal, untilCancelled);
      controller.abort(reason);
      expect(await running.catch((caught: unknown) => caught)).toBe(reason);
    }
    await settled();
  });

  it('before the start runs nothing', async () => {
    let started = false;
    const start = async () => {
      started = true;
    };
    await expect(runAbortable(AbortSignal.abort(), start)).rejects.toMatchObject({ name: 'AbortError' });
    expect(started).toBe(false);
  });

  it('after the end changes nothing and leaves no listener', async () => {
    const controller = new AbortController();
    await runAbortable(controller.signal, async () => 1);
    controller.abort();
    expect(state.tokens[0]?.isCancelled).toBe(false);
  });

  it('a timeout is a TimeoutError, as with fetch', async () => {
    const running = runAbortable(AbortSignal.timeout(5), untilCancelled);
    await expect(running).rejects.toMatchObject({ name: 'TimeoutError' });
    await settled();
  });
});

it('settled() without stopping work resolves', async () => {
  await settled();
});
