/** An index that grows, shrinks, is filtered, saved and opened, through the facade on the native backend. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, describe, expect, it } from 'vitest';
import type { Codes, IdSet } from '../../ts/index.js';
import { HammingIndex, hammingDistance, settled } from '../../ts/node/index.js';
import { seededRandom } from '../io/memory.js';

const BITS = 64;
const BYTES = BITS / 8;
const folder = mkdtempSync(join(tmpdir(), 'h2q-index-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Near one of few centres, so that there are ties and near hits. */
function randomCodes(rows: number, seed: number): Codes {
  const random = seededRandom(seed);
  const data = Uint8Array.from({ length: rows * BYTES }, () =>
    random() < 0.6 ? 0x3c : Math.floor(random() * 256),
  );
  return { data, bits: BITS };
}

const codeOf = ({ data }: Codes, row: number) => data.subarray(row * BYTES, (row + 1) * BYTES);

/** Rows by (distance, row) among those that pass. */
function ranking(codes: Codes, query: Uint8Array, passes: (row: number) => boolean): number[] {
  const rows = Array.from({ length: codes.data.length / BYTES }, (_, row) => row).filter(passes);
  const distance = new Map(rows.map((row) => [row, hammingDistance(codeOf(codes, row), query)]));
  return rows.sort((a, b) => (distance.get(a) as number) - (distance.get(b) as number) || a - b);
}

const codes = randomCodes(5000, 1);
const queries = randomCodes(7, 2);
const METHODS = ['linear', 'mih', 'auto'] as const;

function expectHits(index: HammingIndex, k: number, passes: (row: number) => boolean, filter = {}) {
  for (const method of METHODS) {
    const hits = index.searchSync(queries, k, { method, ...filter });
    for (let q = 0; q < 7; q++) {
      const wanted = ranking(codes, codeOf(queries, q), passes).slice(0, k);
      expect([...hits.rows.subarray(q * hits.k, (q + 1) * hits.k)], method).toEqual(wanted);
    }
  }
}

describe('changes', () => {
  it('added and removed codes are found and not found, synchronously and not', async () => {
    const part = (start: number, end: number) => ({
      data: codes.data.subarray(start * BYTES, end * BYTES),
      bits: BITS,
    });
    const index = HammingIndex.empty(BITS);
    expect([index.size, index.rows, index.bits, index.hasIds]).toEqual([0, 0, BITS, false]);
    expect(index.searchSync(queries, 3)).toMatchObject({ rows: new Uint32Array(), k: 0 });
    expect(await index.add(part(0, 2000))).toBe(0);
    expect(index.addSync(part(2000, 2001))).toBe(2000);
    expect(await index.add(part(2001, 5000))).toBe(2001);
    expectHits(index, 20, () => true);

    expect(await index.remove(Uint32Array.from([7, 2000, 4999, 7]))).toBe(3);
    expect(index.removeSync(BigInt64Array.from([7n, 8n, 1_000_000n, -1n]))).toBe(1);
    expect([index.size, index.rows]).toEqual([4996, 5000]);
    const gone = new Set([7, 8, 2000, 4999]);
    expectHits(index, 20, (row) => !gone.has(row));
    expectHits(index, 5000, (row) => !gone.has(row));
  });

  it('ids missing, not wanted or of the wrong kind are refused', async () => {
    const [plain, named] = [HammingIndex.empty(8), HammingIndex.empty(8, { ids: true })];
    const one = { data: Uint8Array.from([1]), bits: 8 };
    const ids = BigInt64Array.from([1n]);
    await expect(plain.add(one, { ids })).rejects.toThrow('ids: not wanted, this index has none');
    await expect(named.add(one)).rejects.toThrow('ids: missing, this index has ids');
    await expect(plain.add({ data: new Uint8Array(2), bits: 16 })).rejects.toThrow(
      'codes: expected 8 bits, got 16',
    );
    // biome-ignore lint/suspicious/noExplicitAny: what the types forbid
    await expect(plain.remove([1] as any)).rejects.toThrow('ids: expected a BigInt64Array or a Uint32Array');
    expect(() => HammingIndex.empty(12)).toThrow('bits: 12 is not a positive multiple of 8');
    expect([plain.rows, named.rows]).toEqual([0, 0]);
  });
});

