/** Codes of ours in PostgreSQL with pgvector, by way of the CLI: the same hits, the same bits back. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fit, formatCodes, HammingIndex, readCodes } from '../../ts/node/index.js';
import { Workplace } from '../cli/h2q.js';

const work = new Workplace();
const [ROWS, QUERIES, BITS] = [500, 20, 64];

let database: PGlite;
// PostgreSQL as WebAssembly, which takes some seconds to start.
beforeAll(async () => {
  database = await PGlite.create({ extensions: { vector } });
  await database.exec('CREATE EXTENSION vector');
}, 120_000);
afterAll(() => database.close());

/** A line per row, as `COPY … TO` writes it. */
async function copied(query: string): Promise<string> {
  const { blob } = await database.query(`COPY (${query}) TO '/dev/blob'`);
  return (blob as Blob).text();
}

/** The bytes of lines of digits, bit j of a code at bit `j % 8` of byte `j / 8`. */
function packed(lines: string): Uint8Array {
  const digits = lines.replaceAll('\n', '');
  const bytes = new Uint8Array(digits.length / 8);
  for (let i = 0; i < digits.length; i++) bytes[i >> 3]! |= Number(digits[i]) << (i & 7);
  return bytes;
}

describe('codes in the layout pgvector', () => {
  beforeEach(async () => {
    work.writeVectors('x.npy', ROWS, 80);
    work.writeVectors('q.npy', QUERIES, 80, 2);
    await work.succeed('fit', 'x.npy', '-o', 'm.h2q', '--bits', String(BITS), '--epochs', '5');
    await work.succeed('encode', 'm.h2q', 'x.npy', '-o', 'x.txt', '--layout', 'pgvector');
    for (const name of ['x', 'q']) {
      await work.succeed('encode', 'm.h2q', `${name}.npy`, '-o', `${name}-codes.npy`);
    }
    await database.exec(`
      DROP TABLE IF EXISTS items;
      CREATE TABLE items (
        id bigint GENERATED ALWAYS AS IDENTITY (START WITH 0 MINVALUE 0),
        code bit(${BITS}) NOT NULL
      )`);
    const blob = new Blob([readFileSync(join(work.path, 'x.txt'))]);
    await database.query(`COPY items (code) FROM '/dev/blob'`, [], { blob });
  });

  it('gives the hits of our own search, at every k', async () => {
    const codes = await readCodes(join(work.path, 'x-codes.npy'));
    const queries = await readCodes(join(work.path, 'q-codes.npy'));
    const lines = formatCodes(queries, 'pgvector').trimEnd().split('\n');
    const index = await HammingIndex.build(codes);
    for (const k of [1, 10, ROWS]) {
      const { rows, distances } = await index.search(queries, k);
      for (const [q, line] of lines.entries()) {
        const found = await database.query<{ id: number; distance: number }>(
          `SELECT id, code <~> $1::bit(${BITS}) AS distance FROM items ORDER BY code <~> $1, id LIMIT ${k}`,
          [line],
        );
        const [first, last] = [q * k, (q + 1) * k];
        expect(found.rows.map(({ id }) => Number(id))).toEqual([...rows.subarray(first, last)]);
        expect(found.rows.map(({ distance }) => distance)).toEqual([...distances.subarray(first, last)]);
      }
    }
  });

  it('comes back as it went, to the bit', async () => {
    const text = await copied('SELECT code FROM items ORDER BY id');
    expect(text).toBe(readFileSync(join(work.path, 'x.txt'), 'utf8'));
    const codes = await readCodes(join(work.path, 'x-codes.npy'));
    expect(packed(text)).toEqual(codes.data);
  });
});

describe('binary_quantize', () => {
  const quantized = async (rows: number[][]) => {
    const columns = rows[0]?.length;
    await database.exec(
      `DROP TABLE IF EXISTS vectors; CREATE TABLE vectors (id int, v vector(${columns}) NOT NULL)`,
    );
    const lines = rows.map((row, id) => `${id}\t[${row.join(',')}]\n`);
    await database.query(`COPY vectors FROM '/dev/blob'`, [], { blob: new Blob(lines) });
    return copied(`SELECT binary_quantize(v)::bit(${columns}) FROM vectors ORDER BY id`);
  };
  const identity = async (rows: number[][]) => {
    const [columns, data] = [rows[0]?.length as number, Float32Array.from(rows.flat())];
    const { model } = await fit({ data, columns }, { method: 'identity' });
    return formatCodes(await model.encode({ data, columns }), 'pgvector');
  };

  it('gives the codes of the identity where no coordinate is zero', async () => {
    const values = work.writeVectors('x.npy', 200, BITS, 3);
    expect(values.every((value) => value !== 0)).toBe(true);
    const rows = Array.from({ length: 200 }, (_, i) => [...values.subarray(i * BITS, (i + 1) * BITS)]);
    expect(await quantized(rows)).toBe(await identity(rows));
  });

  it('takes a zero for negative, where our bits are 1', async () => {
    const rows = [
      [0, -0, 1, -1, 2, -2, 3, -3],
      [1, 2, 3, 4, -5, -6, -7, -8],
      [-1, 2, -3, 4, -5, 6, -7, 8],
    ];
    expect((await quantized(rows)).split('\n')[0]).toBe('00101010');
    expect((await identity(rows)).split('\n')[0]).toBe('11101010');
  });
});
