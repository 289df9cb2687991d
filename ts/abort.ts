/** Aborting running work: the promise rejects at once, the work itself stops at its next block. */

import type { CancelToken } from './backend.js';
import { toH2qError } from './errors.js';
import { backend } from './platform.js';

/** Work whose promise was rejected by a signal but which may still be running. */
const stopping = new Set<Promise<unknown>>();

/**
 * Runs `start` until it ends or `signal` aborts, whichever comes first.
 *
 * Rejects with `signal.reason` on an abort, without waiting for the work to stop, and before any work
 * when the signal has aborted already. Errors of the backend arrive as `H2qError`.
 */
export async function runAbortable<T>(
  signal: AbortSignal | undefined,
  start: (cancel: CancelToken) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const cancel = backend().createCancelToken();
  const work = (async () => start(cancel))().catch((error) => {
    throw toH2qError(error);
  });
  if (!signal) return work;

  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      cancel.cancel();
      rememberUntilStopped(work);
      reject(signal.reason);
    };
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Waits until everything that was aborted has really stopped. Exit paths use it; never rejects. */
export async function settled(): Promise<void> {
  while (stopping.size > 0) await Promise.all(stopping);
}

function rememberUntilStopped(work: Promise<unknown>): void {
  const forget = () => {
    stopping.delete(stopped);
  };
  const stopped: Promise<void> = work.then(forget, forget);
  stopping.add(stopped);
}
