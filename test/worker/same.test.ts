/** What comes out of a worker is what the facade gives without one. */

import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { npyHeader } from '../../ts/io/npy.js';
import * as h2q from '../../ts/node/index.js';
import { type Client, connect, type Model } from '../../ts/worker/client.js';
import { HEAD } from '../conformance/head.js';
import { COLUMNS, randomMatrix, signsOf } from '../conformance/matrices.js';
import { concat } from '../io/memory.js';
import { hasWasm, WITHOUT_WASM } from '../wasm.js';
import { SCRIPT, startClient, startWorker } from './workers.js';

const matrix = randomMatrix(700, 1);
const queries = randomMatrix(40, 2);
const OPTIONS = { bits: 16, seed: 7 };

/** A client, a model in its worker and the same model here. */
async function fitted() {
  const client = await startClient();
  const there = await client.fit(matrix, OPTIONS);
  return { client, there, here: await h2q.fit(matrix, OPTIONS) };
}

/** An epoch without its time. */
const timeless = <T extends { seconds?: number }>({ seconds, ...rest }: T) => {
  expect(seconds).toBeGreaterThan(0);
  return rest;
};

it('info is that of the backend in the worker', async () => {
  expect(await (await startClient()).info()).toEqual(h2q.info());
});

it('a fit with the same seed gives the same model, history and summary', async () => {
  const { there, here } = await fitted();
  expect(await there.model.toBytes()).toEqual(here.model.toBytes());
  expect(there.history.map(timeless)).toEqual(here.history.map(timeless));
  expect(there.history.length).toBeGreaterThan(3);
  expect(timeless(there.summary)).toEqual(timeless(here.summary));
  const { dimensions, bits, fingerprint, summary } = there.model;
  expect([dimensions, bits, fingerprint]).toEqual([COLUMNS, 16, here.model.fingerprint]);
  expect(timeless(summary as h2q.FitSummary)).toEqual(timeless(here.model.summary as h2q.FitSummary));
});

it('a fit with labels, validation and an early stop is the same', async () => {
  const client = await startClient();
  const labels = { labels: signsOf(matrix), validationLabels: signsOf(queries) };
  const options = { ...OPTIONS, ...labels, method: 'auto', earlyStop: { patience: 2 } } as const;
  const there = await client.fit(matrix, { ...options, validation: queries });
  const here = await h2q.fit(matrix, { ...options, validation: queries });
  expect(there.summary.criterion).toBe('labels');
  expect(there.model.fingerprint).toBe(here.model.fingerprint);
  expect(there.history.map(timeless)).toEqual(here.history.map(timeless));
  const inWorker = await client.Vectors.from(queries);
  const again = await client.fit(await client.Vectors.from(matrix), { ...options, validation: inWorker });
  expect(again.model.fingerprint).toBe(here.model.fingerprint);
});

it('a worker on WASM fits by the loss neighbours, with progress, aborts, and goes on', async ({ skip }) => {
  if (!hasWasm) skip(WITHOUT_WASM);
  const client = await connect(startWorker('wasm'));
  const options = { loss: 'neighbours', bits: 16, epochs: 3, seed: 7 } as const;
  const epochs: number[] = [];
  const onProgress = ({ epoch }: { epoch: number }) => void epochs.push(epoch);
  const there = await client.fit(matrix, { ...options, onProgress });
  expect(epochs).toEqual([1, 2, 3]);
  expect(timeless(there.summary)).toMatchObject({ loss: 'neighbours', bits: 16 });
  // A facade of its own, on another backend than the one of this file.
  vi.resetModules();
  const inWasm = await import('../../ts/browser/index.js');
  await inWasm.init();
  const here = await inWasm.fit(matrix, options);
  expect(await there.model.toBytes()).toEqual(here.model.toBytes());
  expect(there.history.map(timeless)).toEqual(here.history.map(timeless));
  const controller = new AbortController();
  const long = { ...options, epochs: 500, signal: controller.signal, onProgress: () => controller.abort() };
  await expect(client.fit(matrix, long)).rejects.toMatchObject({ name: 'AbortError' });
  expect((await client.fit(matrix, options)).model.fingerprint).toBe(here.model.fingerprint);
});

it('vectors released right after the call are fitted all the same, also by a worker on WASM', async () => {
  const clients = [await startClient(), ...(hasWasm ? [await connect(startWorker('wasm'))] : [])];
  for (const client of clients) {
    for (const loss of ['neighbours', 'bit-variance'] as const) {
      const vectors = await client.Vectors.from(matrix);
      const running = client.fit(vectors, { ...OPTIONS, epochs: 2, loss });
      vectors.release();
      expect((await running).model.bits).toBe(16);
    }
  }
});

