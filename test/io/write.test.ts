import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { npyHeader, readCodes, readVectors, writeCodes, writeVectors } from '../../ts/io/index.js';
import { SLICE_BYTES } from '../../ts/slices.js';
import { type FakeVectors, useFakePlatform } from '../facade/fake-platform.js';
import { concat, seededRandom } from './memory.js';

let folder: string;
beforeEach(() => {
  useFakePlatform();
  folder = mkdtempSync(join(tmpdir(), 'h2q-write-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const inFolder = (name: string) => join(folder, name);

function randomMatrix(rows: number, columns: number) {
  const random = seededRandom(rows);
  return { data: Float32Array.from({ length: rows * columns }, () => random() * 2 - 1), columns };
}

async function readBack(path: string) {
  const { rows, columns, values } = (await readVectors(path)).core as unknown as FakeVectors;
  return { rows, columns, bytes: Buffer.from(values.buffer) };
}

/** Rows of 1,000 values that fill more than two slices. */
const LARGE = { rows: Math.ceil((2.5 * SLICE_BYTES) / 4000), columns: 1000 };

describe('vectors', () => {
  it.each([
    [1, 1],
    [5, 3],
    [LARGE.rows, LARGE.columns],
  ])('%d x %d come back as they went', async (rows, columns) => {
    const matrix = randomMatrix(rows, columns);
    await writeVectors(inFolder('x.npy'), matrix);
    const read = await readBack(inFolder('x.npy'));
    expect([read.rows, read.columns]).toEqual([rows, columns]);
    expect(read.bytes.equals(Buffer.from(matrix.data.buffer))).toBe(true);
    expect(readdirSync(folder)).toEqual(['x.npy']);
  });

  it('are a header and the values, nothing else', async () => {
    const data = Float32Array.from([1, -0, 0.5, Number.MAX_VALUE, Number.NaN, -1]);
    await writeVectors(inFolder('x.npy'), { data, columns: 2 });
    expect(readFileSync(inFolder('x.npy'))).toEqual(Buffer.from(concat(npyHeader('f4', [3, 2]), data)));
  });

  it('can be a part of a larger array', async () => {
    const whole = randomMatrix(10, 4).data;
    await writeVectors(inFolder('x.npy'), { data: whole.subarray(8, 20), columns: 4 });
    const { rows, bytes } = await readBack(inFolder('x.npy'));
    expect(rows).toBe(3);
    expect(bytes.equals(Buffer.from(whole.slice(8, 20).buffer))).toBe(true);
  });

  it('are refused under the extension of another format', async () => {
    const writing = writeVectors(inFolder('x.fvecs'), randomMatrix(1, 1));
    await expect(writing).rejects.toMatchObject({
      code: 'FILE_FORMAT',
      message: `${inFolder('x.fvecs')}: vectors are written to .npy`,
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('codes', () => {
  it('come back as they went', async () => {
    const codes = { data: Uint8Array.from([0, 1, 128, 255, 3, 4]), bits: 16 };
    await writeCodes(inFolder('c.npy'), codes);
    expect(await readCodes(inFolder('c.npy'))).toEqual(codes);
    expect(readdirSync(folder)).toEqual(['c.npy']);
  });

  it('keep their bytes, whatever the layout', async () => {
    const data = Uint8Array.from([1, 2, 3]);
    for (const layout of ['lsb', 'msb'] as const) {
      await writeCodes(inFolder(layout), { data, bits: 8, layout });
      expect(readFileSync(inFolder(layout))).toEqual(Buffer.from(concat(npyHeader('u1', [3, 1]), data)));
    }
  });
});

describe('what cannot be written leaves the old file and nothing else', () => {
  const old = 'old contents';
  beforeEach(() => writeFileSync(inFolder('x.npy'), old));
  afterEach(() => {
    expect(readdirSync(folder)).toEqual(['x.npy']);
    expect(readFileSync(inFolder('x.npy'), 'utf8')).toBe(old);
  });

  it('malformed vectors and codes', async () => {
    const [floats, bytes] = [new Float32Array(6), new Uint8Array(6)];
    const vectors = (data: Float32Array, columns: number) =>
      writeVectors(inFolder('x.npy'), { data, columns });
    const codes = (data: Uint8Array, bits: number) => writeCodes(inFolder('x.npy'), { data, bits });
    const cases: [() => Promise<void>, string, RegExp][] = [
      [() => vectors(floats, 4), 'INVALID_ARGUMENT', /^matrix: 6 values/],
      [() => vectors(floats, 0), 'INVALID_ARGUMENT', /^matrix: columns is 0/],
      [() => vectors(new Float32Array(0), 4), 'EMPTY_INPUT', /no rows/],
      [() => vectors([1] as never, 1), 'INVALID_ARGUMENT', /an Array/],
      [() => codes(bytes, 12), 'INVALID_ARGUMENT', /^codes: bits is 12/],
      [() => codes(bytes, 32), 'INVALID_ARGUMENT', /^codes: 6 bytes/],
      [() => codes(new Uint8Array(0), 8), 'EMPTY_INPUT', /no rows/],
      [() => codes(floats as never, 8), 'INVALID_ARGUMENT', /^codes: data is a Float32Array/],
    ];
    for (const [write, code, message] of cases) {
      await expect(write()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    }
  });

  it('a path in no folder', async () => {
    const path = inFolder('none/x.npy');
    const wanted = { code: 'FILE_UNWRITABLE', details: { file: path } };
    await expect(writeVectors(path, randomMatrix(1, 1))).rejects.toMatchObject(wanted);
    await expect(writeCodes(path, { data: new Uint8Array(1), bits: 8 })).rejects.toMatchObject(wanted);
  });

  it('an abort, before the start or between slices, with its reason', async () => {
    const reason = new Error('enough');
    const matrix = randomMatrix(LARGE.rows, LARGE.columns);
    const early = writeVectors(inFolder('x.npy'), matrix, { signal: AbortSignal.abort(reason) });
    await expect(early).rejects.toBe(reason);

    // One turn more each time, so that aborts fall everywhere into the writing.
    for (let turns = 1; turns <= 5; turns++) {
      const controller = new AbortController();
      const writing = writeVectors(inFolder('x.npy'), matrix, { signal: controller.signal });
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      controller.abort(reason);
      await expect(writing).rejects.toBe(reason);
    }
  });

  it('an array that is transferred meanwhile', async () => {
    const matrix = randomMatrix(LARGE.rows, LARGE.columns);
    const writing = writeVectors(inFolder('x.npy'), matrix);
    structuredClone(matrix.data.buffer, { transfer: [matrix.data.buffer] });
    await expect(writing).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'data: the array was detached or resized while it was written',
    });
  });
});