describe('filters', () => {
  const index = HammingIndex.buildSync(codes);
  const third = (row: number) => row % 3 === 0;
  const rows = Array.from({ length: 5000 }, (_, row) => row).filter(third);
  const bitmap = new Uint8Array(625);
  for (const row of rows) bitmap[row >> 3]! |= 1 << (row & 7);
  const sets: [string, IdSet][] = [
    ['a bitmap', bitmap],
    ['row numbers', Uint32Array.from(rows)],
    ['ids in any order', BigInt64Array.from(rows.map(BigInt)).reverse()],
    ['a predicate', (id) => id % 3n === 0n],
  ];

  it.each(sets)('%s allows or denies, with exactly k hits', async (_, set) => {
    expectHits(index, 25, third, { allow: set });
    expectHits(index, 25, (row) => !third(row), { deny: set });
    expect(await index.search(queries, 25, { allow: set })).toEqual(
      index.searchSync(queries, 25, { allow: set }),
    );
    expect(index.searchSync(queries, 5000, { allow: set }).k).toBe(rows.length);
    const near = await index.searchRadius(queries, 20, { deny: set });
    expect(near.rows.every((row) => !third(row))).toBe(true);
    expect(near).toEqual(index.searchRadiusSync(queries, 20, { deny: set }));
  });

  it('a predicate is asked once for every row, by id', async () => {
    const named = HammingIndex.buildSync(
      { data: Uint8Array.from([1, 2, 3]), bits: 8 },
      { ids: BigInt64Array.from([30n, 10n, 20n]) },
    );
    const asked: bigint[] = [];
    const allow = (id: bigint) => {
      asked.push(id);
      return id > 10n;
    };
    const hits = await named.search({ data: Uint8Array.from([2]), bits: 8 }, 3, { allow });
    expect(hits.ids).toEqual(BigInt64Array.from([20n, 30n]));
    expect(asked.sort()).toEqual([10n, 20n, 30n]);
  });

  it('is what its array was when the search was called', async () => {
    // More than one slice of queries: the event loop turns before the search starts.
    const many = { data: new Uint8Array(5 * 1024 * 1024), bits: BITS };
    for (const set of [Uint32Array.from(rows), BigInt64Array.from(rows.map(BigInt)), bitmap.slice()]) {
      const search = index.search(many, 2, { deny: set });
      new Uint8Array(set.buffer).fill(0);
      const hits = await search;
      expect(hits.rows.some(third)).toBe(false);
    }
    const gone = Uint32Array.from(rows);
    structuredClone(gone, { transfer: [gone.buffer] });
    await expect(index.search(queries, 1, { deny: gone })).rejects.toThrow('deny: the array is detached');
  });

  it('of a predicate does not let rows pass that were added meanwhile', async () => {
    const growing = HammingIndex.buildSync(randomCodes(40_000, 4));
    const search = growing.search(queries, 5, { deny: () => true });
    growing.addSync(codes);
    expect((await search).k).toBe(0);
  });

  it('what is no filter is refused by name', async () => {
    const fails = (filter: object, message: string) =>
      expect(index.search(queries, 1, filter)).rejects.toThrow(message);
    await fails({ allow: bitmap, deny: bitmap }, 'deny: give either allow or deny, not both');
    await fails({ deny: new Uint8Array(3) }, 'deny: a bitmap of 5000 rows has 625 bytes, not 3');
    await fails({ allow: [1, 2] }, 'allow: expected a Uint8Array');
    await fails({ allow: null }, 'allow: expected a Uint8Array');
    await fails({ method: 'fast' }, "method: 'fast' is not one of auto, linear, mih");
  });
});

it('counters tell what was done, when asked', () => {
  const index = HammingIndex.buildSync(codes);
  expect(index.searchSync(queries, 1)).not.toHaveProperty('work');
  const { work } = index.searchSync(queries, 1, { method: 'linear', counters: true });
  expect(work).toEqual({ candidates: 7 * 5000, buckets: 0 });
  const tables = index.searchSync(queries, 1, { method: 'mih', counters: true }).work;
  expect(tables?.buckets).toBeGreaterThan(0);
  index.buildTablesSync();
  expect(index.memory).toBeGreaterThan(5000 * BYTES);
});

