/** Ctrl-C: exit code 130 within a second, no partial file. */

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../outcome.js';
import { Workplace } from './h2q.js';

const work = new Workplace();

/** Interrupts a command that is known to be busy and checks how it ends. */
async function interrupt(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals, busyAfter: number) {
  const outcome = outcomeOf(child);
  await delay(busyAfter);
  expect(child.exitCode, 'still at work').toBeNull();
  const interruptedAt = performance.now();
  child.kill(signal);
  const { code, stdout, stderr } = await outcome;
  expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: '', stderr: 'h2q: interrupted\n' });
  expect(performance.now() - interruptedAt).toBeLessThan(1000);
}

describe.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  it('in a fit', async () => {
    work.writeVectors('x.npy', 4000, 64);
    const child = work.start('fit', 'x.npy', '-o', 'm', '--solver', 'sgd', '--epochs', '1000000');
    await interrupt(child, signal, 1500);
    expect(work.list()).toEqual(['x.npy']);
  });

  it('in a search', async () => {
    const codes = new Uint8Array(300_000 * 128).map((_, i) => (i * 2654435761) >>> 24);
    work.writeNpy('c.npy', 'u1', [300_000, 128], codes);
    work.writeNpy('q.npy', 'u1', [40_000, 128], codes.subarray(0, 40_000 * 128));
    const child = work.start(
      'search',
      'c.npy',
      'q.npy',
      '-k',
      '10',
      '--ids',
      'i.npy',
      '--distances',
      'd.npy',
    );
    await interrupt(child, signal, 1500);
    expect(work.list()).toEqual(['c.npy', 'q.npy']);
  });
});

it.skipIf(process.platform === 'win32')(
  'two signals at once, as npm delivers them, still clean up',
  async () => {
    work.writeVectors('x.npy', 4000, 64);
    const child = work.start('fit', 'x.npy', '-o', 'm', '--solver', 'sgd', '--epochs', '1000000');
    setTimeout(() => child.kill('SIGINT'), 1495);
    await interrupt(child, 'SIGINT', 1500);
    expect(work.list()).toEqual(['x.npy']);
  },
);
