/** Encoding takes no more memory for a larger file, whatever its format, nor for a pipe that does not end. */

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { outcomeOf } from '../outcome.js';
import { Workplace } from './h2q.js';

const work = new Workplace();

/** Makes a program say how much memory it had at most, in KiB. */
const TELL_PEAK = `data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))`;
const COLUMNS = 256;
const timeout = 120_000;

async function fitModel(): Promise<void> {
  work.writeVectors('small.npy', 500, COLUMNS);
  await work.succeed('fit', 'small.npy', '-o', 'm', '--bits', '64', '--method', 'random', '--center', 'off');
  work.nodeFlags = ['--import', TELL_PEAK];
}

const megabytes = (stderr: string) => (Number(stderr.match(/^peak (\d+)\n$/)?.[1]) * 1024) / 1e6;

it.each(['fbin', 'fvecs'])('a .%s of 1.5 GB takes less than 300 MB', { timeout }, async (ending) => {
  await fitModel();
  const rows = 1_500_000;
  const file = openSync(join(work.path, `x.${ending}`), 'w');
  if (ending === 'fbin') {
    writeSync(file, new Uint32Array([rows, COLUMNS]));
    ftruncateSync(file, 8 + rows * COLUMNS * 4);
  } else {
    const block = new Float32Array(1000 * (COLUMNS + 1));
    const counts = new Uint32Array(block.buffer);
    for (let row = 0; row < 1000; row++) counts[row * (COLUMNS + 1)] = COLUMNS;
    for (let row = 0; row < rows; row += 1000) writeSync(file, block);
  }
  closeSync(file);
  const { code, stdout, stderr } = await work.run('encode', 'm', `x.${ending}`, '-o', 'c.npy', '--json');
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { rows }]);
  expect(megabytes(stderr)).toBeLessThan(300);
});

it('1 GB from a pipe takes less than 300 MB', { timeout }, async () => {
  await fitModel();
  const child = work.start('encode', 'm', '-', '--format', 'fvecs', '-o', 'c.npy');
  const outcome = outcomeOf(child);
  const block = new Float32Array(1000 * (COLUMNS + 1));
  const counts = new Uint32Array(block.buffer);
  for (let row = 0; row < 1000; row++) counts[row * (COLUMNS + 1)] = COLUMNS;
  for (let i = 0; i < 1000; i++) {
    const isFull = !child.stdin.write(new Uint8Array(block.buffer));
    if (isFull) await new Promise((resolve) => child.stdin.once('drain', resolve));
  }
  child.stdin.end();
  const { code, stdout, stderr } = await outcome;
  expect([code, stdout]).toEqual([0, '1000000 codes of 64 bits → c.npy\n']);
  expect(megabytes(stderr)).toBeLessThan(300);
});