describe('files', () => {
  const index = HammingIndex.buildSync(codes, {
    ids: BigInt64Array.from({ length: 5000 }, (_, row) => BigInt((row * 7919) % 5000) - 2500n),
  });
  index.removeSync(BigInt64Array.from([-2500n, 0n]));
  const path = join(folder, 'saved.h2q');

  it('what is saved is opened with the same hits', async () => {
    await index.save(path);
    const opened = await HammingIndex.open(path);
    expect([opened.size, opened.rows, opened.bits, opened.hasIds]).toEqual([4998, 5000, BITS, true]);
    expect(await opened.search(queries, 40)).toEqual(await index.search(queries, 40));
    await opened.add(queries, { ids: BigInt64Array.from({ length: 7 }, (_, i) => BigInt(i)) });
    expect(opened.size).toBe(5005);
  });

  it('damaged and foreign files are refused by name', async () => {
    await index.save(path);
    const bytes = readFileSync(path);
    const broken = join(folder, 'broken.h2q');
    const refused = async (content: Uint8Array, message: string) => {
      writeFileSync(broken, content);
      await expect(HammingIndex.open(broken)).rejects.toMatchObject({
        code: 'INDEX_FORMAT',
        message: expect.stringContaining(`broken.h2q: not a readable index: ${message}`),
      });
    };
    await refused(bytes.subarray(0, bytes.length - 1), 'it is truncated');
    await refused(Buffer.from('H2QMODEL'.repeat(8)), 'it does not start with H2QINDEX');
    await refused(new Uint8Array(), 'it is truncated');
    bytes[bytes.length >> 1]! ^= 1;
    await refused(bytes, 'its contents are damaged');
    await expect(HammingIndex.open(join(folder, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('long searches', () => {
  // Some seconds of work on one thread: twenty thousand queries over half a million codes.
  const data = new Uint8Array(500_000 * BYTES);
  const random = seededRandom(3);
  for (let i = 0; i < data.length; i++) data[i] = Math.floor(random() * 256);
  const index = HammingIndex.buildSync({ data, bits: BITS });
  const many = { data: data.slice(0, 20_000 * BYTES), bits: BITS };

  /** The best of three, as other programs on the machine may stand in the way. */
  async function bestOfThree(measure: () => Promise<number>): Promise<number> {
    return Math.min(await measure(), await measure(), await measure());
  }

  it('leave the event loop free', async () => {
    const longestDelay = async () => {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      const search = index.search(many, 10, { threads: 1, method: 'linear' });
      // After the queries have been copied and before the hits are.
      delay.enable();
      await new Promise((resolve) => setTimeout(resolve, 300));
      delay.disable();
      await search;
      return delay.max / 1e6;
    };
    expect(await bestOfThree(longestDelay)).toBeLessThan(20);
  });

  it('stop when they are aborted', async () => {
    const untilStopped = async () => {
      const controller = new AbortController();
      const search = index.search(many, 10, { threads: 1, method: 'linear', signal: controller.signal });
      await new Promise((resolve) => setTimeout(resolve, 50));
      const abortedAt = performance.now();
      controller.abort();
      await expect(search).rejects.toMatchObject({ name: 'AbortError' });
      expect(performance.now() - abortedAt).toBeLessThan(100);
      await settled();
      return performance.now() - abortedAt;
    };
    expect(await bestOfThree(untilStopped)).toBeLessThan(500);
  });

  it('run at the same time as others and as changes', async () => {
    const growing = HammingIndex.buildSync(codes);
    const before = growing.searchSync(queries, 10);
    const long = index.search(many, 10, { threads: 1 });
    const during = await Promise.all([
      growing.search(queries, 10),
      growing.add(codes),
      growing.search(queries, 10),
    ]);
    expect(growing.rows).toBe(10_000);
    // Either moment is right, but no mixture of the two.
    const after = growing.searchSync(queries, 10);
    for (const hits of [during[0], during[2]]) expect([before, after]).toContainEqual(hits);
    await long;
  });
});
