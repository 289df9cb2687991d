/** Named layouts of codes, against the software that they are named for (test/fixtures/codes/make.py). */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CODE_LAYOUTS } from '../../ts/code-layouts.js';
import { formatCodes, HammingIndex, readCodes, writeCodes } from '../../ts/node/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-layouts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/codes/${name}`, import.meta.url));
const [ROWS, BITS] = [50, 64];
const lsb = await readCodes(fixture('lsb.npy'));
const msb = { ...(await readCodes(fixture('msb.npy'))), layout: 'msb' as const };

describe.each([
  ['lsb', lsb],
  ['msb', msb],
])('from %s', (_, codes) => {
  it.each([
    ['lsb', 'lsb.npy'],
    ['faiss', 'lsb.npy'],
    ['msb', 'msb.npy'],
    ['binary', 'binary.npy'],
    ['pgvector', 'pgvector.txt'],
  ] as const)('%s is what the other software has, to the byte', async (layout, name) => {
    const path = join(folder, 'codes');
    await writeCodes(path, codes, { layout });
    expect(readFileSync(path).equals(readFileSync(fixture(name)))).toBe(true);
  });

  it('the array that was given stays as it was', () => {
    const before = codes.data.slice();
    for (const layout of CODE_LAYOUTS) formatCodes(codes, layout);
    expect(codes.data).toEqual(before);
  });
});

it('arrays have the types of their layouts', () => {
  expect(formatCodes(lsb, 'msb')).toEqual(msb.data);
  expect(formatCodes(msb, 'binary')).toBeInstanceOf(Int8Array);
  expect(formatCodes({ data: Uint8Array.from([0b10000000, 1]), bits: 8 }, 'pgvector')).toBe(
    '00000001\n10000000\n',
  );
  expect(() => formatCodes(lsb, 'big' as never)).toThrow(
    "layout: 'big' is not one of lsb, msb, faiss, binary",
  );
});

it('faiss holds the same bytes', () => {
  const index = readFileSync(fixture('faiss.index'));
  expect(index.subarray(index.length - lsb.data.length)).toEqual(Buffer.from(lsb.data));
});

it('distances are those of faiss and usearch', async () => {
  const expected: Record<string, number[][]> = JSON.parse(readFileSync(fixture('distances.json'), 'utf8'));
  const index = await HammingIndex.build(lsb);
  for (const [codes, distances] of [
    [lsb, expected['faiss']],
    [msb, expected['usearch']],
  ] as const) {
    const queries = { ...codes, data: codes.data.subarray(0, (3 * BITS) / 8) };
    expect([...(await index.search(queries, ROWS)).distances]).toEqual(distances?.flat());
  }
});

it('signed codes are read back for what they are', async () => {
  expect(await readCodes(fixture('binary.npy'))).toEqual(msb);
});
