/** Files larger than the memory that a command may take. */

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { npyHeader } from '../../ts/io/npy.js';
import { randomValues, Workplace } from './h2q.js';

const work = new Workplace();

/** Makes a program say how much memory it had at most, in KiB. */
const TELL_PEAK = `data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))`;

it('fit takes less than 500 MB for a file of 4 GB, and reads all of it', { timeout: 120_000 }, async () => {
  const [rows, columns] = [2 ** 20, 1024];
  const header = npyHeader('f4', [rows, columns]);
  // Only some blocks take room on the disk; the rows between them are zeros.
  const file = openSync(join(work.path, 'x.npy'), 'w');
  writeSync(file, header);
  const blockRows = 1024;
  const block = randomValues(blockRows * columns, 1);
  for (let first = 0; first < rows; first += 32 * blockRows) {
    writeSync(file, block, 0, block.byteLength, header.length + first * columns * 4);
  }
  ftruncateSync(file, header.length + rows * columns * 4);
  const fit = ['fit', 'x.npy', '-o', 'm', '--bits', '64', '--json'];

  work.nodeFlags = ['--import', TELL_PEAK];
  const { code, stdout, stderr } = await work.run(...fit);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^peak \d+\n$/)]);
  expect(JSON.parse(stdout)).toMatchObject({ rows: 32_768, sampledFrom: rows, dimensions: columns });
  expect((Number(stderr.match(/\d+/)?.[0]) * 1024) / 1e6).toBeLessThan(500);

  // A bad value in the last row, which is hardly in the sample.
  writeSync(file, new Float32Array([NaN]), 0, 4, header.length + (rows * columns - 1) * 4);
  closeSync(file);
  const refused = await work.run(...fit);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('h2q: x.npy: row 1048575, column 1023: NaN is not a finite float32\n');
});