it('a fit with a head is the same', async () => {
  const client = await startClient();
  const wide = randomMatrix(300, 3, 64);
  const there = await client.fit(wide, { seed: 7, head: await client.Model.fromBytes(HEAD) });
  const here = await h2q.fit(wide, { seed: 7, head: h2q.Model.fromBytes(HEAD) });
  expect(await there.model.toBytes()).toEqual(here.model.toBytes());
});

it('a model transforms, encodes and factors the same, read from bytes as well', async () => {
  const { client, there, here } = await fitted();
  const vectors = await client.Vectors.from(queries);
  expect([vectors.rows, vectors.columns, vectors.isReleased]).toEqual([40, COLUMNS, false]);
  for (const model of [there.model, await client.Model.fromBytes(here.model.toBytes())]) {
    for (const input of [queries, vectors]) {
      expect(await model.transform(input)).toEqual(here.model.transformSync(queries));
      expect(await model.encode(input, { layout: 'msb' })).toEqual(
        here.model.encodeSync(queries, { layout: 'msb' }),
      );
      const metric = 'inner-product';
      expect(await model.factors(input, { metric })).toEqual(here.model.factorsSync(queries, { metric }));
    }
  }
});

describe('an index', () => {
  let model: h2q.Model;
  let codes: h2q.Codes;
  let asked: h2q.Codes;
  const ids = BigInt64Array.from({ length: 700 }, (_, i) => BigInt(i) * 2n ** 40n - 5n);
  let client: Client;
  beforeAll(async () => {
    const worker = new Worker(SCRIPT);
    client = await connect(worker);
    ({ model } = await h2q.fit(matrix, OPTIONS));
    [codes, asked] = [model.encodeSync(matrix), model.encodeSync(queries)];
    return async () => void (await worker.terminate());
  });

  it('finds the same, by k and by radius, with ids, filters and counters', async () => {
    const there = await client.HammingIndex.build(codes, { ids });
    const here = h2q.HammingIndex.buildSync(codes, { ids });
    const bitmap = new Uint8Array(88).fill(0b10110);
    for (const options of [
      {},
      { method: 'mih', counters: true },
      { allow: ids.slice(0, 300) },
      { deny: bitmap },
    ] as const) {
      expect(await there.search(asked, 10, options)).toEqual(here.searchSync(asked, 10, options));
      expect(await there.searchRadius(asked, 3, options)).toEqual(here.searchRadiusSync(asked, 3, options));
    }
  });

  it('re-ranks the same, by codes and by vectors', async () => {
    const factors = model.factorsSync(matrix);
    const there = await client.HammingIndex.build(codes, { factors });
    const here = h2q.HammingIndex.buildSync(codes, { factors });
    const asymmetric = { rerank: 'asymmetric', vectors: model.transformSync(queries) } as const;
    expect(await there.search(asked, 5, asymmetric)).toEqual(here.searchSync(asked, 5, asymmetric));
    const float = { rerank: 'float', vectors: queries, oversample: 4 } as const;
    const { scores } = await there.search(asked, 5, {
      ...float,
      originals: await client.Vectors.from(matrix),
    });
    const wanted = here.searchSync(asked, 5, { ...float, originals: h2q.Vectors.fromSync(matrix) });
    expect(scores).toEqual(wanted.scores);
  });

  it('tells size, rows and memory after each change', async () => {
    const there = await client.HammingIndex.empty(16, { ids: true });
    const here = h2q.HammingIndex.empty(16, { ids: true });
    const fields = (index: typeof there | h2q.HammingIndex) => {
      const { size, rows, bits, hasIds, hasFactors, memory } = index;
      return { size, rows, bits, hasIds, hasFactors, memory };
    };
    const both = async (change: (index: typeof there) => Promise<unknown>) => {
      expect(await change(there)).toEqual(await change(here as unknown as typeof there));
      expect(fields(there)).toEqual(fields(here));
    };
    await both(async () => undefined);
    await both((index) => index.add(codes, { ids }));
    expect(there.size).toBe(700);
    await both((index) => index.remove(ids.slice(10, 20)));
    expect([there.size, there.rows]).toEqual([690, 700]);
    await both((index) => index.add(asked, { ids: ids.slice(0, 40) }));
    const before = there.memory;
    await both((index) => index.buildTables());
    expect(there.memory).toBeGreaterThan(before);
  });
});

it('evaluations are the same', async () => {
  const { client, there, here } = await fitted();
  const labels = { databaseLabels: signsOf(matrix), queryLabels: signsOf(queries) };
  const task = { database: matrix, queries, ...labels, at: [100, 10] };
  const reference = await h2q.evaluateCosine(task);
  expect(await client.evaluateCosine(task)).toEqual(reference);
  const conventions = { at: ['all', 10], ties: 'float', averagePrecision: 'possible' } as const;
  const options = { ...task, ...conventions, rerank: true, statistics: true };
  const wanted = await h2q.evaluate({ ...options, model: here.model });
  expect(await client.evaluate({ ...options, model: there.model })).toEqual(wanted);
  const codes = await here.model.encode(matrix);
  expect(await client.codeStatistics(codes)).toEqual(await h2q.codeStatistics(codes));
  const database = await client.Vectors.from(matrix);
  expect(await client.quantizationLosses(there.model, database)).toEqual(
    await h2q.quantizationLosses(here.model, matrix),
  );
  const known = { database, neighbours: reference.neighbours };
  expect(await client.evaluate({ ...options, ...known, model: there.model })).toEqual(wanted);
});

