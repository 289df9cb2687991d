/** A page under a strict policy, without any header a server would have to send: it fits and searches in a worker. */

import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as native from '../../ts/node/index.js';
import { randomMatrix } from '../conformance/matrices.js';
import type { StrictScenarios } from './app/strict.js';
import { buildPages } from './build.js';
import { newPage, obstacle, skipWithoutChromium, type WatchedPage } from './chromium.js';
import { player } from './play.js';
import { serve } from './server.js';

const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";

skipWithoutChromium();

let folder: string;
beforeAll(async () => {
  if (obstacle === undefined) folder = await buildPages('strict');
});

// A page's own element does not bind its workers; a header that comes with their script does.
describe.each([
  ['of a page alone', {}],
  ['of the worker, too', { 'Content-Security-Policy': POLICY }],
])('under a policy %s', (_, headers: Record<string, string>) => {
  let watched: WatchedPage;
  let play: ReturnType<typeof player<StrictScenarios>>;

  beforeAll(async () => {
    if (obstacle !== undefined) return;
    watched = await newPage();
    await watched.page.goto(`${await serve(folder, headers)}/strict.html`);
    play = player<StrictScenarios>(watched.page);
  });
  afterEach(() => expect(watched?.complaints.splice(0) ?? []).toEqual([]));

  it('is not isolated, and shares no memory', async () => {
    expect(await play('surroundings')).toEqual({ isIsolated: false, hasShared: false });
  });

  it('the policy is in force', async () => {
    expect(await play('runsText')).toBe(false);
  });

  it('fits with progress, encodes, and finds what native finds', async () => {
    const { backend, losses, epochs, model, codes, hits } = await play('fitAndSearch');
    expect([backend, losses.length]).toEqual(['wasm', epochs]);
    expect(epochs).toBeGreaterThan(1);
    const here = native.Model.fromBytes(model);
    const index = native.HammingIndex.buildSync(codes);
    expect(index.searchSync(here.encodeSync(randomMatrix(50, 2)), 10)).toEqual(hits);
  });

  it('fits by the loss neighbours', async () => {
    const { loss, model } = await play('fitNeighbours');
    expect(loss).toBe('neighbours');
    expect(native.Model.fromBytes(model).summary).toMatchObject({ loss: 'neighbours', bits: 16 });
  });

  it('aborts within 100 ms, and goes on working', async () => {
    const aborts = [await play('abort'), await play('abort'), await play('abort')];
    for (const { name, bitsAfter } of aborts) expect([name, bitsAfter]).toEqual(['AbortError', 16]);
    expect(Math.min(...aborts.map(({ milliseconds }) => milliseconds))).toBeLessThan(100);
  });

  it('says what is wrong with a file', async () => {
    expect(await play('badFile')).toMatchObject({
      isOurs: true,
      code: 'FILE_FORMAT',
      message: expect.stringMatching(/^mine\.npy: /),
      details: { file: 'mine.npy' },
    });
  });

  it('stays responsive during a fit: no task of the main thread takes more than 50 ms', async () => {
    expect(await play('longestTaskOfStandstill')).toBeGreaterThan(50);
    const fits: Awaited<ReturnType<StrictScenarios['longestTaskOfFit']>>[] = [];
    // One that something else on this machine has held up is not held against the page.
    while (fits.length < 3 && !fits.some(({ longest }) => longest === 0)) {
      fits.push(await play('longestTaskOfFit'));
    }
    expect(fits.map(({ reports }) => reports > 1)).not.toContain(false);
    expect(Math.min(...fits.map(({ longest }) => longest))).toBeLessThanOrEqual(50);
  });
});
