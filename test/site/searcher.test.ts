/** What the page searches with, on a worker of Node: a rotation that was learnt takes the place of the one before. */

import { afterEach, expect, it, vi } from 'vitest';
import type { Manifest } from '../../site/src/data.js';
import { Searcher } from '../../site/src/searcher.js';
import * as h2q from '../../ts/node/index.js';
import type { Client } from '../../ts/worker/client.js';
import { randomMatrix } from '../conformance/matrices.js';
import { startClient } from '../worker/workers.js';

const ROWS = 300;
const manifest = { rows: ROWS, dimensions: 64, step: 1 } as Manifest;
const image = new Float32Array(28 * 28).fill(0.5);
const embeddings = randomMatrix(ROWS, 1, 64);
const learnt = (bits: number) => h2q.fitSync(embeddings, { bits }).model;

/** The page's files, of which none is packed. */
const files: Record<string, Uint8Array<ArrayBuffer>> = {
  'embedding.h2q': bytesOf(
    h2q.fitSync(randomMatrix(ROWS, 2, 28 * 28), { bits: 64, method: 'identity' }).model,
  ),
  'models/h2q-64.h2q': bytesOf(learnt(64)),
  'codes.bin': new Uint8Array(learnt(64).encodeSync(embeddings).data),
  'embeddings.bin': new Uint8Array(ROWS * 64).map((_, i) => (i * 2_654_435_761) >>> 24),
};

function bytesOf(model: h2q.Model): Uint8Array<ArrayBuffer> {
  return new Uint8Array(model.toBytes());
}

function stubPage(): void {
  vi.stubGlobal('document', { baseURI: 'http://page/' });
  vi.stubGlobal(
    'fetch',
    async (address: URL) => new Response(files[address.pathname.slice('/data/'.length)]),
  );
}
afterEach(() => vi.unstubAllGlobals());

it('lets go of what was learnt before, whatever its bits, but not before a search with it has ended', async () => {
  stubPage();
  const client = await startClient();
  let onBuilt = () => {};
  const HammingIndex: Client['HammingIndex'] = {
    ...client.HammingIndex,
    build: async (...args) => {
      const index = await client.HammingIndex.build(...args);
      onBuilt();
      return index;
    },
  };
  const searcher = new Searcher({ ...client, HammingIndex }, manifest);
  await searcher.adopt(bytesOf(learnt(16)));
  const former = await searcher.prepare('learnt', 16);

  // At the last moment at which it finds the former one.
  let search: ReturnType<Searcher['search']> | undefined;
  onBuilt = () => {
    search = searcher.search(image, 'learnt', 16, 5);
  };
  await searcher.adopt(bytesOf(learnt(32)));
  expect(Math.max(...(await search!).distances)).toBeLessThanOrEqual(16);
  expect([former.model.isReleased, former.index.isReleased]).toEqual([true, true]);

  const now = await searcher.prepare('learnt', 32);
  expect([now.model.bits, now.index.bits, now.index.isReleased]).toEqual([32, 32, false]);
  expect((await searcher.search(image, 'learnt', 32, 5)).rows).toHaveLength(5);
});
