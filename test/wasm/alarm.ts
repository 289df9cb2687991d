/** Rejections that nobody handles: they end a program of Node. */

import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';

/** Runs `work`, and fails if a promise was rejected meanwhile without anybody to tell. */
export async function noAlarm(work: () => Promise<unknown>): Promise<void> {
  const seen: unknown[] = [];
  const note = (reason: unknown) => void seen.push(reason);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', note);
  try {
    await work();
    await delay(20);
  } finally {
    process.off('unhandledRejection', note);
    for (const other of others) process.on('unhandledRejection', other);
  }
  expect(seen).toEqual([]);
}
