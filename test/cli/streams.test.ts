/** Vectors in any format, from standard input and to standard output; what a file holds; formats made of others. */

import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { HammingIndex } from '../../ts/node/index.js';
import { concat } from '../io/memory.js';
import { fixture } from '../io/read-rows.js';
import { outcomeOf } from '../outcome.js';
import { Workplace } from './h2q.js';

const work = new Workplace();
const EIGHTHS = Float32Array.from({ length: 35 }, (_, at) => (at - 17) / 8);

/** Runs a command that reads `pieces`, one after the other. */
async function pipe(pieces: readonly (Uint8Array | string)[], ...args: string[]) {
  const child = work.start(...args);
  const outcome = outcomeOf(child);
  child.stdin.on('error', () => {});
  for (const piece of pieces) child.stdin.write(piece);
  child.stdin.end();
  return outcome;
}

async function fitModel(columns = 8) {
  const values = work.writeVectors('x.npy', 60, columns);
  await work.succeed('fit', 'x.npy', '-o', 'm', '--bits', '8');
  await work.succeed('encode', 'm', 'x.npy', '-o', 'codes.npy');
  const rows = Array.from({ length: 60 }, (_, row) => [
    ...values.subarray(row * columns, (row + 1) * columns),
  ]);
  return { values, rows, codes: new Uint8Array(work.readNpy('codes.npy').data) };
}

