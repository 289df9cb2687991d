/**
 * Blocking work in slices. The same generator runs at once for a `Sync` method and, for a promise, with
 * turns of the event loop between its slices: so both give the same to the last bit.
 */

import type { CancelToken } from '../backend.js';
import { H2qError } from '../errors.js';
import { platform } from '../platform.js';

/**
 * Work that yields between its slices. What comes before the first `yield` runs when the work is asked
 * for: there it takes its share of what others may free meanwhile.
 */
export type Slices<T> = Generator<void, T, void>;

/** Milliseconds of work between two turns of the event loop. */
const BETWEEN_TURNS = 8;

export class WasmCancelToken implements CancelToken {
  isCancelled = false;
  #fire = () => {};
  /** Resolves when it fires. */
  readonly fired = new Promise<void>((resolve) => {
    this.#fire = resolve;
  });

  cancel(): void {
    this.isCancelled = true;
    this.#fire();
  }
}

/** What `waiting` comes to; `ABORTED` as soon as `cancel` fires, whatever becomes of it. */
export function orAborted<T>(waiting: Promise<T>, cancel?: CancelToken): Promise<T> {
  if (!(cancel instanceof WasmCancelToken)) return waiting;
  return Promise.race([waiting, cancel.fired.then(aborted)]);
}

export function isCancelled(cancel?: CancelToken): boolean {
  return cancel instanceof WasmCancelToken && cancel.isCancelled;
}

function aborted(): never {
  throw new H2qError('ABORTED', 'aborted');
}

/** Runs to the end in this turn. */
export function atOnce<T>(work: Slices<T>): T {
  let state = work.next();
  while (!state.done) state = work.next();
  return state.value;
}

/** Runs in later turns; rejects with `ABORTED` once `cancel` fires. */
export async function inTurns<T>(work: Slices<T>, cancel?: CancelToken): Promise<T> {
  let state = work.next();
  let until = Number.NEGATIVE_INFINITY;
  try {
    while (!state.done) {
      if (performance.now() >= until) {
        await platform().nextTurn();
        until = performance.now() + BETWEEN_TURNS;
      }
      if (isCancelled(cancel)) aborted();
      state = work.next();
    }
    return state.value;
  } finally {
    // Lets go of what the work holds when it ends early; after its end this does nothing.
    work.return(undefined as T);
  }
}

/** A single slice, in a later turn. */
export function later<T>(work: () => T, cancel?: CancelToken): Promise<T> {
  return inTurns(whole(work), cancel);
}

function* whole<T>(work: () => T): Slices<T> {
  yield;
  return work();
}
