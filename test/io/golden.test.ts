/** Files that other software wrote (test/fixtures/vectors/make.py) are read as they were meant. */

import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { VectorFormat } from '../../ts/io/formats.js';
import type { RowOptions } from '../../ts/io/rows.js';
import { openHdf5 } from '../../ts/node/hdf5.js';
import { platform, setPlatform } from '../../ts/platform.js';
import { useFakePlatform } from '../facade/fake-platform.js';
import { fixture, piecesOf, readRows } from './read-rows.js';

beforeEach(() => {
  useFakePlatform();
  setPlatform({ ...platform(), openHdf5 });
});

const [ROWS, COLUMNS] = [7, 5];
const matrix = (value: (at: number) => number) =>
  Array.from({ length: ROWS }, (_, i) => Array.from({ length: COLUMNS }, (_, j) => value(COLUMNS * i + j)));
const EIGHTHS = matrix((at) => (at - 17) / 8);
const WHOLE = matrix((at) => at - 17);
const BYTES = matrix((at) => (7 * at) % 256);
const IDS = Array.from({ length: ROWS }, (_, i) => 2n ** 53n + 11n * BigInt(i));

const FILES: [string, RowOptions, number[][], string][] = [
  ['x.fbin', {}, EIGHTHS, 'f4'],
  ['x.ibin', {}, WHOLE, 'f4'],
  ['x.u8bin', {}, BYTES, 'u1'],
  ['x.i8bin', {}, WHOLE, 'i1'],
  ['x.fvecs', {}, EIGHTHS, 'f4'],
  ['x.ivecs', {}, WHOLE, 'f4'],
  ['x.bvecs', {}, BYTES, 'u1'],
  ['x.safetensors', {}, EIGHTHS, 'f4'],
  ['several.safetensors', { tensor: 'f2' }, EIGHTHS, 'f2'],
  ['several.safetensors', { tensor: 'f8' }, EIGHTHS, 'f8'],
  ['several.safetensors', { tensor: 'u1' }, BYTES, 'u1'],
  ['several.safetensors', { tensor: 'i1' }, WHOLE, 'i1'],
  ['bfloat16.safetensors', {}, EIGHTHS, 'f4'],
  ['none.parquet', {}, EIGHTHS, 'f4'],
  ['snappy.parquet', {}, EIGHTHS, 'f4'],
  ['gzip.parquet', {}, EIGHTHS, 'f4'],
  ['brotli.parquet', {}, EIGHTHS, 'f4'],
  ['lz4.parquet', {}, EIGHTHS, 'f4'],
  ['zstd.parquet', {}, EIGHTHS, 'f4'],
  ['pages2.parquet', {}, EIGHTHS, 'f4'],
  ['float64.parquet', {}, EIGHTHS, 'f4'],
  ['float16.parquet', {}, EIGHTHS, 'f4'],
  ['int8.parquet', {}, WHOLE, 'f4'],
  ['numbers.parquet', { ids: 'id' }, EIGHTHS, 'f4'],
  ['two.parquet', { column: 'embedding' }, EIGHTHS, 'f4'],
  ['two.parquet', { column: 'score' }, EIGHTHS.map((_, i) => [i / 2]), 'f4'],
  ['file.arrow', {}, EIGHTHS, 'f4'],
  ['stream.arrows', {}, EIGHTHS, 'f4'],
  ['list.arrow', {}, EIGHTHS, 'f4'],
  ['large.arrow', {}, EIGHTHS, 'f4'],
  ['float16.arrow', {}, EIGHTHS, 'f4'],
  ['int8.arrow', {}, WHOLE, 'f4'],
  ['zstd.arrow', {}, EIGHTHS, 'f4'],
  ['lz4.feather', {}, EIGHTHS, 'f4'],
  ['numbers.arrow', { ids: 'id' }, EIGHTHS, 'f4'],
  ['two.arrow', { column: 'embedding' }, EIGHTHS, 'f4'],
  ['sliced.arrow', {}, [...EIGHTHS.slice(3), ...EIGHTHS.slice(0, 3)], 'f4'],
  ['dictionary.arrow', {}, EIGHTHS, 'f4'],
  ['annbenchmarks.hdf5', { dataset: 'train' }, EIGHTHS, 'f4'],
  ['annbenchmarks.hdf5', { dataset: 'neighbors' }, WHOLE, 'f4'],
  ['chunked.h5', {}, EIGHTHS, 'f8'],
  ['lists.jsonl', {}, EIGHTHS, 'f4'],
  ['objects.ndjson', {}, EIGHTHS, 'f4'],
  ['plain.csv', {}, EIGHTHS, 'f4'],
  ['header.csv', { ids: 'id' }, EIGHTHS, 'f4'],
  ['header.csv', { ids: '0' }, EIGHTHS, 'f4'],
  ['plain.tsv', {}, EIGHTHS, 'f4'],
];

