/** The entry `h2q/search`, on the small module. */

import { expect, it, vi } from 'vitest';
import { COLUMNS, randomMatrix, rowOf } from '../conformance/matrices.js';
import { skipWithoutWasm, wasmBytes } from '../wasm.js';

skipWithoutWasm();

it('encodes and searches with a model that the whole module learnt, to the last bit', async () => {
  const whole = await import('../../ts/browser/index.js');
  await whole.init(wasmBytes('whole'));
  const matrix = randomMatrix(500, 8);
  const { model } = await whole.fit(matrix, { bits: 16, seed: 1 });
  const codes = await model.encode(matrix);
  const factors = await model.factors(matrix);
  const index = await whole.HammingIndex.build(codes, { factors });
  const [modelBytes, indexBytes] = [model.toBytes(), await index.toBytes()];
  const query = rowOf(matrix, 3);
  const vectors = await model.transform(query);
  const searches = [{}, { deny: Uint32Array.of(3) }, { rerank: 'asymmetric', vectors } as const];
  const asked = await model.encode(query);
  const wanted = searches.map((options) => index.searchSync(asked, 5, options));
  const wantedFloat = index.searchSync(asked, 5, {
    ...{ rerank: 'float', vectors: query },
    originals: await whole.Vectors.from(matrix),
  } as const);

  vi.resetModules();
  const search = await import('../../ts/browser/search.js');
  expect(() => search.popcount(new Uint8Array(1))).toThrow('init()');
  await search.init();
  const copy = search.Model.fromBytes(modelBytes);
  expect(copy.summary).toEqual({ ...model.summary, seconds: undefined });
  expect(copy.dimensions).toBe(COLUMNS);
  expect(copy.toBytes()).toEqual(modelBytes);
  expect(await copy.encode(matrix)).toEqual(codes);
  expect(await copy.factors(matrix)).toEqual(factors);
  expect((await copy.transform(query)).data).toEqual(vectors.data);
  const opened = await search.HammingIndex.open(indexBytes);
  expect(searches.map((options) => opened.searchSync(asked, 5, options))).toEqual(wanted);
  const originals = await search.Vectors.from(matrix);
  expect(await opened.search(asked, 5, { rerank: 'float', vectors: query, originals })).toEqual(wantedFloat);
  expect(search.hammingDistance(Uint8Array.of(1), Uint8Array.of(2))).toBe(2);

  await opened.add({ data: codes.data.slice(0, 2), bits: 16 }, { factors: factors.slice(0, 1) });
  await opened.remove(Uint32Array.of(0));
  expect([opened.size, opened.rows]).toEqual([500, 501]);
  await expect(opened.search({ data: new Uint8Array(1), bits: 8 }, 1)).rejects.toMatchObject({
    code: 'MISMATCH',
  });
  expect(() => search.Model.fromBytes(new Uint8Array(9))).toThrow(
    expect.objectContaining({ code: 'MODEL_FORMAT' }),
  );
});
