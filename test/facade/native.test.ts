/** The facade on the native addon. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as h2q from '../../ts/node/index.js';
import { seededRandom } from '../io/memory.js';

const COLUMNS = 32;
const matrix = randomMatrix(700, 1);
let model: h2q.Model;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-native-'));
  ({ model } = await h2q.fit(matrix, { bits: 16, seed: 1 }));
});
afterAll(() => rmSync(folder, { recursive: true }));

function randomMatrix(rows: number, seed: number, columns = COLUMNS): h2q.Matrix {
  const random = seededRandom(seed);
  const data = Float32Array.from(
    { length: rows * columns },
    (_, i) => (random() + random() - 1) * (1 + (i % 5)),
  );
  return { data, columns };
}

/** Four labels that the vectors decide: the signs of the first two coordinates. */
function signsOf({ data, columns }: h2q.Matrix): Int32Array {
  const sign = (at: number) => (data[at]! > 0 ? 1 : 0);
  return Int32Array.from({ length: data.length / columns }, (_, row) => {
    return sign(row * columns) + 2 * sign(row * columns + 1);
  });
}

function rowOf({ data, columns }: h2q.Matrix, row: number): h2q.Matrix {
  return { data: data.slice(row * columns, (row + 1) * columns), columns };
}

it('names its backend', () => {
  expect(h2q.info()).toMatchObject({
    backend: 'native',
    version: expect.any(String),
    simd: expect.any(String),
  });
  expect(h2q.info().threads).toBeGreaterThan(0);
});

