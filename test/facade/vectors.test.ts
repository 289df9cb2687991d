import { beforeEach, expect, it } from 'vitest';
import { type Codes, toCoreCodes } from '../../ts/codes.js';
import { type Matrix, Vectors } from '../../ts/vectors.js';
import { run } from '../../ts/work.js';
import { type FakeState, type FakeVectors, useFakePlatform } from './fake-platform.js';

const MEBIBYTE = 1024 * 1024;
/** 10 MiB: two whole slices and a part. */
const large = (): Matrix => ({ data: new Float32Array(2.5 * MEBIBYTE).map((_, i) => i), columns: 10 });
const copied = (vectors: Vectors) => (vectors.core as unknown as FakeVectors).values;

/** Quick for millions of values, where `toEqual` takes seconds. */
const isSame = (a: Float32Array, b: Float32Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

let state: FakeState;
beforeEach(() => {
  state = useFakePlatform();
});

it('copies in slices and lets the event loop turn between them', async () => {
  const matrix = large();
  const vectors = await Vectors.from(matrix);
  expect([vectors.rows, vectors.columns]).toEqual([matrix.data.length / 10, 10]);
  expect(isSame(copied(vectors), matrix.data)).toBe(true);
  expect(state.slices).toEqual([4 * MEBIBYTE, 4 * MEBIBYTE, 2 * MEBIBYTE]);
  expect(state.turns).toBe(2);
});

it('the blocking twin copies the same without turns', () => {
  const matrix = large();
  expect(isSame(copied(Vectors.fromSync(matrix)), matrix.data)).toBe(true);
  expect(state.turns).toBe(0);
});

it('honours the offset of a view', async () => {
  const data = Float32Array.from([9, 1, 2, 3, 4, 9]).subarray(1, 5);
  expect([...copied(await Vectors.from({ data, columns: 2 }))]).toEqual([1, 2, 3, 4]);
});

it('reads shared memory', async () => {
  const data = new Float32Array(new SharedArrayBuffer(16));
  data.set([1, 2, 3, 4]);
  expect([...copied(await Vectors.from({ data, columns: 2 }))]).toEqual([1, 2, 3, 4]);
});

it('an array transferred away in the middle is an error, never read on', async () => {
  const matrix = large();
  const copying = Vectors.from(matrix);
  structuredClone(matrix.data, { transfer: [matrix.data.buffer as ArrayBuffer] });
  await expect(copying).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'vectors: the array was detached or resized while it was copied',
  });
});

it('an array resized in the middle is an error', async () => {
  const buffer = new (ArrayBuffer as new (length: number, options: object) => ArrayBuffer)(10 * MEBIBYTE, {
    maxByteLength: 20 * MEBIBYTE,
  });
  const copying = Vectors.from({ data: new Float32Array(buffer), columns: 4 });
  (buffer as unknown as { resize(length: number): void }).resize(MEBIBYTE);
  await expect(copying).rejects.toThrow('detached or resized');
});

it('an abort between slices rejects with the reason and copies no more', async () => {
  const controller = new AbortController();
  const copying = Vectors.from(large(), { signal: controller.signal });
  controller.abort();
  await expect(copying).rejects.toBe(controller.signal.reason);
  expect(state.slices).toHaveLength(1);
});

it.each<[string, unknown, string]>([
  ['a plain array', { data: [1, 2], columns: 2 }, 'data is an Array, not a Float32Array'],
  ['float64', { data: new Float64Array(2), columns: 2 }, 'data is a Float64Array, not a Float32Array'],
  ['nothing', undefined, 'expected { data, columns } or Vectors, got undefined'],
  ['null', null, 'got null'],
  ['a bare array', new Float32Array(4), 'data is undefined'],
  ['no columns', { data: new Float32Array(2), columns: 0 }, 'columns is 0'],
  ['half a column', { data: new Float32Array(2), columns: 1.5 }, 'columns is 1.5'],
  ['NaN columns', { data: new Float32Array(2), columns: NaN }, 'columns is NaN'],
  ['a broken row', { data: new Float32Array(5), columns: 2 }, '5 values are not whole rows of 2 columns'],
])('%s is an INVALID_ARGUMENT that names the argument', async (_, matrix, message) => {
  const wanted = { code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) };
  await expect(Vectors.from(matrix as Matrix)).rejects.toMatchObject(wanted);
  await expect(Vectors.from(matrix as Matrix)).rejects.toThrow(/^vectors: /);
  expect(() => Vectors.fromSync(matrix as Matrix)).toThrow(message);
});

it('no rows and values that are not finite have errors of their own', async () => {
  const empty = { data: new Float32Array(0), columns: 3 };
  await expect(Vectors.from(empty)).rejects.toMatchObject({
    code: 'EMPTY_INPUT',
    message: 'vectors: no rows',
  });
  const data = new Float32Array(12).fill(1);
  data[7] = Infinity;
  await expect(Vectors.from({ data, columns: 3 })).rejects.toMatchObject({
    name: 'H2qError',
    code: 'NOT_FINITE',
    details: { row: 2, column: 1 },
    message: expect.stringMatching(/^vectors: row 2, column 1/),
  });
});

it('codes reach the core in lsb layout', async () => {
  const toCore = async (codes: Codes) =>
    (await run(toCoreCodes(codes, 'codes'))) as unknown as { data: Uint8Array };
  const data = Uint8Array.from([0b00000001, 0b11010000]);
  expect((await toCore({ data, bits: 16 })).data).toEqual(data);
  const reversed = Uint8Array.from([0b10000000, 0b00001011]);
  expect((await toCore({ data: reversed, bits: 16, layout: 'msb' })).data).toEqual(data);
  expect(reversed[0]).toBe(0b10000000);
});

it.each<[unknown, string]>([
  [undefined, 'codes: expected { data, bits }, got undefined'],
  [{ data: [1], bits: 8 }, 'codes: data is an Array, not a Uint8Array'],
  [{ data: new Float32Array(4), bits: 8 }, 'codes: data is a Float32Array, not a Uint8Array'],
  [{ data: new Uint8Array(4), bits: 12 }, 'bits is 12, not a positive multiple of 8'],
  [{ data: new Uint8Array(5), bits: 16 }, '5 bytes are not whole codes of 2 bytes'],
  [{ data: new Uint8Array(4), bits: 16, layout: 'big' }, "layout: 'big' is not one of lsb, msb"],
])('codes %j are refused', async (codes, message) => {
  await expect(run(toCoreCodes(codes as Codes, 'codes'))).rejects.toThrow(message);
});