it('encode: rows of a pipe become the same codes, in a file or on standard output', async () => {
  const { rows, codes } = await fitModel();
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`);
  const encode = ['encode', 'm', '-', '--format', 'jsonl', '-o'];
  const toFile = await pipe(lines, ...encode, 'c.npy', '--json');
  expect([toFile.code, toFile.stderr]).toEqual([0, '']);
  expect(JSON.parse(toFile.stdout)).toEqual({ rows: 60, bits: 8, layout: 'lsb', output: 'c.npy' });
  expect(new Uint8Array(work.readNpy('c.npy').data)).toEqual(codes);
  expect(work.readNpy('c.npy').header).toBe(work.readNpy('codes.npy').header);

  const text = await pipe(lines, ...encode, '-', '--layout', 'pgvector');
  const wanted = [...codes].map((code) => [...code.toString(2).padStart(8, '0')].reverse().join(''));
  expect(text).toEqual({ code: 0, stderr: '', stdout: `${wanted.join('\n')}\n` });
});

it('what must be read from a file comes from a pipe too, by way of one that is gone afterwards', async () => {
  mkdirSync(join(work.path, 'tmp'));
  work.env = { TMPDIR: join(work.path, 'tmp') };
  const hdf5 = readFileSync(fixture('annbenchmarks.hdf5'));
  const convert = ['convert', '-', 'y.npy', '--format'];
  const outcome = await pipe([hdf5], ...convert, 'hdf5', '--dataset', 'train');
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  expect(new Float32Array(work.readNpy('y.npy').data)).toEqual(EIGHTHS);
  const parquet = readFileSync(fixture('zstd.parquet'));
  expect(await pipe([parquet], ...convert, 'parquet')).toMatchObject({ code: 0, stderr: '' });
  expect(new Float32Array(work.readNpy('y.npy').data)).toEqual(EIGHTHS);

  const cut = await pipe([hdf5.subarray(0, 3000)], ...convert, 'hdf5', '--dataset', 'train');
  expect(cut).toMatchObject({ code: 1, stderr: expect.stringMatching(/^h2q: standard input: /) });
  expect(readdirSync(join(work.path, 'tmp'))).toEqual([]);

  const child = work.start(...convert, 'hdf5', '--dataset', 'train');
  const interrupted = outcomeOf(child);
  child.stdin.write(hdf5);
  while (readdirSync(join(work.path, 'tmp')).length === 0) await sleep(10);
  child.kill('SIGINT');
  expect((await interrupted).code).toBe(130);
  expect(readdirSync(join(work.path, 'tmp'))).toEqual([]);
});

it('encode answers a row before the next one comes', async () => {
  const { rows } = await fitModel();
  const child = work.start('encode', 'm', '-', '--format', 'jsonl', '-o', '-', '--layout', 'pgvector');
  const outcome = outcomeOf(child);
  child.stdin.write(`${JSON.stringify(rows[0])}\n`);
  const first = await new Promise<string>((resolve) =>
    child.stdout.once('data', (text) => resolve(String(text))),
  );
  expect(first).toMatch(/^[01]{8}\n$/);
  child.stdin.end(`${JSON.stringify(rows[1])}\n`);
  expect((await outcome).stdout.split('\n')).toHaveLength(3);
});

it.each(['npy', 'fbin', 'fvecs', 'csv'])('encode reads %s from a pipe', async (format) => {
  const { rows, values, codes } = await fitModel();
  const contents: Record<string, Uint8Array> = {
    npy: readFileSync(`${work.path}/x.npy`),
    fbin: concat(new Uint32Array([60, 8]), values),
    fvecs: concat(...rows.flatMap((row) => [new Int32Array([8]), Float32Array.from(row)])),
    csv: new TextEncoder().encode(rows.map((row) => row.join(',')).join('\n')),
  };
  const all = contents[format] as Uint8Array;
  const pieces = [all.subarray(0, 77), all.subarray(77, 1000), all.subarray(1000)];
  const { code, stderr } = await pipe(pieces, 'encode', 'm', '-', '--format', format, '-o', 'c.npy');
  expect([code, stderr]).toEqual([0, '']);
  expect(new Uint8Array(work.readNpy('c.npy').data)).toEqual(codes);
});

it('what a pipe brings wrongly is named, and nothing is left behind', async () => {
  await fitModel();
  const before = work.list();
  const encode = ['encode', 'm', '-', '-o', 'c.npy'];
  const cases: [string, string[], string][] = [
    ['[1,2]', [], 'h2q: --format: needed for standard input: one of npy, fvecs'],
    ['', ['--format', 'jsonl'], 'h2q: standard input: no rows'],
    ['[1,2]\n', ['--format', 'jsonl'], 'h2q: standard input: expected 8 dimensions as in m, got 2'],
    [
      '[1,2,3,4,5,6,7,8]\n[1,2]\n',
      ['--format', 'jsonl'],
      'h2q: standard input: row 1: 2 values, row 0 has 8',
    ],
    ['1,2,3,4,5,6,7,nan\n', ['--format', 'csv'], 'h2q: standard input: row 0, column 7: NaN is not a finite'],
    ['PAR1', ['--format', 'parquet'], 'h2q: standard input: not a readable .parquet file'],
  ];
  for (const [text, flags, message] of cases) {
    const { code, stderr, stdout } = await pipe([text], ...encode, ...flags);
    expect(stderr).toContain(message);
    expect([code, stdout, stderr.split('\n').length]).toEqual([1, '', 2]);
  }
  expect(work.list()).toEqual(before);
});

it('fit and encode take a column of a table', async () => {
  const two = fixture('two.parquet');
  const fit = ['fit', two, '-o', 'm', '--method', 'identity', '--bits', '8'];
  const { code, stderr } = await work.run(...fit);
  expect([code, stderr]).toEqual([1, expect.stringContaining('2 columns of vectors (embedding, other)')]);
  const narrow = await work.run(...fit, '--column', 'embedding');
  expect(narrow.stderr).toContain('5 dimensions, too few for the shortest codes');
});

it.each(['npy', 'fbin', 'fvecs'])('convert writes %s, which is read back', async (ending) => {
  const convert = [
    'convert',
    fixture('none.parquet'),
    `y.${ending}`,
    '--ids',
    'id',
    '--ids-output',
    'ids.npy',
  ];
  expect(JSON.parse(await work.succeed(...convert, '--json'))).toEqual({
    ...{ rows: 7, columns: 5, output: `y.${ending}`, idsOutput: 'ids.npy' },
  });
  await work.succeed('convert', `y.${ending}`, 'z.npy');
  expect(new Float32Array(work.readNpy('z.npy').data)).toEqual(EIGHTHS);
  const ids = Array.from({ length: 7 }, (_, i) => 2n ** 53n + 11n * BigInt(i));
  expect([...new BigInt64Array(work.readNpy('ids.npy').data)]).toEqual(ids);

  const piped = await pipe(
    [readFileSync(fixture('stream.arrows'))],
    'convert',
    '-',
    `p.${ending}`,
    '--format',
    'arrow',
  );
  expect([piped.code, piped.stdout]).toEqual([0, `7 x 5 float32 → p.${ending}\n`]);
  expect(readFileSync(`${work.path}/p.${ending}`)).toEqual(readFileSync(`${work.path}/y.${ending}`));
});

it('convert names what no float32 holds, and leaves nothing', async () => {
  work.write('x.csv', new TextEncoder().encode('1,2\n3,1e39\n'));
  const { code, stderr } = await work.run('convert', 'x.csv', 'y.npy');
  expect([code, stderr]).toEqual([1, 'h2q: x.csv: row 1, column 1: Infinity is not a finite float32\n']);
  expect(work.list()).toEqual(['x.csv']);
});

it('inspect tells what files hold', async () => {
  await fitModel();
  work.writeNpy('y.npy', 'i8', [60], new BigInt64Array(60));
  const inspect = async (...args: string[]) => JSON.parse(await work.succeed('inspect', ...args, '--json'));
  expect(await inspect('x.npy')).toMatchObject({
    format: 'npy',
    rows: 60,
    columns: 8,
    type: 'f4',
    bytes: 2048,
  });
  expect((await inspect('codes.npy')).holds).toEqual([
    ...['vectors of 1 dimensions', 'codes of 8 bits (layout lsb, faiss or msb)', 'labels of 1 classes'],
  ]);
  expect((await inspect('y.npy')).holds).toEqual(['labels', 'ids']);
  expect(await inspect('m')).toMatchObject({
    format: 'model',
    bits: 8,
    dimensions: 8,
    summary: { rows: 60 },
  });
  const index = HammingIndex.buildSync(
    { data: new Uint8Array(3), bits: 8 },
    { ids: BigInt64Array.of(7n, 8n, 9n) },
  );
  index.removeSync(BigInt64Array.of(8n));
  await index.save(join(work.path, 'i.h2q'));
  const held = { bits: 8, rows: 3, size: 2, hasIds: true, hasFactors: false, model: null };
  const file = { file: 'i.h2q', bytes: statSync(join(work.path, 'i.h2q')).size };
  const told = { ...file, format: 'index', holds: ['an index of codes'], ...held };
  expect(await inspect('i.h2q')).toEqual(told);
  expect(await work.succeed('inspect', 'i.h2q')).toMatch(/\nbits +8\nrows +3\nsize +2\n/);
  const shape = { rows: 7, columns: 5, type: 'float16' };
  expect((await inspect(fixture('several.safetensors'))).parts[1]).toMatchObject({ tensor: 'f2', ...shape });
  expect(await inspect(fixture('two.arrow'), '--column', 'other')).toMatchObject({
    format: 'arrow',
    columns: 5,
  });
  expect(await work.succeed('inspect', fixture('annbenchmarks.hdf5'))).toMatch(
    /\ndataset +train\nrows +7\ncolumns +5\n/,
  );
  const { code, stderr } = await work.run('inspect', 'none.npy');
  expect([code, stderr]).toEqual([1, 'h2q: none.npy: no such file\n']);
});
