/** Re-ranking through the facade on the native addon. */

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { npyHeader } from '../../ts/io/npy.js';
import * as h2q from '../../ts/node/index.js';
import { concat, seededRandom } from '../io/memory.js';

const [ROWS, COLUMNS, QUERIES, BITS] = [400, 24, 12, 16];
const database = randomMatrix(ROWS, 1);
const queries = randomMatrix(QUERIES, 2);
const ids = BigInt64Array.from({ length: ROWS }, (_, row) => BigInt((row * 37) % ROWS) - 200n);
let folder: string;
let model: h2q.Model;
let codes: h2q.Codes;
let factors: Float32Array;
let query: h2q.Codes;
let transformed: h2q.Matrix;
let index: h2q.HammingIndex;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-rerank-'));
  ({ model } = await h2q.fit(database, { bits: BITS, seed: 1 }));
  codes = await model.encode(database);
  factors = await model.factors(database);
  query = await model.encode(queries);
  transformed = await model.transform(queries);
  index = await h2q.HammingIndex.build(codes, { ids, factors });
});
afterAll(() => rmSync(folder, { recursive: true }));

function randomMatrix(rows: number, seed: number): h2q.Matrix {
  const random = seededRandom(seed);
  const data = Float32Array.from(
    { length: rows * COLUMNS },
    (_, i) => (random() + random() - 1) * (1 + (i % 5)),
  );
  return { data, columns: COLUMNS };
}

function rowOf({ data, columns }: h2q.Matrix, row: number): number[] {
  return [...data.subarray(row * columns, (row + 1) * columns)];
}

