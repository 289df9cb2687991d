/** From errors to the line on standard error. */

import { describe, expect, it } from 'vitest';
import { failureOf, namingFiles } from '../../ts/cli/failures.js';
import { mapRows } from '../../ts/cli/map-rows.js';
import { H2qError } from '../../ts/errors.js';
import { Workplace } from './h2q.js';

const { signal } = new AbortController();

it('a diverged fit names the flag that helps', () => {
  const error = new H2qError('DIVERGED', 'learningRate: the fit diverged in epoch 3', {
    details: { epoch: 3 },
  });
  expect(failureOf(error, signal)).toEqual({
    exitCode: 1,
    message: 'h2q: --learning-rate: the fit diverged in epoch 3',
  });
});

it('arguments become the files that they came from', async () => {
  const failing = namingFiles({ queryLabels: 'z.npy', databaseLabels: 'y.npy' }, async () => {
    throw new H2qError('MISMATCH', 'queryLabels: expected apples as in databaseLabels, got pears');
  });
  await expect(failing).rejects.toMatchObject({
    message: 'z.npy: expected apples as in y.npy, got pears',
    details: { file: 'z.npy' },
  });
});

describe('a row that leaves the range of float32', () => {
  const work = new Workplace();

  it('is counted within the whole file', async () => {
    // A little more than one block of 16 MiB.
    const [rows, columns] = [1030, 4096];
    work.writeVectors('x.npy', rows, columns);
    let firstRow = 0;
    const job = {
      ...{ input: `${work.path}/x.npy`, output: `${work.path}/out`, dimensions: columns, model: 'm' },
      ...({ type: 'u1', columns: 1 } as const),
      map: async (block: { rows: number }) => {
        if (block.rows < 1000)
          throw new H2qError('OUT_OF_RANGE', 'row 3: too large', { details: { row: 3 } });
        firstRow += block.rows;
        return new Uint8Array(block.rows);
      },
    };
    const mapping = mapRows(job, { signal, stdout: process.stdout, stderr: process.stderr });
    await expect(mapping).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
      message: `${work.path}/x.npy: row 1027: too large`,
      details: { row: 1027, file: `${work.path}/x.npy` },
    });
    expect(firstRow).toBe(1024);
    expect(work.list()).toEqual(['x.npy']);
  });

  it('is told by encode and eval with its file', async () => {
    const values = work.writeVectors('x.npy', 60, 16);
    work.writeNpy('big.npy', 'f4', [60, 16], values.fill(3e38, 7 * 16, 8 * 16));
    work.writeNpy('y.npy', 'u1', [60], new Uint8Array(60));
    await work.succeed('fit', 'x.npy', '-o', 'm', '--method', 'random');
    const evaluation = ['--database', 'x.npy', '--database-labels', 'y.npy', '--query-labels', 'y.npy'];
    for (const args of [
      ['encode', 'm', 'big.npy', '-o', 'out'],
      ['eval', 'm', ...evaluation, '--queries', 'big.npy'],
    ]) {
      const { code, stderr } = await work.run(...args);
      expect(stderr).toMatch(/^h2q: big\.npy: row 7: [^\n]*float32\n$/);
      expect(code).toBe(1);
    }
  });
});
