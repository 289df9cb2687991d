/** What the page searches with, on a worker of Node: codes that came along, and what was learnt instead of what was before. */

import { afterEach, expect, it, vi } from 'vitest';
import type { Manifest } from '../../site/src/data.js';
import { Searcher } from '../../site/src/searcher.js';
import * as h2q from '../../ts/node/index.js';
import type { Client } from '../../ts/worker/client.js';
import { HEAD } from '../conformance/head.js';
import { randomMatrix } from '../conformance/matrices.js';
import { startClient } from '../worker/workers.js';

const ROWS = 300;
const shipped = { method: 'h2q', precision: 1, hasCodes: true } as const;
const models = [
  { ...shipped, route: 'unsupervised', bits: 64 },
  { ...shipped, route: 'two-stage', bits: 16 },
];
const manifest = { rows: ROWS, dimensions: 64, step: 1, models } as unknown as Manifest;
const wanted = (bits: number) => ({ route: 'unsupervised', maker: 'learnt', bits }) as const;
const image = new Float32Array(28 * 28).fill(0.5);
const embeddings = randomMatrix(ROWS, 1, 64);
const learnt = (bits: number) => h2q.fitSync(embeddings, { bits }).model;
const twoStage = h2q.fitSync(embeddings, { head: h2q.Model.fromBytes(HEAD) }).model;

/** The page's files, of which none is packed. */
const files: Record<string, Uint8Array<ArrayBuffer>> = {
  'embedding.h2q': bytesOf(
    h2q.fitSync(randomMatrix(ROWS, 2, 28 * 28), { bits: 64, method: 'identity' }).model,
  ),
  'models/unsupervised-h2q-64.h2q': bytesOf(learnt(64)),
  'codes/unsupervised-h2q-64.bin': new Uint8Array(learnt(64).encodeSync(embeddings).data),
  'models/two-stage-h2q-16.h2q': bytesOf(twoStage),
  'models/two-stage-itq-16.h2q': bytesOf(twoStage),
  'codes/two-stage-h2q-16.bin': new Uint8Array(twoStage.encodeSync(embeddings).data),
  'embeddings.bin': new Uint8Array(ROWS * 64).map((_, i) => (i * 2_654_435_761) >>> 24),
};

function bytesOf(model: h2q.Model): Uint8Array<ArrayBuffer> {
  return new Uint8Array(model.toBytes());
}

/** The names of the files that are asked for. */
function stubPage(): string[] {
  const asked: string[] = [];
  vi.stubGlobal('document', { baseURI: 'http://page/' });
  vi.stubGlobal('fetch', async (address: URL) => {
    const name = address.pathname.slice('/data/'.length);
    asked.push(name);
    return new Response(files[name]);
  });
  return asked;
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
  const former = await searcher.prepare(wanted(16));

  // At the last moment at which it finds the former one.
  let search: ReturnType<Searcher['search']> | undefined;
  onBuilt = () => {
    search = searcher.search(image, wanted(16), 5);
  };
  await searcher.adopt(bytesOf(learnt(32)));
  expect(Math.max(...(await search!).distances)).toBeLessThanOrEqual(16);
  expect([former.model.isReleased, former.index.isReleased]).toEqual([true, true]);

  const now = await searcher.prepare(wanted(32));
  expect([now.model.bits, now.index.bits, now.index.isReleased]).toEqual([32, 32, false]);
  expect((await searcher.search(image, wanted(32), 5)).rows).toHaveLength(5);
});

it('searches the codes that came along, and fetches embeddings only where none did', async () => {
  const asked = stubPage();
  const searcher = new Searcher(await startClient(), manifest);
  const of = (maker: 'h2q' | 'itq', bits: number) => ({ route: 'two-stage', maker, bits }) as const;
  const embedding = h2q.Model.fromBytes(files['embedding.h2q']!);
  const code = twoStage.encodeSync(embedding.transformSync({ data: image, columns: 28 * 28 }));
  const index = h2q.HammingIndex.buildSync(twoStage.encodeSync(embeddings));
  const { rows, distances } = index.searchSync(code, 5);
  expect(await searcher.search(image, of('h2q', 16), 5)).toMatchObject({ rows, distances });
  expect(asked).toContain('codes/two-stage-h2q-16.bin');
  expect(asked).not.toContain('embeddings.bin');
  await searcher.search(image, of('itq', 16), 5);
  expect(asked).toContain('embeddings.bin');
  expect(asked).not.toContain('codes/two-stage-itq-16.bin');
});
