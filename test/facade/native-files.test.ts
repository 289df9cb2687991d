/** Files of models and samples of files, on the native addon. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as h2q from '../../ts/node/index.js';
import { COLUMNS, randomMatrix, rowOf } from '../conformance/matrices.js';

const matrix = randomMatrix(700, 1);
let model: h2q.Model;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-native-'));
  ({ model } = await h2q.fit(matrix, { bits: 16, seed: 1 }));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a model', () => {
  it('survives a file', async () => {
    const path = join(folder, 'model');
    await model.save(path);
    expect(readdirSync(folder)).toEqual(['model']);
    const copy = await h2q.Model.load(path);
    expect(copy.toBytes()).toEqual(model.toBytes());
    expect((await copy.encode(matrix)).data).toEqual(model.encodeSync(matrix).data);
    rmSync(path);
  });

  it('refuses missing files', async () => {
    const missing = join(folder, 'none');
    await expect(h2q.Model.load(missing)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: /none: no such/,
    });
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