it.each(FILES)('%s %j', async (name, options, rows, element) => {
  for (const step of [1, 2, 3, 100]) {
    const read = await readRows(fixture(name), { ...options, step });
    expect(read).toMatchObject({ rows, element, columns: rows[0]?.length });
  }
});

it('blocks of LZ4 that refer to each other', async () => {
  const rows = Array.from({ length: 2500 }, (_, i) => Array.from({ length: 16 }, (_, j) => (i + j) % 97));
  expect((await readRows(fixture('big.feather'), { step: 999 })).rows).toEqual(rows);
});

it.each([
  ['none.parquet', 'id', IDS],
  ['two.arrow', 'id', IDS, 'embedding'],
  ['header.csv', 'id', IDS],
  ['objects.ndjson', 'id', IDS.map((id) => id - 2n ** 53n)],
] as [string, string, bigint[], string?][])('ids of %s', async (name, ids, wanted, column) => {
  expect((await readRows(fixture(name), { ids, ...(column ? { column } : {}), step: 3 })).ids).toEqual(
    wanted,
  );
});

describe('as a stream, in pieces of any size', () => {
  const streamed = ['x.fbin', 'x.ibin', 'x.u8bin', 'x.fvecs', 'x.ivecs', 'x.bvecs', 'x.safetensors'];
  const others = [
    'bfloat16.safetensors',
    'stream.arrows',
    'file.arrow',
    'lz4.feather',
    'lists.jsonl',
    'plain.csv',
  ];
  it.each([...streamed, ...others])('%s', async (name) => {
    const format = name
      .replace(/.*\./, '')
      .replace('arrows', 'arrow')
      .replace('feather', 'arrow') as VectorFormat;
    const [, , rows] = FILES.find(([known]) => known === name) as (typeof FILES)[number];
    const bytes = readFileSync(fixture(name));
    for (const size of [1, 3, 7, 64, 1000, 1e6]) {
      expect((await readRows(piecesOf(bytes, size), { format })).rows).toEqual(rows);
    }
    // A file of Arrow ends with what a stream does not need; the ends of text are not told from its middle.
    if (['file.arrow', 'lz4.feather', 'plain.csv'].includes(name)) return;
    const cut = readRows(piecesOf(bytes.subarray(0, -10), 50), { format });
    await expect(cut).rejects.toMatchObject({ code: 'FILE_FORMAT', details: { file: 'stream' } });
  });
});

describe('what is wrong is named', () => {
  it.each<[string, RowOptions, string, object]>([
    ['several.safetensors', {}, '4 tensors of vectors (f8, f2, i1, u1): the option tensor names one', {}],
    ['x.safetensors', { tensor: 'bias' }, 'no tensor of vectors named bias; there are x', {}],
    ['two.parquet', {}, '2 columns of vectors (embedding, other): the option column names one', {}],
    ['two.arrow', {}, '2 columns of vectors (embedding, other): the option column names one', {}],
    ['two.parquet', { column: 'title' }, 'no column of vectors named title; there are embedding, other', {}],
    ['none.parquet', { ids: 'title' }, 'no column of ids named title; there are id, score', {}],
    ['null.parquet', {}, 'row 4, column 2: no value, not a number', { row: 4, column: 2 }],
    ['null.arrow', {}, 'row 4, column 2: no value, not a number', { row: 4, column: 2 }],
    ['ragged.parquet', {}, 'row 5: 4 values, row 0 has 5', { row: 5 }],
    ['ragged.arrow', {}, 'row 5: 4 values, row 0 has 5', { row: 5 }],
    [
      'annbenchmarks.hdf5',
      {},
      '4 datasets of vectors (distances, neighbors, test, train): the option dataset names one',
      {},
    ],
    ['header.csv', { ids: 'name' }, 'no column of ids named name', {}],
  ])('%s %j', async (name, options, message, details) => {
    await expect(readRows(fixture(name), options)).rejects.toMatchObject({
      code: 'FILE_FORMAT',
      message: expect.stringMatching(`^${fixture(name)}: `),
      details: { file: fixture(name), ...details },
    });
    await expect(readRows(fixture(name), options)).rejects.toThrow(message);
  });
});
