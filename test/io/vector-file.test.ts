import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { npyHeader, readCodes, readLabels, readVectors, VectorFile } from '../../ts/io/index.js';
import { type FakeVectors, useFakePlatform } from '../facade/fake-platform.js';
import { concat, seededRandom } from './memory.js';

let folder: string;
beforeEach(() => {
  useFakePlatform();
  folder = mkdtempSync(join(tmpdir(), 'h2q-io-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, ...parts: ArrayBufferView[]): string {
  const path = join(folder, name);
  writeFileSync(path, concat(...parts));
  return path;
}

function randomValues(count: number, seed = 1): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => random() * 2 - 1);
}

/** The three formats of one matrix. */
function writeAll(values: Float32Array, columns: number): string[] {
  const rows = values.length / columns;
  const fvecs = Array.from({ length: rows }, (_, row) => [
    new Int32Array([columns]),
    values.subarray(row * columns, (row + 1) * columns),
  ]).flat();
  return [
    write('x.npy', npyHeader('f4', [rows, columns]), values),
    write('x.fvecs', ...fvecs),
    write('x.fbin', new Uint32Array([rows, columns]), values),
  ];
}

function valuesOf(vectors: { core: unknown }): number[] {
  return [...(vectors.core as FakeVectors).values];
}

it.each([
  [1, 1],
  [1, 7],
  [5, 1],
  [33, 17],
])('%d x %d: the formats agree, whole and in blocks of any size', async (rows, columns) => {
  const values = randomValues(rows * columns);
  for (const path of writeAll(values, columns)) {
    expect(valuesOf(await readVectors(path))).toEqual([...values]);

    for (const blockBytes of [1, columns * 4, columns * 8 + 1, 1 << 20]) {
      const file = await VectorFile.open(path);
      const inBlocks: number[] = [];
      for await (const { firstRow, vectors } of file.blocks({ blockBytes })) {
        expect(firstRow).toBe(inBlocks.length / columns);
        expect(vectors.rows * columns * 4).toBeLessThanOrEqual(Math.max(blockBytes, columns * 4));
        inBlocks.push(...valuesOf(vectors));
      }
      await file.close();
      expect(inBlocks).toEqual([...values]);
    }
  }
});

it('rows of more than one slice', async () => {
  const values = randomValues(1500 * 1000);
  const [path] = writeAll(values, 1000);
  const seen: number[] = [];
  const vectors = await readVectors(path!, { onProgress: (rows) => seen.push(rows) });
  const read = (vectors.core as unknown as FakeVectors).values;
  expect(Buffer.from(read.buffer).equals(Buffer.from(values.buffer))).toBe(true);
  expect(seen).toEqual([1048, 1500]);
});

it('a NaN is named by its row in the file, also in a later block', async () => {
  const values = randomValues(20 * 3);
  values[17 * 3 + 2] = NaN;
  for (const path of writeAll(values, 3)) {
    const wanted = { code: 'NOT_FINITE', details: { file: path, row: 17, column: 2 } };
    await expect(readVectors(path)).rejects.toMatchObject(wanted);
    await expect(readVectors(path)).rejects.toThrow(`${path}: row 17, column 2`);
    const file = await VectorFile.open(path);
    const readAll = async () => {
      for await (const _ of file.blocks({ blockBytes: 24 }));
    };
    await expect(readAll()).rejects.toMatchObject(wanted);
    await file.close();
  }
});

describe('malformed files', () => {
  const cases: [string, ArrayBufferView[], string, RegExp][] = [
    ['short.fbin', [new Uint8Array(7)], 'FILE_FORMAT', /truncated/],
    [
      'cut.fbin',
      [new Uint32Array([2, 3]), new Float32Array(5)],
      'FILE_FORMAT',
      /promises 32 bytes, the file has 28/,
    ],
    ['long.fbin', [new Uint32Array([2, 3]), new Float32Array(7)], 'FILE_FORMAT', /4 bytes too many/],
    ['empty.fbin', [new Uint32Array([0, 3])], 'EMPTY_INPUT', /no rows/],
    ['empty.fvecs', [], 'EMPTY_INPUT', /no rows/],
    ['flat.fvecs', [new Int32Array([0])], 'EMPTY_INPUT', /no columns/],
    ['cut.fvecs', [new Int32Array([3, 0, 0])], 'FILE_FORMAT', /truncated/],
    ['uneven.fvecs', [new Int32Array([2, 0, 0, 3, 0, 0])], 'FILE_FORMAT', /row 1: 3 dimensions, row 0 has 2/],
    ['vectors.txt', [new Uint8Array(8)], 'FILE_FORMAT', /unknown extension.*\.npy, \.fvecs, .*\.fbin/],
  ];

  it.each(cases)('%s', async (name, parts, code, message) => {
    const path = write(name, ...parts);
    await expect(readVectors(path)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(readVectors(path)).rejects.toThrow(`${path}: `);
  });

  it('missing files and folders', async () => {
    const missing = join(folder, 'none.npy');
    await expect(readVectors(missing)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      details: { file: missing },
    });
    const asFolder = join(write('f.npy', new Uint8Array(1)), 'x.npy');
    await expect(readVectors(asFolder)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(readCodes(folder)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});

it('an abort between slices ends the reading with the reason', async () => {
  const [path] = writeAll(randomValues(3000 * 1000), 1000);
  const controller = new AbortController();
  const reason = new Error('enough');
  const reading = readVectors(path!, {
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await expect(reading).rejects.toBe(reason);
});

describe('codes and labels', () => {
  it('codes have 8 bits per column', async () => {
    const data = Uint8Array.from([1, 2, 3, 4, 5, 6]);
    expect(await readCodes(write('c.npy', npyHeader('u1', [3, 2]), data))).toEqual({ data, bits: 16 });
  });

  it('codes of another type or shape are refused', async () => {
    const floats = write('c.npy', npyHeader('f4', [1, 2]), new Float32Array(2));
    await expect(readCodes(floats)).rejects.toThrow(`${floats}: values of type <f4; codes must be u1`);
    const flat = write('d.npy', npyHeader('u1', [4]), new Uint8Array(4));
    await expect(readCodes(flat)).rejects.toThrow('codes must be 2-d');
  });

  it('labels of each type, one per row', async () => {
    const arrays = [
      ['u1', Uint8Array.from([0, 255, 3])],
      ['i4', Int32Array.from([0, -(2 ** 31), 3])],
      ['i8', BigInt64Array.from([0n, -(2n ** 63n), 3n])],
    ] as const;
    for (const [type, values] of arrays) {
      expect(await readLabels(write(`${type}.npy`, npyHeader(type, [3]), values))).toEqual(values);
    }
  });

  it('labels of some rows, from files of several slices', async () => {
    const count = 600_000;
    const single = Int32Array.from({ length: count }, (_, i) => 3 * i);
    const multi = Uint8Array.from({ length: count * 3 }, (_, i) => (i * i) % 2);
    const chosen = Float64Array.from([0, 1, 262_143, 262_144, 400_000, count - 1]);
    const files = [
      write('s.npy', npyHeader('i4', [count]), single),
      write('m.npy', npyHeader('u1', [count, 3]), multi),
    ] as const;
    expect(await readLabels(files[0])).toEqual(single);
    expect(await readLabels(files[0], { rows: chosen })).toEqual(Int32Array.from(chosen, (row) => 3 * row));
    expect(await readLabels(files[1])).toEqual({ classes: 3, values: multi });
    const rows = [...chosen].flatMap((row) => [...multi.subarray(3 * row, 3 * row + 3)]);
    expect(await readLabels(files[1], { rows: chosen })).toEqual({
      classes: 3,
      values: Uint8Array.from(rows),
    });

    const late = write('l.npy', npyHeader('u1', [count, 3]), multi.with(3 * 500_000 + 1, 7));
    const refused = `${late}: row 500000, class 1: 7 is neither 0 nor 1`;
    await expect(readLabels(late, { rows: chosen })).rejects.toThrow(refused);
    const signal = AbortSignal.abort(new Error('mine'));
    await expect(readLabels(files[0], { signal })).rejects.toThrow('mine');
  });

  it('labels of several classes', async () => {
    const wanted = { classes: 2, values: Uint8Array.from([0, 1, 1, 1]) };
    const arrays = [
      ['u1', Uint8Array.from(wanted.values)],
      ['b1', Uint8Array.from(wanted.values)],
      ['i4', Int32Array.from(wanted.values)],
      ['i8', BigInt64Array.from(wanted.values, BigInt)],
    ] as const;
    for (const [type, values] of arrays) {
      expect(await readLabels(write(`${type}.npy`, npyHeader(type, [2, 2]), values))).toEqual(wanted);
    }
    const wrong = write('w.npy', npyHeader('i4', [2, 2]), Int32Array.from([0, 1, 2, 0]));
    await expect(readLabels(wrong)).rejects.toThrow(`${wrong}: row 1, class 0: 2 is neither 0 nor 1`);
  });
});
