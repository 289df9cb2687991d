/** Formats that must be read from a file, from where there is none. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VectorFormat } from '../../ts/io/formats.js';
import { VectorFile } from '../../ts/io/index.js';
import { copySource } from '../../ts/node/copies.js';
import { openHdf5 } from '../../ts/node/hdf5.js';
import { platform, setPlatform } from '../../ts/platform.js';
import { useFakePlatform } from '../facade/fake-platform.js';
import { fixture, piecesOf, readRows } from './read-rows.js';

let folder: string;
const before = process.env['TMPDIR'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-copies-'));
  process.env['TMPDIR'] = folder;
  useFakePlatform();
  setPlatform({ ...platform(), openHdf5, copySource });
});
afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  rmSync(folder, { recursive: true });
});

const FILES = [
  ['annbenchmarks.hdf5', 'hdf5', 'train'],
  ['chunked.h5', 'hdf5', undefined],
  ['none.parquet', 'parquet', undefined],
] as const satisfies [string, VectorFormat, string | undefined][];

describe.each(FILES)('%s', (name, format, dataset) => {
  const bytes = readFileSync(fixture(name));
  const options = { format, ...(dataset === undefined ? {} : { dataset }) };

  it('from a stream in pieces of any size, bytes and a blob, with nothing left behind', async () => {
    const { rows } = await readRows(fixture(name), options);
    for (const size of [1, 1000, 1e6]) {
      expect((await readRows(piecesOf(bytes, size), options)).rows).toEqual(rows);
    }
    expect((await readRows(new Uint8Array(bytes), options)).rows).toEqual(rows);
    expect((await readRows(new Blob([bytes]), options)).rows).toEqual(rows);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('the copy lives until the file is closed, and goes when it cannot be read', async () => {
    const file = await VectorFile.open(piecesOf(bytes, 1000), options);
    expect(file.rows).toBe(7);
    expect(readdirSync(folder)).toHaveLength(1);
    await file.close();
    expect(readdirSync(folder)).toEqual([]);
    const cut = VectorFile.open(piecesOf(bytes.subarray(0, bytes.length / 2), 1000), options);
    await expect(cut).rejects.toMatchObject({ code: 'FILE_FORMAT', details: { file: 'stream' } });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('an abort ends the copying', async () => {
    const [abort, reason] = [new AbortController(), new Error('enough')];
    async function* endless() {
      for (let piece = 0; ; piece++) {
        if (piece === 3) abort.abort(reason);
        yield bytes.subarray(0, 100);
      }
    }
    await expect(VectorFile.open(endless(), { ...options, signal: abort.signal })).rejects.toBe(reason);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('names the folder that has no room', async () => {
    process.env['TMPDIR'] = join(folder, 'missing');
    await expect(readRows(piecesOf(bytes, 1000), options)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringMatching(/^stream: cannot be copied to .*missing, to be read there: /),
    });
  });

  it('says so where there are no files', async () => {
    useFakePlatform();
    await expect(readRows(piecesOf(bytes, 1000), options)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringMatching(/^stream: (HDF5 is read in Node|.parquet is read from a file)/),
    });
  });
});
