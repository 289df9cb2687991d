/** Files larger than the memory that a command may take. */

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { npyHeader } from '../../ts/io/npy.js';
import { randomValues, Workplace } from './h2q.js';

const work = new Workplace();

/** Makes a program say how much memory it had at most, in KiB. */
const TELL_PEAK = `data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))`;

/** A file of `rows` x `columns` float32, 4 GB, of which only each 32nd block takes room on the disk; zeros between. */
function writeSparse(rows: number, columns: number): { file: number; dataOffset: number } {
  const header = npyHeader('f4', [rows, columns]);
  const file = openSync(join(work.path, 'x.npy'), 'w');
  writeSync(file, header);
  const block = randomValues(2 ** 20, 1);
  for (let first = 0; first < rows * columns; first += 32 * block.length) {
    writeSync(file, block, 0, block.byteLength, header.length + first * 4);
  }
  ftruncateSync(file, header.length + rows * columns * 4);
  return { file, dataOffset: header.length };
}

const timeout = 120_000;

it.each([
  [2 ** 20, 1024],
  [2 ** 27, 8],
])('fit takes less than 500 MB for a file of 4 GB, %i rows x %i', { timeout }, async (rows, columns) => {
  closeSync(writeSparse(rows, columns).file);
  const bits = String(Math.min(columns, 64));
  work.nodeFlags = ['--import', TELL_PEAK];
  const { code, stdout, stderr } = await work.run('fit', 'x.npy', '-o', 'm', '--bits', bits, '--json');
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^peak \d+\n$/)]);
  const sampled = 2 ** 25 / columns;
  expect(JSON.parse(stdout)).toMatchObject({ rows: sampled, sampledFrom: rows, dimensions: columns });
  expect((Number(stderr.match(/\d+/)?.[0]) * 1024) / 1e6).toBeLessThan(500);
});

it('fit reads all of a file of 4 GB, also what is not in the sample', { timeout }, async () => {
  const [rows, columns] = [2 ** 20, 1024];
  const { file, dataOffset } = writeSparse(rows, columns);
  // A bad value in the last row, which is hardly in the sample.
  writeSync(file, new Float32Array([NaN]), 0, 4, dataOffset + (rows * columns - 1) * 4);
  closeSync(file);
  const { code, stderr } = await work.run('fit', 'x.npy', '-o', 'm', '--bits', '64');
  expect([code, stderr]).toEqual([1, 'h2q: x.npy: row 1048575, column 1023: NaN is not a finite float32\n']);
});

it('fit says that a sample of the validation rows judges, and takes all when told to', async () => {
  const [rows, columns] = [2 ** 20 + 24, 8];
  work.writeVectors('x.npy', 200, columns);
  work.writeNpy('v.npy', 'f4', [rows, columns], new Float32Array(rows * columns).fill(0.5));
  const fit = ['fit', 'x.npy', '-o', 'm', '--method', 'identity', '--validation', 'v.npy'];
  const note = `h2q: v.npy: a sample of ${2 ** 20} of its ${rows} rows judges; --sample all takes all rows of all files\n`;
  const sampled = await work.run(...fit, '--json');
  expect([sampled.code, sampled.stderr]).toEqual([0, note]);
  expect(JSON.parse(sampled.stdout)).toMatchObject({ validationRows: 2 ** 20, validationSampledFrom: rows });
  const table = await work.run(...fit, '--sample', '200');
  expect(table.stderr).toBe(note);
  expect(table.stdout).toMatch(/^vectors +200 x 8\nvalidation +1048576 x 8 \(a sample of 1048600 rows\)\n/);

  const all = await work.run(...fit, '--sample', 'all', '--json');
  expect([all.code, all.stderr]).toEqual([0, '']);
  expect(JSON.parse(all.stdout)).not.toHaveProperty('validationSampledFrom');
});
