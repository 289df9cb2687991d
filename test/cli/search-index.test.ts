/** `h2q search` by its methods, in codes and in an index file. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { HammingIndex } from '../../ts/node/index.js';
import { seededRandom } from '../io/memory.js';
import { Workplace } from './h2q.js';

const work = new Workplace();
const [ROWS, QUERIES, BYTES] = [3000, 20, 8];

function writeCodes(name: string, rows: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const data = Uint8Array.from({ length: rows * BYTES }, () =>
    random() < 0.7 ? 0x55 : Math.floor(random() * 256),
  );
  work.writeNpy(name, 'u1', [rows, BYTES], data);
  return data;
}

it('every method prints the same hits', async () => {
  writeCodes('c.npy', ROWS, 1);
  writeCodes('q.npy', QUERIES, 2);
  const search = ['search', 'c.npy', 'q.npy', '-k', '7', '--json', '--method'];
  const [linear, mih, auto] = await Promise.all(
    ['linear', 'mih', 'auto'].map((method) => work.succeed(...search, method)),
  );
  expect(JSON.parse(linear!).hits).toHaveLength(QUERIES);
  expect([mih, auto]).toEqual([linear, linear]);
});

it('an index file stands for its codes, with its own ids and without what was removed', async () => {
  const data = writeCodes('c.npy', ROWS, 1);
  writeCodes('q.npy', QUERIES, 2);
  const plain = HammingIndex.buildSync({ data, bits: 64 });
  await plain.save(join(work.path, 'plain.index'));
  const search = (file: string, ...more: string[]) =>
    work.succeed('search', file, 'q.npy', '-k', '5', ...more);
  expect(await search('plain.index', '--json')).toBe(await search('c.npy', '--json'));

  const ids = BigInt64Array.from({ length: ROWS }, (_, row) => 2n ** 60n + BigInt(row));
  const named = HammingIndex.buildSync({ data, bits: 64 }, { ids });
  const nearest = named.searchSync({ data: data.slice(0, BYTES), bits: 64 }, 1).ids!;
  named.removeSync(nearest);
  await named.save(join(work.path, 'named.index'));
  const { hits } = JSON.parse(await search('named.index', '--json'));
  expect(hits.flat().every(({ id }: { id: unknown }) => typeof id === 'string')).toBe(true);
  expect(hits.flat().map(({ id }: { id: string }) => id)).not.toContain(String(nearest[0]));
  expect(await search('named.index')).toMatch(/^query {2}rank {20}id {2}distance\n/);

  await search('named.index', '--ids', 'i.npy');
  const { data: bytes } = work.readNpy('i.npy');
  expect([...new BigInt64Array(bytes)].map(String)).toEqual(hits.flat().map(({ id }: { id: string }) => id));
});

it('an index with nothing left prints an empty list per query', async () => {
  writeCodes('q.npy', 3, 2);
  await HammingIndex.empty(64).save(join(work.path, 'empty.index'));
  expect(await work.succeed('search', 'empty.index', 'q.npy', '-k', '5', '--json')).toBe(
    '{"hits":[[],[],[]]}\n',
  );
});

it('a damaged index file and queries of other bits are refused by name', async () => {
  writeFileSync(join(work.path, 'bad.index'), `H2QINDEX${'x'.repeat(200)}`);
  writeCodes('q.npy', QUERIES, 2);
  const damaged = await work.run('search', 'bad.index', 'q.npy', '-k', '1');
  expect([damaged.code, damaged.stderr]).toEqual([
    1,
    'h2q: bad.index: not a readable index: the header is damaged\n',
  ]);
  await HammingIndex.empty(128).save(join(work.path, 'wide.index'));
  const other = await work.run('search', 'wide.index', 'q.npy', '-k', '1');
  expect([other.code, other.stderr]).toEqual([1, 'h2q: q.npy: expected 128 bits as in wide.index, got 64\n']);
});
