/** What a disk may refuse: to keep what was written, to be written at all, to take any more. */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  HammingIndex,
  IndexFile,
  repairIndex,
  verifyIndex,
  writeCodes,
  writeVectors,
} from '../../dist/node/index.js';
import { BITS, codesOf } from './changes.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-faults-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => BigInt(first + i));
const withIds = (ids: bigint[]) => [codesOf(ids), { ids: BigInt64Array.from(ids) }] as const;

/** An index file with 100 codes. */
async function begin(path: string): Promise<void> {
  const file = await IndexFile.create(path, BITS, { ids: true });
  await file.append(...withIds(range(0, 100)));
  file.close();
}

describe('a disk that does not keep what was written', () => {
  it('is told of, and nothing that was acknowledged is lost', ({ skip }) => {
    const library = join(folder, 'faults.so');
    const compiled = spawnSync('cc', ['-shared', '-fPIC', '-o', library, script('faults.c'), '-ldl']);
    if (process.platform !== 'linux' || compiled.status !== 0) skip('needs Linux and a C compiler');
    const env = { ...process.env, LD_PRELOAD: library, H2Q_FAULTS: join(folder, 'control') };
    const args = [script('faults.mjs'), join(folder, 'codes.h2q')];
    const { stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    expect(stderr).toBe('');
    const failed = (name: string, reason: string) =>
      expect.stringMatching(`^/${name}: cannot be written: ${reason}`);
    const eio = 'Input/output error \\(os error 5\\)';
    expect(JSON.parse(stdout)).toEqual({
      // One step each.
      append: { outcome: 'done', calls: 'a' },
      remove: { outcome: 'done', calls: 'a' },
      'compact without its file': { outcome: failed('codes.h2q', eio), calls: 'f' },
      'append after that': { outcome: 'done', calls: 'a' },
      'failing append': {
        outcome: failed('codes.h2q', `${eio}; whether the change was kept is unknown`),
        calls: 'a',
      },
      'size after that': 299,
      'next append': {
        outcome: failed('codes.h2q', 'an earlier change may be on the disk or not; open the file again'),
        calls: '',
      },
      'size when opened again': 299,
      'compact without its folder': {
        outcome: failed(
          'codes.h2q',
          `${eio}; it has been replaced, but a crash may bring the former file back`,
        ),
        calls: 'fd',
      },
      'size compacted': 299,
      'append to what may be gone': {
        outcome: failed('codes.h2q', 'an earlier change may be on the disk or not; open the file again'),
        calls: '',
      },
      'append to what is there': { outcome: 'done', calls: 'a' },
      'save without its folder': {
        outcome: failed('codes.h2q.copy', 'it is there, but may be gone after a crash: EIO'),
        calls: 'fd',
      },
      save: { outcome: 'done', calls: 'fd' },
      'write without its file': { outcome: failed('codes.h2q.npy', 'EIO'), calls: 'f' },
      'is written': false,
      'create without its folder': {
        outcome: failed('codes.h2q.new', 'it is there, but may be gone after a crash: EIO'),
        calls: 'fd',
      },
      'size at the end': 399,
    });
    const left = ['codes.h2q', 'codes.h2q.copy', 'codes.h2q.new', 'control', 'control.log', 'faults.so'];
    expect(readdirSync(folder).sort()).toEqual(left);
  });
});

/** A file system of its own, in memory, for as long as `use` takes; the reason where that cannot be had. */
async function withMounted(
  options: string,
  use: (place: string) => Promise<void>,
): Promise<string | undefined> {
  const place = join(folder, 'mounted');
  mkdirSync(place);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'h2q-test', place], { encoding: 'utf8' });
  if (mounted.status !== 0)
    return `needs to mount a file system: ${mounted.stderr || mounted.error?.message}`;
  try {
    await use(place);
  } finally {
    spawnSync('umount', ['-l', place]);
  }
  return undefined;
}

