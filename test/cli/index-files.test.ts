/** `h2q index`: files of codes, built, changed, compacted, checked and repaired. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { madeUp } from '../../bench/lib/made-up-bytes.mjs';
import { Workplace } from './h2q.js';

const work = new Workplace();

/** `rows` codes of 64 bits, with ids from `first` on. */
function write(name: string, rows: number, first: number): void {
  work.writeNpy(`${name}.npy`, 'u1', [rows, 8], madeUp(rows * 8, first));
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(first + i));
  work.writeNpy(`${name}-ids.npy`, 'i8', [rows], ids);
}

const json = async (...args: string[]) => JSON.parse(await work.succeed('index', ...args, '--json'));

async function build(): Promise<void> {
  write('codes', 1000, 0);
  const built = await json('build', 'codes.npy', '-o', 'i.h2q', '--ids', 'codes-ids.npy');
  expect(built).toEqual({ rows: 1000, size: 1000, bits: 64 });
}

it('is built, grows, shrinks and is compacted, and the former rows are kept', async () => {
  await build();
  write('more', 50, 2000);
  expect(await json('append', 'i.h2q', 'more.npy', '--ids', 'more-ids.npy')).toEqual({
    ...{ rows: 1050, size: 1050, bits: 64 },
  });
  const { stderr } = await work.run('index', 'append', 'i.h2q', 'more.npy');
  expect(stderr).toBe('h2q: --ids: missing, i.h2q has ids\n');
  work.writeNpy('gone.npy', 'i4', [3], Int32Array.of(1, 2049, 77_777));
  expect(await json('remove', 'i.h2q', '--ids', 'gone.npy')).toEqual({ removed: 2, size: 1048, rows: 1050 });
  const info = { rows: 1050, size: 1048, bits: 64, ids: true, factors: false };
  expect(await json('info', 'i.h2q')).toEqual(info);

  // Where the rows cannot be written, nothing is compacted.
  const before = readFileSync(join(work.path, 'i.h2q'));
  for (const rows of ['none/rows.npy', '.']) {
    const refused = await work.run('index', 'compact', 'i.h2q', '--rows', rows);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(new RegExp(`^h2q: ${rows}: cannot be written: `));
    expect(readFileSync(join(work.path, 'i.h2q')).equals(before)).toBe(true);
  }
  expect(await json('compact', 'i.h2q', '--rows', 'rows.npy')).toEqual({ rows: 1048 });
  const { header, data } = work.readNpy('rows.npy');
  expect(header).toContain("'<i8'");
  const expected = Array.from({ length: 1050 }, (_, row) => BigInt(row)).filter(
    (row) => row !== 1n && row !== 1049n,
  );
  expect([...new BigInt64Array(data)]).toEqual(expected);
  expect(await json('info', 'i.h2q')).toMatchObject({ rows: 1048, size: 1048 });
  expect(work.list().filter((name) => name.includes('.tmp'))).toEqual([]);
});

it('is verified and repaired', async () => {
  await build();
  expect(await work.succeed('index', 'verify', 'i.h2q')).toBe(
    'i.h2q: 1000 codes of 1000 rows, all is well\n',
  );
  expect(await work.succeed('index', 'repair', 'i.h2q')).toBe('i.h2q: nothing was wrong\n');
  const path = join(work.path, 'i.h2q');
  const bytes = readFileSync(path);
  bytes[13_000]! ^= 1;
  writeFileSync(path, bytes);
  const { code, stdout, stderr } = await work.run('index', 'verify', 'i.h2q', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(stdout).problems).toEqual(['bytes 12416 to 28416: its contents are damaged']);
  expect(stderr).toBe(`h2q: i.h2q: ${JSON.parse(stdout).problems[0]}\n`);
  expect(await json('repair', 'i.h2q')).toMatchObject({
    lost: 1000,
    rows: 0,
    damaged: expect.stringMatching(/\.damaged$/),
  });
  expect(await json('info', 'i.h2q')).toMatchObject({ rows: 0, size: 0 });
});
