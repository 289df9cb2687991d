/** Random matrices come back from every format; random damage gives the same kind of rows or an H2qError. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Field, FixedSizeList, Float32, List, Table, tableToIPC, vectorFromArray } from 'apache-arrow';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { H2qError } from '../../ts/errors.js';
import type { VectorFormat } from '../../ts/io/formats.js';
import { npyHeader } from '../../ts/io/npy.js';
import type { RowOptions } from '../../ts/io/rows.js';
import { openHdf5 } from '../../ts/node/hdf5.js';
import { platform, setPlatform } from '../../ts/platform.js';
import { useFakePlatform } from '../facade/fake-platform.js';
import { concat } from './memory.js';
import { fixture, piecesOf, readRows } from './read-rows.js';

/** The same matrices and the same damage every time, `H2Q_FUZZ_SEED` for others. */
fc.configureGlobal({ seed: Number(process.env['H2Q_FUZZ_SEED'] ?? 1) });

let folder: string;
beforeAll(() => {
  useFakePlatform();
  setPlatform({ ...platform(), openHdf5 });
  folder = mkdtempSync(join(tmpdir(), 'h2q-fuzz-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Rows of float32 values, all of one length. */
const matrices = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20 }))
  .chain(([rows, columns]) =>
    fc.array(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
        minLength: columns,
        maxLength: columns,
      }),
      { minLength: rows, maxLength: rows },
    ),
  );

const floats = (rows: number[][]) => Float32Array.from(rows.flat());
const shape = (rows: number[][]) => new Uint32Array([rows.length, rows[0]?.length as number]);
const text = (lines: string[]) => new TextEncoder().encode(lines.join('\n'));
const withId = (rows: number[][]) => rows.map((row, i) => [i, ...row]);

function safetensors(rows: number[][]): Uint8Array {
  const data = floats(rows);
  const header = text([
    JSON.stringify({ x: { dtype: 'F32', shape: [...shape(rows)], data_offsets: [0, data.byteLength] } }),
  ]);
  return concat(new BigUint64Array([BigInt(header.length)]), header, data);
}

function arrow(rows: number[][], kind: 'file' | 'stream'): Uint8Array {
  const item = new Field('item', new Float32(), true);
  const columns = rows[0]?.length as number;
  const type = kind === 'file' ? new FixedSizeList(columns, item) : new List(item);
  return tableToIPC(new Table({ x: vectorFromArray(rows, type) }), kind);
}

function parquet(rows: number[][]): Uint8Array {
  const columnData = [{ name: 'x', data: rows }];
  const schema = [
    { name: 'root', num_children: 1 },
    { name: 'x', converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: 'FLOAT', repetition_type: 'OPTIONAL' },
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData, schema, rowGroupSize: 16 } as never));
}

/** Writers that are not ours, or too simple to be wrong. */
const WRITERS: [string, VectorFormat, (rows: number[][]) => Uint8Array, RowOptions?][] = [
  ['npy', 'npy', (rows) => concat(npyHeader('f4', [...shape(rows)]), floats(rows))],
  ['fbin', 'fbin', (rows) => concat(shape(rows), floats(rows))],
  [
    'fvecs',
    'fvecs',
    (rows) => concat(...rows.flatMap((row) => [new Int32Array([row.length]), floats([row])])),
  ],
  ['safetensors', 'safetensors', safetensors],
  ['parquet', 'parquet', parquet],
  ['arrow file', 'arrow', (rows) => arrow(rows, 'file')],
  ['arrow stream', 'arrow', (rows) => arrow(rows, 'stream')],
  ['jsonl lists', 'jsonl', (rows) => text(rows.map((row) => JSON.stringify(row)))],
  ['jsonl objects', 'jsonl', (rows) => text(rows.map((x, id) => JSON.stringify({ id, x }))), { ids: 'id' }],
  ['csv', 'csv', (rows) => text(rows.map((row) => row.join(',')))],
  ['csv with ids', 'csv', (rows) => text(withId(rows).map((row) => row.join(','))), { ids: '0' }],
];

/** JSON and CSV know no negative zero, and numbers that toString rounds come back as float32. */
const asRead = (rows: number[][]) => rows.map((row) => row.map((value) => Math.fround(value) + 0));

it.each(WRITERS)('%s: random matrices come back', async (_, format, write, options = {}) => {
  const property = fc.asyncProperty(matrices, fc.integer({ min: 1, max: 50 }), async (rows, step) => {
    const read = await readRows(write(rows), { ...options, format, step });
    expect(asRead(read.rows)).toEqual(asRead(rows));
    if (options.ids !== undefined) expect(read.ids).toEqual(rows.map((_, i) => BigInt(i)));
  });
  await fc.assert(property, { numRuns: 60 });
});

