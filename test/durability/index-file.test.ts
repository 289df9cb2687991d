/** Index files through the facade: changes, models, locks, full disks. Damage is tested in crates/core/tests. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fit, HammingIndex, IndexFile, repairIndex, verifyIndex, writeCodes } from '../../dist/node/index.js';
import { randomMatrix } from '../conformance/matrices.js';
import { BITS, codesOf, contentsOf } from './changes.mjs';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-index-'));
  path = join(folder, 'codes.h2q');
});
afterEach(() => rmSync(folder, { recursive: true }));

const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => BigInt(first + i));
const withIds = (ids: bigint[]) => [codesOf(ids), { ids: BigInt64Array.from(ids) }] as const;

describe('an index file', () => {
  it('is begun once, changed, compacted and searched meanwhile', async () => {
    const file = await IndexFile.create(path, BITS, { ids: true });
    await expect(IndexFile.create(path, BITS)).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      message: /codes\.h2q: cannot be written: is there already/,
    });
    expect(await file.append(...withIds(range(10, 30)))).toBe(0);
    expect(await file.append(...withIds(range(100, 7)))).toBe(30);
    expect(await file.remove(new BigInt64Array([10n, 104n, 999n]))).toBe(2);
    const reader = await HammingIndex.open(path, { mapped: true });
    expect([reader.size, reader.rows, reader.hasIds]).toEqual([35, 37, true]);
    expect(await file.compact()).toEqual(
      Uint32Array.from([...range(1, 33), ...range(35, 2)].filter((row) => row !== 34n).map(Number)),
    );
    expect([file.index.size, file.index.rows, reader.rows]).toEqual([35, 35, 37]);
    const wanted = new Set([...range(11, 29), ...range(100, 7)].filter((id) => id !== 104n));
    expect(new Set((await contentsOf(file.index)).keys())).toEqual(wanted);
    expect(new Set((await contentsOf(await HammingIndex.open(path))).keys())).toEqual(wanted);
    file.close();
    await expect(file.append(...withIds([1n]))).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
    expect((await verifyIndex(path)).problems).toEqual([]);
  });

  it('is what save writes, and is changed through the file alone', async () => {
    const memory = await HammingIndex.build(...withIds(range(0, 100)));
    await memory.save(path);
    const file = await IndexFile.open(path);
    await expect(file.index.add(...withIds([5n]))).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(file.index.remove(new BigInt64Array([5n]))).rejects.toMatchObject({
      message: /belongs to a file/,
    });
    await expect(file.append(codesOf([1n]))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(file.append({ data: new Uint8Array(4), bits: 32 }, {})).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(file.index.size).toBe(100);
    file.close();
  });

  it('has one writer, in whatever process', async () => {
    const file = await IndexFile.create(path, BITS, { ids: true });
    await expect(IndexFile.open(path)).rejects.toMatchObject({
      code: 'FILE_LOCKED',
      message: `${path}: somebody else has it open for changes`,
    });
    const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [program, 'index', ...args], { encoding: 'utf8' });
    const { status, stderr } = run('compact', path);
    expect([status, stderr]).toEqual([1, `h2q: ${path}: somebody else has it open for changes\n`]);
    file.close();
    expect(run('compact', path).status).toBe(0);
  });

  it('refuses codes and queries of another model', async () => {
    const vectors = randomMatrix(200, 1);
    const [{ model }, other] = [
      await fit(vectors, { bits: 16, seed: 1 }),
      await fit(vectors, { bits: 16, seed: 1, method: 'random' }),
    ];
    const file = await IndexFile.create(path, 16);
    expect(file.index.model).toBeUndefined();
    await file.append(await model.encode(vectors));
    expect(file.index.model).toBe(model.fingerprint);
    const foreign = await other.model.encode(vectors);
    await expect(file.append(foreign)).rejects.toMatchObject({
      code: 'FOREIGN_MODEL',
      details: { expected: model.fingerprint, actual: other.model.fingerprint },
    });
    await expect(file.index.search(foreign, 1)).rejects.toMatchObject({ code: 'FOREIGN_MODEL' });
    const { data, bits } = foreign;
    await file.append({ data, bits });
    file.close();
    const reader = await HammingIndex.open(path, { mapped: true });
    expect([reader.model, reader.rows]).toEqual([model.fingerprint, 400]);
    expect((await HammingIndex.open(path)).model).toBe(model.fingerprint);
    await expect(reader.search({ data, bits, model: 'abc' }, 1)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('stays as it was where the disk is full', async () => {
    (await IndexFile.create(path, BITS, { ids: true })).close();
    // Blocks of 512 or 1,024 bytes, by the shell: some hundred kilobytes either way.
    const script = fileURLToPath(new URL('fills.mjs', import.meta.url));
    const filling = spawnSync(
      'sh',
      ['-c', `ulimit -f 400; exec "$0" "$1" "$2"`, process.execPath, script, path],
      {
        encoding: 'utf8',
      },
    );
    expect(filling.stderr).toBe('');
    const { appended, code, size } = JSON.parse(filling.stdout);
    expect(code).toBe('FILE_UNWRITABLE');
    expect(appended).toBeGreaterThan(1);
    expect(size).toBe(appended * 500);
    // There is room for a removal in what was cut off again.
    const found = await verifyIndex(path);
    expect([found.problems, found.size]).toEqual([[], appended * 500 - 1]);
    const file = await IndexFile.open(path);
    await file.append(...withIds(range(1_000_000, 500)));
    expect(file.index.size).toBe(appended * 500 + 499);
    file.close();
  });

  it('that is damaged is named where the damage is found', async () => {
    const ids = range(0, 200_000);
    await (await HammingIndex.build(...withIds(ids))).save(path);
    const bytes = readFileSync(path);
    bytes[1_000_000]! ^= 1;
    writeFileSync(path, bytes);
    const damaged = {
      code: 'INDEX_FORMAT',
      message: `${path}: not a readable index: its contents are damaged`,
      details: { file: path },
    };
    const mapped = await HammingIndex.open(path, { mapped: true });
    const queries = codesOf([1n]);
    await expect(mapped.search(queries, 1)).rejects.toMatchObject(damaged);
    expect(() => mapped.searchSync(queries, 1)).toThrow(damaged.message);
    await expect(mapped.searchRadius(queries, 3)).rejects.toMatchObject(damaged);
    await expect(mapped.buildTables()).rejects.toMatchObject(damaged);
    await expect(mapped.save(join(folder, 'copy'))).rejects.toMatchObject(damaged);
    await expect(mapped.toBytes()).rejects.toMatchObject(damaged);
    const file = await IndexFile.open(path);
    await expect(file.index.search(queries, 1)).rejects.toMatchObject(damaged);
    await expect(file.compact()).rejects.toMatchObject(damaged);
    file.close();
    const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    await writeCodes(join(folder, 'q.npy'), queries);
    const args = [program, 'search', path, join(folder, 'q.npy'), '-k', '1'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, `h2q: ${damaged.message}\n`]);
  });

  it('is read to its last commit and no further: whoever changes it may cut off what follows', async () => {
    const file = await IndexFile.create(path, BITS);
    await file.append(codesOf(range(0, 1000)));
    const pending = readFileSync(path);
    file.close();
    for (const bytes of [pending, readFileSync(path)]) {
      const blob = new Blob([bytes, new Uint8Array(10_000_000)]);
      let end = 0;
      const slice = (from?: number, to = 0) => {
        end = Math.max(end, to);
        return Blob.prototype.slice.call(blob, from, to);
      };
      expect((await HammingIndex.open(Object.assign(blob, { slice }))).size).toBe(1000);
      expect(end).toBe(bytes.length);
    }
  });

  it('is repaired', async () => {
    (await IndexFile.create(path, BITS)).close();
    const file = await IndexFile.open(path);
    await file.append(codesOf(range(0, 100)));
    file.close();
    const bytes = readFileSync(path);
    bytes[10] = 255;
    writeFileSync(path, bytes);
    expect((await verifyIndex(path)).problems).toEqual(['a copy of the header is damaged']);
    expect(await repairIndex(path)).toEqual({ problems: ['a copy of the header is damaged'], lost: 0 });
    bytes[bytes.length - 100] = 255;
    writeFileSync(path, bytes);
    await expect(HammingIndex.open(path)).rejects.toMatchObject({ code: 'INDEX_FORMAT' });
    const repaired = await repairIndex(path);
    expect(repaired).toMatchObject({ lost: 100, damaged: `${path}.damaged`, rows: new Uint32Array() });
    expect(statSync(`${path}.damaged`).size).toBe(bytes.length);
  });
});
