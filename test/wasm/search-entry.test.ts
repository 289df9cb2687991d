/** The entry `h2q/search`, on the small module. */

import { expect, it, vi } from 'vitest';
import { COLUMNS, randomMatrix, rowOf } from '../conformance/matrices.js';
import { skipWithoutWasm, wasmBytes } from '../wasm.js';

skipWithoutWasm();

it('encodes and searches with a model that the whole module learnt, to the last bit', async () => {
  const { model, codes, index, matrix } = await made();
  const query = rowOf(matrix, 3);
  const vectors = await model.transform(query);
  const asked = await model.encode(query);
  const searches = [{}, { deny: Uint32Array.of(3) }, { method: 'linear' }] as const;
  const wanted = searches.map((options) => index.searchSync(asked, 5, options));
  const within = index.searchRadiusSync(asked, 4);

  const search = await entry();
  expect(() => search.popcount(new Uint8Array(1))).toThrow('init()');
  await search.init();
  const copy = search.Model.fromBytes(model.toBytes());
  expect(copy.summary).toEqual({ ...model.summary, seconds: undefined });
  expect([copy.dimensions, copy.bits, copy.fingerprint]).toEqual([COLUMNS, 16, model.fingerprint]);
  expect(await copy.encode(matrix)).toEqual(codes);
  expect((await copy.transform(query)).data).toEqual(vectors.data);
  const opened = await search.HammingIndex.open(await index.toBytes());
  expect(searches.map((options) => opened.searchSync(asked, 5, options))).toEqual(wanted);
  expect(opened.searchRadiusSync(asked, 4)).toEqual(within);
  expect([opened.size, opened.rows, opened.hasFactors, opened.model]).toEqual([
    ...[500, 500, true],
    model.fingerprint,
  ]);
  expect(search.hammingDistance(Uint8Array.of(1), Uint8Array.of(2))).toBe(2);

  const ids = BigInt64Array.from({ length: 500 }, (_, row) => BigInt(row % 7));
  const built = await search.HammingIndex.build(codes, { ids });
  expect(await built.search(asked, 9, { deny: BigInt64Array.of(2n) })).toEqual(
    await (await import('../../ts/node/index.js')).HammingIndex.buildSync(codes, { ids }).search(asked, 9, {
      deny: BigInt64Array.of(2n),
    }),
  );
  await expect(opened.search({ data: new Uint8Array(1), bits: 8 }, 1)).rejects.toMatchObject({
    code: 'MISMATCH',
  });
  expect(() => search.Model.fromBytes(new Uint8Array(9))).toThrow(
    expect.objectContaining({ code: 'MODEL_FORMAT', message: expect.stringContaining('H2QMODEL') }),
  );
});

it('says of everything else which entry has it', async () => {
  const { model, codes, index, matrix } = await made();
  const search = await entry();
  await search.init();
  // As JavaScript sees it: the types of the entry have none of this.
  const { HammingIndex, Model } = search as unknown as typeof import('../../ts/browser/index.js');
  const [copy, opened] = [Model.fromBytes(model.toBytes()), await HammingIndex.open(await index.toBytes())];
  const factors = new Float32Array(500).fill(1);
  const vectors = await copy.transform(matrix);
  const originals = await search.Vectors.from(matrix);
  const all: [string, () => unknown][] = [
    ['factors', () => copy.factors(matrix)],
    ['factors', () => copy.factorsSync(matrix)],
    ['factors', () => HammingIndex.build(codes, { factors })],
    ['factors', () => HammingIndex.buildSync(codes, { factors })],
    ['writing a model', () => copy.toBytes()],
    ['an empty index', () => HammingIndex.empty(16)],
    ['adding', () => opened.add(codes, { factors })],
    ['adding', () => opened.addSync(codes, { factors })],
    ['removing', () => opened.remove(Uint32Array.of(1))],
    ['removing', () => opened.removeSync(Uint32Array.of(1))],
    ['search tables', () => opened.buildTables()],
    ['search tables', () => opened.buildTablesSync()],
    ['search tables', () => opened.search(codes, 1, { method: 'mih' })],
    ['search tables', () => opened.searchRadiusSync(codes, 1, { method: 'mih' })],
    ['writing an index', () => opened.toBytes()],
    ['the memory of an index', () => opened.memory],
    ['re-ranking', () => opened.search(codes, 1, { rerank: 'asymmetric', vectors })],
    ['re-ranking', () => opened.searchSync(codes, 1, { rerank: 'asymmetric', vectors })],
    ['re-ranking', () => opened.search(codes, 1, { rerank: 'float', vectors: matrix, originals } as never)],
    [
      're-ranking',
      () => opened.searchSync(codes, 1, { rerank: 'float', vectors: matrix, originals } as never),
    ],
  ];
  for (const [what, call] of all) {
    await expect((async () => call())(), `${what}: ${call}`).rejects.toMatchObject({
      name: 'H2qError',
      code: 'UNSUPPORTED',
      message: expect.stringMatching(new RegExp(`^${what}.*h2q/browser`)),
    });
  }
});

async function entry(): Promise<typeof import('../../ts/browser/search.js')> {
  vi.resetModules();
  return import('../../ts/browser/search.js');
}

async function made() {
  vi.resetModules();
  const whole = await import('../../ts/browser/index.js');
  await whole.init(wasmBytes('whole'));
  const matrix = randomMatrix(500, 8);
  const { model } = await whole.fit(matrix, { bits: 16, seed: 1 });
  const codes = await model.encode(matrix);
  const factors = await model.factors(matrix);
  return { model, codes, matrix, index: await whole.HammingIndex.build(codes, { factors }) };
}
