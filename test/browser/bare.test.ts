/** Workers without a document that use the package by themselves, as Vite bundles them. */

import { afterEach, beforeAll, expect, it } from 'vitest';
import * as native from '../../ts/node/index.js';
import { randomMatrix } from '../conformance/matrices.js';
import type { BareScenarios } from './app/bare.js';
import type { Way } from './app/bare-worker.js';
import { buildPages } from './build.js';
import { newPage, obstacle, skipWithoutChromium, type WatchedPage } from './chromium.js';
import { player } from './play.js';
import { serve } from './server.js';

skipWithoutChromium();

let watched: WatchedPage;
let play: ReturnType<typeof player<BareScenarios>>;

beforeAll(async () => {
  if (obstacle !== undefined) return;
  const address = await serve(await buildPages('bare'));
  watched = await newPage();
  await watched.page.goto(`${address}/bare.html`);
  play = player<BareScenarios>(watched.page);
});
afterEach(() => watched?.complaints.splice(0));

it.each<Way>([
  'nothing: the file that the bundler put beside it',
  'a compiled module',
  'a compiled module, blocking',
  'bytes',
  'an address',
  'a URL',
  'an answer of fetch',
  'the promise of an answer',
])('fits and searches, blocking, after loading %s', async (way) => {
  const answer = await play('work', way);
  expect(answer).toMatchObject({ backend: 'wasm', hasDocument: false });
  const { model, codes, hits } = answer as Extract<typeof answer, { model: unknown }>;
  const matrix = randomMatrix(500, 1);
  expect(native.Model.fromBytes(model).encodeSync(matrix)).toEqual(codes);
  expect(native.HammingIndex.buildSync(codes).searchSync(codes, 5)).toEqual(hits);
  expect(watched.complaints).toEqual([]);
});

it('says that there is no simd128', async () => {
  expect(await play('work', 'a module where there is no simd128')).toEqual({
    code: 'WASM_UNAVAILABLE',
    message: expect.stringMatching(/no SIMD \(simd128\).*Chrome 91/),
  });
});

it('names the address of a file that is not there', async () => {
  expect(await play('work', 'an address without a file')).toEqual({
    code: 'WASM_UNAVAILABLE',
    message: expect.stringMatching(/^http:.*\.wasm\.none cannot be loaded$/),
  });
});

it('a page fits by the loss neighbours, and asks for its module when it does', async () => {
  const { page } = watched;
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  // Two modules of one name, told apart by what the bundler adds.
  const modules = () => asked.filter((url) => /h2q_bg.*\.wasm$/.test(url));
  let isOnline = false;
  await page.route(/h2q_bg.*\.wasm$/, (route) => {
    return isOnline || modules().length < 2 ? route.continue() : route.abort();
  });
  expect(await play('fitNeighbours')).toEqual({
    code: 'WASM_UNAVAILABLE',
    message: expect.stringMatching(/^http:.*h2q_bg.*\.wasm cannot be loaded; fits that rank neighbours/),
  });
  watched.complaints.splice(0);
  isOnline = true;
  const answer = await play('fitNeighbours');
  const { loss, epochs, blocking, model, codes } = answer as Extract<typeof answer, { model: unknown }>;
  expect([loss, epochs]).toEqual(['neighbours', [1, 2, 3]]);
  const here = native.Model.fromBytes(model);
  expect(here.fingerprint).toBe(blocking);
  expect(here.encodeSync(randomMatrix(500, 1))).toEqual(codes);
  await play('fitNeighbours');
  const [whole, ...others] = modules();
  expect(others).toHaveLength(2);
  expect(new Set(others).size).toBe(1);
  expect(others[0]).not.toBe(whole);
  expect(watched.complaints).toEqual([]);
});

it('h2q/search encodes and finds what native does', async () => {
  const matrix = randomMatrix(500, 1);
  const { model } = native.fitSync(matrix, { bits: 16, seed: 1 });
  const index = native.HammingIndex.buildSync(model.encodeSync(matrix));
  const queries = randomMatrix(40, 2);
  const codes = model.encodeSync(queries);
  const question = { model: model.toBytes(), index: await index.toBytes(), queries };
  expect(await play('search', question)).toEqual({ codes, hits: index.searchSync(codes, 5) });
  expect(watched.complaints).toEqual([]);
});
