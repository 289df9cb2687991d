/**
 * One description of an operation, two ways to run it. An operation is a generator that yields calls
 * of the backend; `run` awaits their promises, `runSync` makes their blocking twins.
 */

import { runAbortable } from './abort.js';
import type { CancelToken, Releasable } from './backend.js';
import { toH2qError } from './errors.js';
import { platform } from './platform.js';

/** A step of an operation, in both forms. */
export interface Step {
  sync(): unknown;
  async(cancel: CancelToken): Promise<unknown>;
  /** Whether an abort waits for its outcome: what it has changed is changed. */
  isChange?: boolean;
}

/** An operation that ends with a `T`. */
export type Work<T> = Generator<Step, T, unknown>;

/** One call of the backend, inside an operation: `const codes = yield* call(…)`. */
export function* call<T>(sync: () => T, async: (cancel: CancelToken) => Promise<T>): Work<T> {
  return (yield { sync, async }) as T;
}

/** {@link call} for a change, which an abort does not give up once it has begun. */
export function* change<T>(sync: () => T, async: () => Promise<T>): Work<T> {
  return (yield { sync, async, isChange: true }) as T;
}

/** Releases what work was given, however it ends. */
export function* releasing<T>(things: readonly (Releasable | null | undefined)[], work: Work<T>): Work<T> {
  try {
    return yield* work;
  } finally {
    for (const thing of things) thing?.release?.();
  }
}

/** Lets the event loop turn between two slices; nothing to do in a blocking run. */
export function pause(): Work<void> {
  return call(
    () => {},
    () => platform().nextTurn(),
  );
}

/** Runs to the end in this turn of the event loop. */
export function runSync<T>(work: Work<T>): T {
  try {
    let state = work.next();
    while (!state.done) {
      let result: unknown;
      try {
        result = state.value.sync();
      } catch (error) {
        state = work.throw(toH2qError(error));
        continue;
      }
      state = work.next(result);
    }
    return state.value;
  } catch (error) {
    throw toH2qError(error);
  }
}

/** Runs without blocking the event loop; rejects with `signal.reason` when the signal aborts. */
export async function run<T>(work: Work<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  try {
    let state = work.next();
    while (!state.done) {
      let result: unknown;
      try {
        const { async, isChange } = state.value;
        signal?.throwIfAborted();
        result = await runAbortable(isChange ? undefined : signal, async);
      } catch (error) {
        if (isReason(error, signal)) {
          work.return(undefined as T);
          throw error;
        }
        state = work.throw(error);
        continue;
      }
      state = work.next(result);
    }
    return state.value;
  } catch (error) {
    throw isReason(error, signal) ? error : toH2qError(error);
  }
}

/** The reason of an abort belongs to the caller and passes through untouched. */
function isReason(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && error === signal.reason;
}