describe('a disk that is full', () => {
  it('leaves everything as it was', async ({ skip }) => {
    const obstacle = await withMounted('size=2m', async (place) => {
      const path = join(place, 'codes.h2q');
      const full = {
        code: 'FILE_UNWRITABLE',
        message: `${path}: cannot be written: no space left on the device`,
      };
      const file = await IndexFile.create(path, BITS, { ids: true });
      let rows = 0;
      const fill = async (count: number) => {
        for (;;) {
          await file.append(...withIds(range(rows, count)));
          rows += count;
        }
      };
      for (const count of [10_000, 1000, 100, 1]) await expect(fill(count)).rejects.toMatchObject(full);
      expect(rows).toBeGreaterThan(60_000);
      expect(file.index.size).toBe(rows);
      await expect(file.compact()).rejects.toMatchObject(full);
      const copy = join(place, 'copy.h2q');
      await expect(file.index.save(copy)).rejects.toMatchObject({
        code: 'FILE_UNWRITABLE',
        message: `${copy}: cannot be written: no space left on the device`,
      });
      const codes = join(place, 'codes.npy');
      await expect(writeCodes(codes, codesOf(range(0, 1000)))).rejects.toMatchObject({
        code: 'FILE_UNWRITABLE',
      });
      expect(readdirSync(place)).toEqual(['codes.h2q']);
      file.close();
      expect(await verifyIndex(path)).toMatchObject({ problems: [], size: rows, uncommittedBytes: 0 });
      const again = await IndexFile.open(path);
      await expect(again.append(...withIds(range(rows, 1000)))).rejects.toMatchObject(full);
      expect((await HammingIndex.open(path, { mapped: true })).size).toBe(rows);
      again.close();
    });
    if (obstacle !== undefined) skip(obstacle);
  });
});

describe('a file system that is read only', () => {
  it('can be searched and checked, and says why it is not changed', async ({ skip }) => {
    const obstacle = await withMounted('size=2m', async (place) => {
      const path = join(place, 'codes.h2q');
      await begin(path);
      expect(spawnSync('mount', ['-o', 'remount,ro', place]).status).toBe(0);
      for (const mapped of [true, false]) expect((await HammingIndex.open(path, { mapped })).size).toBe(100);
      expect((await verifyIndex(path)).problems).toEqual([]);
      const index = await HammingIndex.open(path, { mapped: true });
      const [other, npy] = [join(place, 'other.h2q'), join(place, 'x.npy')];
      const refused: [string, () => Promise<unknown>][] = [
        [path, () => IndexFile.open(path)],
        [path, () => repairIndex(path)],
        [path, () => index.save(path)],
        [other, () => IndexFile.create(other, BITS)],
        [other, () => index.save(other)],
        [npy, () => writeVectors(npy, { data: Float32Array.of(1), columns: 1 })],
      ];
      for (const [file, change] of refused) {
        await expect(change()).rejects.toMatchObject({
          code: 'FILE_UNWRITABLE',
          message: `${file}: cannot be written: read-only file system`,
          details: { file },
        });
      }
      expect(readdirSync(place)).toEqual(['codes.h2q']);
    });
    if (obstacle !== undefined) skip(obstacle);
  });
});

describe('a folder that may not be written', () => {
  it('lets its files be changed in place, and nothing be made beside them', async ({ skip }) => {
    const [place, path] = [join(folder, 'place'), join(folder, 'place', 'codes.h2q')];
    mkdirSync(place);
    await begin(path);
    copyFileSync(path, `${path}.other`);
    chmodSync(`${path}.other`, 0o444);
    // Permissions do not bind root, so the child becomes somebody else.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(path, 65534, 65534);
    chmodSync(place, 0o555);
    try {
      const args = [script('restricted.mjs'), place, isRoot ? '65534' : ''];
      const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      if (status === 3) skip(stderr.trim());
      expect(stderr).toBe('');
      const denied = (name: string) => `FILE_UNWRITABLE /${name}: cannot be written: permission denied`;
      expect(JSON.parse(stdout)).toEqual({
        append: 'done',
        remove: 'done',
        compact: denied('codes.h2q'),
        'append after that': 'done',
        save: denied('copy.h2q'),
        'save over a file': denied('codes.h2q'),
        create: denied('new.h2q'),
        'open what is read only': denied('codes.h2q.other'),
        size: 298,
      });
      expect(readdirSync(place)).toEqual(['codes.h2q', 'codes.h2q.other']);
    } finally {
      chmodSync(place, 0o755);
    }
    expect(await verifyIndex(path)).toMatchObject({ problems: [], size: 298 });
    expect(readFileSync(`${path}.other`).length).toBeGreaterThan(12288);
    writeFileSync(path, '');
  });
});