/** Golden files that are damaged, each with the options that read it whole. */
const DAMAGED: [string, VectorFormat, RowOptions][] = [
  ['x.fbin', 'fbin', {}],
  ['x.u8bin', 'u8bin', {}],
  ['x.i8bin', 'i8bin', {}],
  ['x.ibin', 'ibin', {}],
  ['x.fvecs', 'fvecs', {}],
  ['x.bvecs', 'bvecs', {}],
  ['x.ivecs', 'ivecs', {}],
  ['x.safetensors', 'safetensors', {}],
  ['bfloat16.safetensors', 'safetensors', {}],
  ['none.parquet', 'parquet', { ids: 'id' }],
  ['snappy.parquet', 'parquet', {}],
  ['gzip.parquet', 'parquet', {}],
  ['brotli.parquet', 'parquet', {}],
  ['lz4.parquet', 'parquet', {}],
  ['zstd.parquet', 'parquet', {}],
  ['pages2.parquet', 'parquet', {}],
  ['numbers.parquet', 'parquet', {}],
  ['file.arrow', 'arrow', { ids: 'id' }],
  ['stream.arrows', 'arrow', {}],
  ['list.arrow', 'arrow', {}],
  ['zstd.arrow', 'arrow', {}],
  ['lz4.feather', 'arrow', {}],
  ['numbers.arrow', 'arrow', {}],
  ['lists.jsonl', 'jsonl', {}],
  ['objects.ndjson', 'jsonl', { ids: 'id' }],
  ['plain.csv', 'csv', {}],
  ['header.csv', 'csv', { ids: 'id' }],
  ['plain.tsv', 'tsv', {}],
];

/** What reading gives, which ends soon and is nothing but rows or an H2qError. */
async function expectSane(reading: Promise<{ rows: number[][]; columns: number }>): Promise<void> {
  const started = performance.now();
  try {
    const { rows, columns } = await reading;
    expect(rows.length).toBeLessThan(1000);
    for (const row of rows) expect(row.length).toBe(columns);
  } catch (error) {
    if (!(error instanceof H2qError)) throw error;
    expect(error.details['file']).toBeDefined();
    expect(error.message).not.toContain('undefined');
  }
  expect(performance.now() - started).toBeLessThan(10_000);
}

describe.each(DAMAGED)('%s, damaged', (name, format, options) => {
  const whole = readFileSync(fixture(name));

  it('anywhere cut, anywhere changed, as bytes and as a stream', { timeout: 120_000 }, async () => {
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), {
      maxLength: 3,
    });
    const damage = fc.record({ length: fc.oneof(fc.constant(whole.length), fc.nat(whole.length)), flips });
    const property = fc.asyncProperty(damage, async ({ length, flips }) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, mask] of flips) bytes[at] = (bytes[at] as number) ^ mask;
      const cut = bytes.subarray(0, length);
      await expectSane(readRows(cut, { ...options, format, step: 3 }));
      if (format !== 'parquet')
        await expectSane(readRows(piecesOf(cut, 37), { ...options, format, step: 3 }));
    });
    const before = process.memoryUsage().rss;
    await fc.assert(property, { numRuns: 300 });
    expect(process.memoryUsage().rss - before).toBeLessThan(600e6);
  });

  it('cut at every byte: rows or a clear end', async () => {
    const every = Math.max(1, Math.floor(whole.length / 300));
    for (let length = 0; length < whole.length; length += every) {
      await expectSane(readRows(whole.subarray(0, length), { ...options, format, step: 3 }));
    }
  });
});

it('HDF5, cut or changed in its header and its values', { timeout: 60_000 }, async () => {
  const whole = readFileSync(fixture('chunked.h5'));
  const path = join(folder, 'x.h5');
  for (let length = 0; length < whole.length; length += 97) {
    writeFileSync(path, whole.subarray(0, length));
    await expect(readRows(path)).rejects.toMatchObject({ code: 'FILE_FORMAT', details: { file: path } });
  }
  const flip = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }));
  const property = fc.asyncProperty(flip, async ([at, mask]) => {
    writeFileSync(
      path,
      whole.map((byte, i) => (i === at ? byte ^ mask : byte)),
    );
    await expectSane(readRows(path));
  });
  await fc.assert(property, { numRuns: 200 });
});