describe('fit', () => {
  it('gives the same model blocking or not, from a matrix or from vectors', async () => {
    const options = { solver: 'sgd', epochs: 3, seed: 7 } as const;
    const results = [
      await h2q.fit(matrix, options),
      await h2q.fit(await h2q.Vectors.from(matrix), { ...options, threads: 1 }),
      h2q.fitSync(matrix, options),
    ];
    expect(new Set(results.map((result) => result.model.fingerprint)).size).toBe(1);
    for (const { history, summary } of results) {
      expect(history.map((report) => report.epoch)).toEqual([1, 2, 3]);
      expect(summary).toMatchObject({
        rows: 700,
        dimensions: COLUMNS,
        bits: COLUMNS,
        solver: 'sgd',
        epochs: 3,
      });
    }
  });

  it('auto chooses among all methods and says what each scored', async () => {
    const validation = randomMatrix(100, 5);
    const labels = signsOf(matrix);
    const validationLabels = signsOf(validation);
    const options = { method: 'auto', validation, labels, validationLabels } as const;
    const { model, summary, history } = await h2q.fit(matrix, { ...options, criterion: 'neighbours' });
    const candidates = summary.candidates ?? [];
    expect(candidates.map(({ method }) => method)).toEqual(['identity', 'random', 'itq', 'h2q']);
    const best = Math.max(...candidates.map(({ neighbourRecall }) => neighbourRecall));
    const winner = candidates.find(({ method }) => method === summary.method);
    expect(winner?.neighbourRecall).toBe(best);
    const judged = {
      database: matrix,
      databaseLabels: labels,
      queries: validation,
      queryLabels: validationLabels,
    };
    const { at } = await h2q.evaluate({ model, ...judged, at: [100] });
    expect(winner?.labelPrecision).toBe(at[100]?.precision);
    // Of labels that have nothing to do with the vectors it would be a quarter.
    for (const { labelPrecision } of candidates) expect(labelPrecision).toBeGreaterThan(0.3);
    expect(new Set(history.map(({ method }) => method))).toEqual(new Set(['itq', 'h2q']));
    expect(model.summary).not.toHaveProperty('candidates');

    const again = h2q.fitSync(matrix, { ...options, criterion: 'neighbours', threads: 1 });
    expect(again.model.fingerprint).toBe(model.fingerprint);
    const unlabelled = await h2q.fit(matrix, { method: 'auto' });
    expect(unlabelled.summary.criterion).toBe('neighbours');
    expect(unlabelled.summary.candidates?.[0]).not.toHaveProperty('labelPrecision');
  });

  it('an early stop ends one method and not the choice', async () => {
    // A loss far above that of ITQ, l2: what a method reached must not end the next.
    const options = { method: 'auto', criterion: 'loss', loss: 'min-entropy' } as const;
    const losses = async (earlyStop?: { patience: number }) => {
      const { history, summary } = await h2q.fit(matrix, { ...options, earlyStop });
      expect(summary.candidates).toHaveLength(4);
      const of = (method: string) =>
        history.filter((report) => report.method === method).map((report) => report.validationLoss);
      return { itq: of('itq'), h2q: of('h2q') };
    };
    const whole = await losses();
    const stopped = await losses({ patience: 1 });
    for (const method of ['itq', 'h2q'] as const) {
      // Up to the first epoch without a lower loss, with that epoch, and not beyond.
      const first = whole[method].findIndex((loss, i, all) => i > 0 && loss >= Math.min(...all.slice(0, i)));
      const end = first < 0 ? whole[method].length : first + 1;
      expect(stopped[method]).toEqual(whole[method].slice(0, end));
      expect(end).toBeGreaterThan(1);
    }
    expect([whole.itq.length, stopped.itq.length < 50]).toEqual([50, true]);
  });

  it.each([{}, { earlyStop: { patience: 1 } }])(
    'progress of auto with %j only rises, to the end',
    async (more) => {
      const shares: number[] = [];
      const onProgress = ({ epochsDone, plannedEpochs }: h2q.Progress) => {
        shares.push(epochsDone / plannedEpochs);
      };
      const { history } = await h2q.fit(matrix, { method: 'auto', ...more, onProgress });
      expect(shares).toHaveLength(history.length);
      expect(shares).toEqual(shares.toSorted((a, b) => a - b));
      expect([shares[0]! > 0, shares.at(-1)]).toEqual([true, 1]);
    },
  );

  it('released vectors are refused everywhere', async () => {
    const vectors = await h2q.Vectors.from(matrix);
    await h2q.fit(vectors, { bits: 8, release: true });
    expect(vectors.isReleased).toBe(true);
    const wanted = { code: 'INVALID_ARGUMENT', message: 'vectors: these vectors were released' };
    await expect(h2q.fit(vectors)).rejects.toMatchObject(wanted);
    await expect(model.encode(vectors)).rejects.toMatchObject(wanted);
    vectors.release();
  });

  it('turns by one reflection when asked for one', async () => {
    const options = { solver: 'sgd', epochs: 2, reflections: 1 } as const;
    const { model } = await h2q.fit(matrix, options);
    // X - X H = (X v) 2vᵀ/(vᵀv): all rows are multiples of one.
    const turned = (await model.transform(matrix)).data;
    const difference = (row: number) =>
      [...turned.slice(row * COLUMNS, (row + 1) * COLUMNS)].map(
        (z, j) => matrix.data[row * COLUMNS + j]! - z,
      );
    const norm = (a: number[]) => Math.hypot(...a);
    const first = difference(0);
    for (let row = 1; row < 20; row++) {
      const other = difference(row);
      const inner = other.reduce((sum, value, j) => sum + value * first[j]!, 0);
      expect(Math.abs(inner) / norm(first) / norm(other)).toBeCloseTo(1, 4);
    }
  });

  it('leaves the event loop free', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const started = performance.now();
    await h2q.fit(randomMatrix(3000, 2, 64), { solver: 'sgd', epochs: 8 });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan((performance.now() - started) / 5 / 4);
  });

  it('rejects within 50 ms of an abort, and settled() ends soon after', async () => {
    const controller = new AbortController();
    const running = h2q.fit(matrix, { solver: 'sgd', epochs: 1_000_000, signal: controller.signal });
    await delay(100);
    const abortedAt = performance.now();
    controller.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    expect(performance.now() - abortedAt).toBeLessThan(50);
    await h2q.settled();
    expect(performance.now() - abortedAt).toBeLessThan(250);
  });

  it.each<[string, h2q.FitOptions, object]>([
    ['bits of 12', { bits: 12 }, { code: 'INVALID_BITS' }],
    ['more bits than dimensions', { bits: 40 }, { code: 'INVALID_BITS' }],
    [
      'a rate without sgd',
      { learningRate: 1 },
      { code: 'INVALID_OPTION', details: { option: 'learningRate' } },
    ],
    [
      'reflections without sgd',
      { reflections: 4 },
      { code: 'INVALID_OPTION', details: { option: 'reflections' } },
    ],
    [
      'more reflections than bits',
      { solver: 'sgd', bits: 8, reflections: 9 },
      { code: 'INVALID_OPTION', details: { option: 'reflections' } },
    ],
    ['other validation dimensions', { validation: randomMatrix(5, 1, 8) }, { code: 'MISMATCH' }],
  ])('%s is an H2qError of the core', async (_, options, wanted) => {
    await expect(h2q.fit(matrix, options)).rejects.toBeInstanceOf(h2q.H2qError);
    await expect(h2q.fit(matrix, options)).rejects.toMatchObject(wanted);
    expect(() => h2q.fitSync(matrix, options)).toThrow(h2q.H2qError);
  });

  it('names row and column of a NaN', async () => {
    const data = matrix.data.with(5 * COLUMNS + 3, NaN);
    const wanted = { code: 'NOT_FINITE', details: { row: 5, column: 3 } };
    await expect(h2q.fit({ data, columns: COLUMNS })).rejects.toMatchObject(wanted);
  });
});

describe('a sample of a file', () => {
  it('is the rows it names, the same for a seed, and all of a small file', async () => {
    const path = join(folder, 'x.npy');
    await h2q.writeVectors(path, matrix);
    const { vectors, rows } = await h2q.sampleVectors(path, { rows: 50, seed: 3 });
    expect(vectors.rows).toBe(50);
    const data = Float32Array.from([...(rows ?? [])].flatMap((row) => [...rowOf(matrix, row).data]));
    const sample = await model.transform(vectors);
    expect(sample).toEqual(await model.transform({ data, columns: COLUMNS }));
    expect((await h2q.sampleVectors(path, { rows: 50, seed: 3 })).rows).toEqual(rows);
    expect((await h2q.sampleVectors(path, { rows: 50, seed: 4 })).rows).not.toEqual(rows);

    const whole = await h2q.sampleVectors(path);
    expect(whole.rows).toBeUndefined();
    expect(whole.vectors.rows).toBe(700);
    await expect(h2q.sampleVectors(path, { rows: 0 })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    rmSync(path);
  });

  it('ends at an abort with its reason', async () => {
    const path = join(folder, 'y.npy');
    await h2q.writeVectors(path, matrix);
    const signal = AbortSignal.abort(new Error('mine'));
    await expect(h2q.sampleVectors(path, { rows: 5, signal })).rejects.toThrow('mine');
    rmSync(path);
  });
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