it('files are read in the worker, from blobs and bytes', async () => {
  const client = await startClient();
  const npy = concat(npyHeader('f4', [300, COLUMNS]), matrix.data.subarray(0, 300 * COLUMNS));
  // A `File` of a browser keeps its name on the way; Node makes a `Blob` of it.
  const file = new Blob([npy as BlobPart]);
  const vectors = await client.readVectors(file);
  expect([vectors.rows, vectors.columns]).toEqual([300, COLUMNS]);
  const { model } = await client.fit(vectors, OPTIONS);
  const here = h2q.fitSync(await h2q.readVectors(npy, { format: 'npy' }), OPTIONS).model;
  expect(model.fingerprint).toBe(here.fingerprint);
  const sample = await client.sampleVectors(file, { rows: 40, seed: 3 });
  expect(sample.vectors.rows).toBe(40);

  const codes = here.encodeSync(matrix);
  const index = await client.HammingIndex.build(codes);
  const bytes = await index.toBytes();
  expect(bytes).toEqual(await h2q.HammingIndex.buildSync(codes).toBytes());
  for (const input of [bytes, new Blob([bytes as BlobPart])]) {
    const read = await client.HammingIndex.open(input);
    expect([read.size, await read.search(codes, 3)]).toEqual([700, await index.search(codes, 3)]);
  }
  const copy = await client.Model.load(new Blob([here.toBytes() as BlobPart]));
  expect(copy.fingerprint).toBe(here.fingerprint);

  const bad = new Blob([Uint8Array.of(1, 2, 3)]);
  const error = await h2q.readVectors(bad).catch((caught: h2q.H2qError) => caught);
  const { code, message, details } = error as h2q.H2qError;
  expect([code, details['file']]).toEqual(['FILE_FORMAT', 'blob']);
  await expect(client.readVectors(bad)).rejects.toMatchObject({ code, message, details });
});

it('primitives are the same', async () => {
  const client = await startClient();
  expect(await client.quantizationLoss('l1', queries)).toEqual(h2q.quantizationLoss('l1', queries));
  const reflections = randomMatrix(2, 5, 4).data;
  expect(await client.reflectionProduct(reflections, 4)).toEqual(h2q.reflectionProduct(reflections, 4));
  const [a, b] = [Uint8Array.of(1, 2, 255), Uint8Array.of(3, 2, 15)];
  expect([await client.hammingDistance(a, b), await client.popcount(b)]).toEqual([5, 7]);
});

it('a measurement of the search reports its rounds', async () => {
  const client = await startClient();
  const rounds: number[] = [];
  const onProgress = (count: number) => rounds.push(count);
  const sizes = { bits: 64, rows: 1000, queries: 3, k: 2 };
  const measured = await client.measureHamming({ ...sizes, rounds: 3, onProgress });
  expect(measured).toMatchObject({ ...sizes, rounds: 3 });
  expect(rounds).toEqual([1, 2, 3]);
});

it('types are as strict as the facade’s', async () => {
  const client = await startClient();
  const fitting = client.fit(matrix, { ...OPTIONS, transfer: false, signal: new AbortController().signal });
  const model: Model = (await fitting).model;
  const codes: h2q.Codes = await model.encode(matrix);
  const index = await client.HammingIndex.build(codes, { transfer: false });
  const { rows, k }: { rows: Uint32Array; k: number } = await index.search(codes, 1);
  expect([rows.length, k, await index.remove(Uint32Array.of(1), { transfer: false })]).toEqual([700, 1, 1]);
  // @ts-expect-error no such loss
  await expect(client.fit(matrix, { loss: 'l3' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  // @ts-expect-error a search without re-ranking has no scores
  expect((await index.search(codes, 1)).scores).toBeUndefined();
  // @ts-expect-error a function cannot cross
  await expect(index.search(codes, 1, { allow: () => true })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/^allow: a function cannot cross/),
  });
  // @ts-expect-error objects of the facade live elsewhere
  await expect(client.fit(h2q.Vectors.fromSync(matrix))).rejects.toThrow(
    'a Vectors cannot cross to the worker',
  );
  // @ts-expect-error nothing blocks
  expect(model.encodeSync).toBeUndefined();
  // @ts-expect-error a page writes no files
  expect(model.save).toBeUndefined();
});