function dot(a: number[], b: number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function cosine(a: number[], b: number[]): number {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function signsOf(row: number): number[] {
  return Array.from({ length: BITS }, (_, j) =>
    (codes.data[row * (BITS / 8) + (j >> 3)]! >> (j & 7)) & 1 ? 1 : -1,
  );
}

/** The k best of all rows by (score descending, id). */
function ranking(score: (row: number) => number, k: number): { row: number; score: number }[] {
  return Array.from({ length: ROWS }, (_, row) => ({ row, score: Math.fround(score(row)) }))
    .sort((a, b) => b.score - a.score || Number(ids[a.row]! - ids[b.row]!))
    .slice(0, k);
}

function expectHits(result: h2q.RerankedResult, score: (query: number, row: number) => number, k: number) {
  expect([result.k, result.rows.length, result.scores.length]).toEqual([k, QUERIES * k, QUERIES * k]);
  const plain = index.searchSync(query, ROWS);
  for (let q = 0; q < QUERIES; q++) {
    const wanted = ranking((row) => score(q, row), k);
    wanted.forEach(({ row, score }, rank) => {
      const hit = q * k + rank;
      expect(result.rows[hit]).toBe(row);
      expect(result.ids?.[hit]).toBe(ids[row]);
      expect(result.scores[hit]).toBeCloseTo(score, 4);
      const at = plain.rows.subarray(q * ROWS, (q + 1) * ROWS).indexOf(row);
      expect(result.distances[hit]).toBe(plain.distances[q * ROWS + at]);
    });
  }
}

/** The three formats of the database, and float64. */
function files(): string[] {
  const { data, columns } = database;
  const path = (name: string, ...parts: ArrayBufferView[]) => {
    const file = join(folder, name);
    writeFileSync(file, concat(...parts));
    return file;
  };
  const counted = Array.from({ length: ROWS }, (_, row) => [
    new Int32Array([columns]),
    data.subarray(row * columns, (row + 1) * columns),
  ]).flat();
  return [
    path('x.npy', npyHeader('f4', [ROWS, columns]), data),
    path('x8.npy', npyHeader('f8', [ROWS, columns]), Float64Array.from(data)),
    path('x.fvecs', ...counted),
    path('x.fbin', new Uint32Array([ROWS, columns]), data),
  ];
}

describe('rerank asymmetric', () => {
  it('orders all candidates by the float query against the codes, times the factors', async () => {
    const everything = { rerank: 'asymmetric', vectors: transformed, oversample: ROWS } as const;
    const score = (q: number, row: number) => dot(rowOf(transformed, q), signsOf(row));
    expectHits(await index.search(query, 7, everything), (q, row) => score(q, row) * factors[row]!, 7);
    const plain = await h2q.HammingIndex.build(codes, { ids });
    expectHits(await plain.search(query, 7, everything), score, 7);
  });

  it('estimates distances with the norms of the rows', async () => {
    const norms = await model.factors(database, { metric: 'euclidean' });
    const withNorms = await h2q.HammingIndex.build(codes, { ids, factors: norms });
    const everything = { rerank: 'asymmetric', vectors: transformed, oversample: ROWS } as const;
    const score = (q: number, row: number) => {
      const [z, norm] = [rowOf(transformed, q), -norms[row]!];
      const absolute = z.reduce((sum, value) => sum + Math.abs(value), 0);
      const product = (norm * Math.sqrt(dot(z, z)) * dot(z, signsOf(row))) / absolute;
      return product - norm ** 2 / 2 - dot(z, z) / 2;
    };
    expectHits(await withNorms.search(query, 7, everything), score, 7);
    // Through a file: factors keep their sign.
    const opened = await h2q.HammingIndex.open(await withNorms.toBytes());
    expect(await opened.search(query, 7, everything)).toEqual(await withNorms.search(query, 7, everything));
  });

  it('gives the same blocking or not, for every number of threads and alone', async () => {
    const options = { rerank: 'asymmetric', vectors: transformed } as const;
    const all = await index.search(query, 5, options);
    expect(index.searchSync(query, 5, { ...options, threads: 1 })).toEqual(all);
    expect(
      await index.search(query, 5, { ...options, vectors: await h2q.Vectors.from(transformed) }),
    ).toEqual(all);
    const one = { data: query.data.slice(0, BITS / 8), bits: BITS };
    const alone = index.searchSync(one, 5, {
      rerank: 'asymmetric',
      vectors: { data: transformed.data.slice(0, BITS), columns: BITS },
    });
    expect(alone.scores).toEqual(all.scores.slice(0, 5));
    expect(alone.rows).toEqual(all.rows.slice(0, 5));
  });

  it('sees only the k x oversample nearest, 8 by default, and all rows where there are fewer', async () => {
    const nearest = await index.search(query, 40);
    const asymmetric = { rerank: 'asymmetric', vectors: transformed } as const;
    const best = await index.search(query, 5, asymmetric);
    expect(await index.search(query, 5, { ...asymmetric, oversample: 8 })).toEqual(best);
    for (let q = 0; q < QUERIES; q++) {
      const candidates = new Set(nearest.rows.subarray(q * 40, (q + 1) * 40));
      for (const row of best.rows.subarray(q * 5, (q + 1) * 5)) expect(candidates).toContain(row);
    }
    // Without room to choose only the order changes.
    const same = await index.search(query, 40, { ...asymmetric, oversample: 1 });
    expect([...same.rows].sort()).toEqual([...nearest.rows].sort());
    expect((await index.search(query, 2 ** 50, asymmetric)).k).toBe(ROWS);
  });
});

describe('factors', () => {
  it('are the formulas of their metric, one per row', async () => {
    const z = await model.transform(database);
    const norms = (row: number) => {
      const values = rowOf(z, row);
      return {
        l1: values.reduce((sum, value) => sum + Math.abs(value), 0),
        l2: Math.sqrt(dot(values, values)),
      };
    };
    const products = model.factorsSync(database, { metric: 'inner-product', threads: 1 });
    expect([factors.length, products.length]).toEqual([ROWS, ROWS]);
    for (let row = 0; row < ROWS; row++) {
      const { l1, l2 } = norms(row);
      expect(factors[row]).toBeCloseTo(l2 / l1, 6);
      expect(products[row]).toBeCloseTo((l2 * l2) / l1, 5);
    }
    // Of the rows before the projection.
    const mean = Array.from({ length: COLUMNS }, (_, j) => {
      let sum = 0;
      for (let row = 0; row < ROWS; row++) sum += database.data[row * COLUMNS + j]!;
      return sum / ROWS;
    });
    const distances = await model.factors(database, { metric: 'euclidean' });
    for (let row = 0; row < ROWS; row++) {
      const centred = rowOf(database, row).map((value, j) => value - mean[j]!);
      // The fit's own mean leaves out the rows that it validates with.
      expect(distances[row]! / -Math.sqrt(dot(centred, centred))).toBeCloseTo(1, 1);
    }
    const unknown = { metric: 'l2' as 'cosine' };
    await expect(model.factors(database, unknown)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('of another number, kind or value are refused', async () => {
    const cases: [unknown, object][] = [
      [
        factors.subarray(1),
        { code: 'MISMATCH', message: `factors: expected one per code, ${ROWS}, got ${ROWS - 1}` },
      ],
      [[...factors], { code: 'INVALID_ARGUMENT', message: 'factors: expected a Float32Array, got an Array' }],
      [factors.with(7, NaN), { code: 'NOT_FINITE', details: { row: 7 } }],
    ];
    for (const [bad, wanted] of cases) {
      const options = { factors: bad as Float32Array };
      await expect(h2q.HammingIndex.build(codes, options)).rejects.toMatchObject(wanted);
    }
  });
});

describe('rerank float', () => {
  it('orders all candidates by the exact cosine, from memory and from every format', async () => {
    const score = (q: number, row: number) => cosine(rowOf(queries, q), rowOf(database, row));
    const options = { rerank: 'float', vectors: queries, oversample: ROWS } as const;
    const originals = await h2q.Vectors.from(database);
    const wanted = await index.search(query, 6, { ...options, originals });
    expectHits(wanted, score, 6);
    for (const path of files()) {
      const originals = await h2q.openVectors(path);
      expect([originals.rows, originals.columns, originals.path]).toEqual([ROWS, COLUMNS, path]);
      expect(await index.search(query, 6, { ...options, originals })).toEqual(wanted);
      expect(index.searchSync(query, 6, { ...options, originals, threads: 1 })).toEqual(wanted);
      originals.close();
    }
  });

  it('after close the file is refused', async () => {
    const originals = await h2q.openVectors(files()[0]!);
    const options = { rerank: 'float', vectors: queries, originals } as const;
    const running = index.search(query, 3, options);
    originals.close();
    originals.close();
    expect(originals.isClosed).toBe(true);
    // The search had not come to its re-ranking yet.
    const wanted = { code: 'INVALID_ARGUMENT', message: 'originals: these vectors were closed' };
    await expect(running).rejects.toMatchObject(wanted);
    await expect(index.search(query, 3, options)).rejects.toMatchObject(wanted);
    const held = await h2q.Vectors.from(database);
    held.release();
    expect(() => index.searchSync(query, 3, { ...options, originals: held })).toThrow('were released');
  });

  it('a bad row is named with its file when it is read, a bad file when it is opened', async () => {
    const [npy, , fvecs] = files() as [string, string, string];
    const search = async (path: string) => {
      const originals = await h2q.openVectors(path);
      try {
        return await index.search(query, 50, { rerank: 'float', vectors: queries, originals });
      } finally {
        originals.close();
      }
    };
    const bytes = readFileSync(npy);
    bytes.writeFloatLE(NaN, 128 + (77 * COLUMNS + 5) * 4);
    writeFileSync(npy, bytes);
    await expect(search(npy)).rejects.toMatchObject({
      code: 'NOT_FINITE',
      message: `${npy}: row 77, column 5: NaN is not a finite float32`,
      details: { file: npy, row: 77, column: 5 },
    });
    const counted = readFileSync(fvecs);
    counted.writeInt32LE(COLUMNS + 1, 30 * (COLUMNS + 1) * 4);
    writeFileSync(fvecs, counted);
    await expect(search(fvecs)).rejects.toMatchObject({
      code: 'MISMATCH',
      message: `${fvecs}: dimensions of row 30: expected ${COLUMNS}, got ${COLUMNS + 1}`,
    });

    truncateSync(npy, bytes.length - 4);
    await expect(h2q.openVectors(npy)).rejects.toMatchObject({ code: 'FILE_FORMAT' });
    await expect(h2q.openVectors(join(folder, 'none.npy'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(h2q.openVectors(join(folder, 'x.txt'))).rejects.toMatchObject({ code: 'FILE_FORMAT' });
    await expect(h2q.openVectors(`${folder}/.npy`)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('a search with re-ranking refuses', () => {
  const few = { data: database.data.slice(0, 10 * COLUMNS), columns: COLUMNS };
  const narrow = { data: queries.data.slice(0, QUERIES * 8), columns: 8 };
  const cases: [string, () => object, string, string][] = [
    [
      'an unknown kind',
      () => ({ rerank: 'exact' }),
      'INVALID_OPTION',
      "rerank: 'exact' is not one of asymmetric, float",
    ],
    [
      'no vectors',
      () => ({ rerank: 'asymmetric' }),
      'INVALID_ARGUMENT',
      "vectors: missing: rerank 'asymmetric'",
    ],
    [
      'vectors alone',
      () => ({ vectors: transformed }),
      'INVALID_ARGUMENT',
      'vectors: needs the option rerank',
    ],
    [
      'oversample alone',
      () => ({ oversample: 2 }),
      'INVALID_ARGUMENT',
      'oversample: needs the option rerank',
    ],
    [
      'originals for codes',
      () => ({ rerank: 'asymmetric', vectors: transformed, originals: h2q.Vectors.fromSync(database) }),
      'INVALID_ARGUMENT',
      "originals: belongs to rerank 'float' alone",
    ],
    ['no originals', () => ({ rerank: 'float', vectors: queries }), 'INVALID_ARGUMENT', 'originals: missing'],
    [
      'a matrix as originals',
      () => ({ rerank: 'float', vectors: queries, originals: database }),
      'INVALID_ARGUMENT',
      'originals: expected what openVectors or Vectors.from gives, got an Object',
    ],
    [
      'originals of another index',
      () => ({ rerank: 'float', vectors: queries, originals: h2q.Vectors.fromSync(few) }),
      'MISMATCH',
      `originals: expected ${ROWS} rows as in the index, got 10`,
    ],
    [
      'queries of other dimensions',
      () => ({ rerank: 'float', vectors: narrow, originals: h2q.Vectors.fromSync(database) }),
      'MISMATCH',
      `vectors: expected ${COLUMNS} dimensions, got 8`,
    ],
    [
      'queries that were not transformed',
      () => ({ rerank: 'asymmetric', vectors: queries }),
      'MISMATCH',
      `vectors: expected ${BITS} dimensions, got ${COLUMNS}`,
    ],
    [
      'vectors of other queries',
      () => ({ rerank: 'asymmetric', vectors: { data: transformed.data.map((z) => -z), columns: BITS } }),
      'INVALID_OPTION',
      `vectors: row 0, with ${BITS} of ${BITS} signs unlike its code`,
    ],
    [
      'fewer vectors than queries',
      () => ({ rerank: 'asymmetric', vectors: { data: transformed.data.slice(BITS), columns: BITS } }),
      'MISMATCH',
      `vectors: expected ${QUERIES} rows as there are queries, got ${QUERIES - 1}`,
    ],
    [
      'a NaN',
      () => ({ rerank: 'asymmetric', vectors: { data: transformed.data.with(BITS, NaN), columns: BITS } }),
      'NOT_FINITE',
      'vectors: row 1, column 0',
    ],
    [
      'oversample of 0',
      () => ({ rerank: 'asymmetric', vectors: transformed, oversample: 0 }),
      'INVALID_OPTION',
      'oversample: 0 is not',
    ],
    [
      'half an oversample',
      () => ({ rerank: 'asymmetric', vectors: transformed, oversample: 1.5 }),
      'INVALID_OPTION',
      'oversample: 1.5 is not',
    ],
  ];
  it.each(cases)('%s', async (_, options, code, message) => {
    const bad = options() as h2q.RerankOptions;
    const wanted = { code, message: expect.stringContaining(message) };
    await expect(index.search(query, 3, bad)).rejects.toMatchObject(wanted);
    expect(() => index.searchSync(query, 3, bad)).toThrow(expect.objectContaining(wanted));
  });

  it('a radius', async () => {
    const options = { rerank: 'asymmetric', vectors: transformed };
    const wanted = {
      code: 'INVALID_ARGUMENT',
      message: 'rerank: a search within a radius has no re-ranking',
    };
    await expect(index.searchRadius(query, 3, options as object)).rejects.toMatchObject(wanted);
  });

  it('to go on after an abort', async () => {
    const signal = AbortSignal.abort(new Error('mine'));
    const options = { rerank: 'asymmetric', vectors: transformed, signal } as const;
    await expect(index.search(query, 3, options)).rejects.toThrow('mine');
  });
});

it('evaluate: fewer rows than neighbours, all of them are found', async () => {
  const small = { data: database.data.slice(0, 4 * COLUMNS), columns: COLUMNS };
  const { model } = await h2q.fit(randomMatrix(50, 5), { bits: 8 });
  const labels = new Uint8Array(4);
  const task = { model, database: small, databaseLabels: labels, queries: small, queryLabels: labels };
  const { rerank } = await h2q.evaluate({ ...task, rerank: true });
  expect(rerank).toMatchObject({ k: 4, neighbourRecall: { hamming: 1, asymmetric: 1, float: 1 } });
});
