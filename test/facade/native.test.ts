/** The facade on the native addon. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as h2q from '../../ts/node/index.js';
import { COLUMNS, randomMatrix, rowOf } from './matrices.js';

const matrix = randomMatrix(700, 1);
let model: h2q.Model;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-native-'));
  ({ model } = await h2q.fit(matrix, { bits: 16, seed: 1 }));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('names its backend', () => {
  expect(h2q.info()).toMatchObject({
    backend: 'native',
    version: expect.any(String),
    simd: expect.any(String),
  });
  expect(h2q.info().threads).toBeGreaterThan(0);
});

describe('a model', () => {
  it('encodes the signs of what it transforms, in both layouts, alone or in a batch', async () => {
    const { data: z, columns } = await model.transform(matrix);
    expect([z.length, columns]).toEqual([700 * 16, 16]);
    const lsb = await model.encode(matrix);
    const msb = await model.encode(matrix, { layout: 'msb' });
    expect([lsb.bits, lsb.layout, msb.layout]).toEqual([16, 'lsb', 'msb']);
    const differences = z.filter((value, i) => {
      const wanted = value >= 0 ? 1 : 0;
      const [byte, bit] = [i >> 3, i & 7];
      return ((lsb.data[byte]! >> bit) & 1) !== wanted || ((msb.data[byte]! >> (7 - bit)) & 1) !== wanted;
    });
    expect(differences).toHaveLength(0);

    for (const row of [0, 1, 699]) {
      const one = rowOf(matrix, row);
      expect((await model.transform(one)).data).toEqual(z.slice(row * 16, (row + 1) * 16));
      expect(model.encodeSync(one).data).toEqual(lsb.data.slice(row * 2, (row + 1) * 2));
    }
    expect(model.transformSync(matrix, { threads: 1 }).data).toEqual(z);
  });

  it('survives bytes and files', async () => {
    const path = join(folder, 'model');
    await model.save(path);
    expect(readdirSync(folder)).toEqual(['model']);
    for (const copy of [h2q.Model.fromBytes(model.toBytes()), await h2q.Model.load(path)]) {
      expect([copy.dimensions, copy.bits, copy.fingerprint]).toEqual([COLUMNS, 16, model.fingerprint]);
      expect(copy.summary).toEqual({ ...model.summary, seconds: undefined });
      expect((await copy.encode(matrix)).data).toEqual(model.encodeSync(matrix).data);
    }
  });

  it('refuses vectors of other dimensions, foreign bytes and missing files', async () => {
    await expect(model.encode(randomMatrix(3, 1, 8))).rejects.toMatchObject({
      code: 'MISMATCH',
      message: `vectors: expected ${COLUMNS} dimensions, got 8`,
    });
    const bytes = model.toBytes();
    for (const bad of [
      new Uint8Array(0),
      new Uint8Array(300),
      bytes.subarray(0, -1),
      bytes.with(90, bytes[90]! ^ 1),
    ]) {
      expect(() => h2q.Model.fromBytes(bad)).toThrow(expect.objectContaining({ code: 'MODEL_FORMAT' }));
    }
    const missing = join(folder, 'none');
    await expect(h2q.Model.load(missing)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: /none: no such/,
    });
  });
});

describe('a Hamming index', () => {
  it('finds by (distance, id) with ids of any order and size', async () => {
    const codes = { data: Uint8Array.from([0b0, 0b1, 0b11, 0b1]), bits: 8 };
    const ids = BigInt64Array.from([5n, 2n ** 60n, -1n, 7n]);
    const index = await h2q.HammingIndex.build(codes, { ids });
    expect([index.rows, index.bits]).toEqual([4, 8]);
    const query = { data: Uint8Array.from([0b1]), bits: 8 };
    const wanted = {
      rows: Uint32Array.from([3, 1, 2, 0]),
      distances: Int32Array.from([0, 0, 1, 1]),
      ids: BigInt64Array.from([7n, 2n ** 60n, -1n, 5n]),
      k: 4,
    };
    expect(await index.search(query, 10)).toEqual(wanted);
    expect(index.searchSync(query, 10)).toEqual(wanted);
    for (const k of [5_000_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(await index.search(query, k)).toEqual(wanted);
      expect(index.searchSync(query, k)).toEqual(wanted);
    }
    expect((await index.search(query, 1)).rows).toEqual(Uint32Array.from([3]));

    const within = await index.searchRadius(query, 0);
    expect(within).toMatchObject({ rows: Uint32Array.from([3, 1]), offsets: Uint32Array.from([0, 2]) });
    expect(index.searchRadiusSync(query, Number.MAX_SAFE_INTEGER).rows).toHaveLength(4);
  });

  it('without ids names rows, and orders ties by them', () => {
    const index = h2q.HammingIndex.buildSync({ data: Uint8Array.from([1, 0, 1, 0]), bits: 8 });
    const hits = index.searchSync({ data: Uint8Array.from([0, 1]), bits: 8 }, 3);
    expect(hits).toEqual({
      rows: Uint32Array.from([1, 3, 0, 0, 2, 1]),
      distances: Int32Array.from([0, 0, 1, 0, 0, 1]),
      k: 3,
    });
  });

  it('takes msb codes as the same codes', async () => {
    const [lsb, msb] = [model.encodeSync(matrix), model.encodeSync(matrix, { layout: 'msb' })];
    const index = await h2q.HammingIndex.build(lsb);
    expect(index.searchSync(msb, 5)).toEqual(index.searchSync(lsb, 5));
  });

  it('refuses codes of another length, wrong ids, k of 0', async () => {
    const codes = { data: new Uint8Array(4), bits: 16 };
    const index = h2q.HammingIndex.buildSync(codes);
    const short = { data: new Uint8Array(4), bits: 8 };
    await expect(index.search(short, 1)).rejects.toThrow('queries: expected 16 bits, got 8');
    for (const k of [0, 1.5, 2 ** 53, Infinity]) {
      await expect(index.search(codes, k)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    }
    await expect(index.searchRadius(codes, -1)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    const ids = new BigInt64Array(3);
    await expect(h2q.HammingIndex.build(codes, { ids })).rejects.toThrow(
      'ids: expected one per code, 2, got 3',
    );
  });
});

describe('evaluate', () => {
  const queries = randomMatrix(40, 9);
  const labels = (rows: number) => Uint8Array.from({ length: rows }, (_, i) => i % 4);
  const task = { database: matrix, databaseLabels: labels(700), queries, queryLabels: labels(40) };

  it('gives metrics for each cut-off, the same with neighbours known before', async () => {
    const result = await h2q.evaluate({ model, ...task, at: [700, 50] });
    expect(result.ties).toBe('expected');
    expect(result.at[700]).toMatchObject({ recall: 1, neighbourRecall: 1 });
    expect(result.at[700]?.precision).toBeCloseTo(0.25, 6);

    const reference = await h2q.evaluateCosine({ ...task, at: [10, 50] });
    expect(reference.neighbours.rows).toHaveLength(40 * 10);
    expect(reference.at[10]?.neighbourRecall).toBe(1);
    const { neighbours } = reference;
    expect(await h2q.evaluate({ model, ...task, at: [700, 50], neighbours })).toEqual(result);
  });

  it('takes a cut-off beyond the rows for all of them', async () => {
    const { at } = await h2q.evaluate({ model, ...task, at: [700, 2 ** 40] });
    expect(at[2 ** 40]).toEqual(at[700]);
    const reference = await h2q.evaluateCosine({ ...task, at: [700, 2 ** 40] });
    expect(reference.at[2 ** 40]).toEqual(reference.at[700]);
  });

  it('refuses labels of two kinds', async () => {
    const classes = (count: number) => ({ classes: count, values: new Uint8Array(700 * count).fill(1) });
    const cases: [object, string][] = [
      [
        { databaseLabels: classes(3) },
        'queryLabels: expected rows of 3 classes as in databaseLabels, got one label per row',
      ],
      [
        { databaseLabels: classes(3), queryLabels: { classes: 1, values: new Uint8Array(40) } },
        'queryLabels: expected rows of 3 classes as in databaseLabels, got rows of 1 class',
      ],
    ];
    for (const [labels, message] of cases) {
      await expect(h2q.evaluate({ model, ...task, ...labels })).rejects.toMatchObject({
        code: 'MISMATCH',
        message,
      });
    }
  });

  it('takes every kind of labels', async () => {
    const wanted = await h2q.evaluate({ model, ...task, ties: 'id' });
    const classes = 4;
    const oneHot = (rows: number) => ({
      classes,
      values: Uint8Array.from({ length: rows * classes }, (_, i) =>
        Math.floor(i / classes) % 4 === i % classes ? 1 : 0,
      ),
    });
    const kinds = [
      (rows: number) => Int32Array.from(labels(rows)),
      (rows: number) => BigInt64Array.from(labels(rows), BigInt),
      oneHot,
    ];
    for (const kind of kinds) {
      const same = { ...task, databaseLabels: kind(700), queryLabels: kind(40) };
      expect(await h2q.evaluate({ model, ...same, ties: 'id' })).toEqual(wanted);
    }
  });

  it('refuses labels that do not fit and cut-offs of 0', async () => {
    const short = { ...task, queryLabels: labels(39) };
    await expect(h2q.evaluate({ model, ...short })).rejects.toThrow(
      'queryLabels: expected labels of 40 rows, got 39',
    );
    await expect(h2q.evaluate({ model, ...task, at: [0] })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});
