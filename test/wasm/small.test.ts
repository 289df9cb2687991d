/** The small module against the whole one and the native addon: files of both, and what they find in them. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as native from '../../dist/node/index.js';
import type { SmallExports } from '../../ts/small/module.js';
import { HEAD } from '../conformance/head.js';
import { matrix, randomMatrix } from '../conformance/matrices.js';
import { seededRandom } from '../conformance/random.js';
import { hasWasm, skipWithoutWasm, wasmBytes } from '../wasm.js';

skipWithoutWasm();

let small: typeof import('../../ts/browser/search.js');
let whole: typeof import('../../ts/browser/index.js');

beforeAll(async () => {
  if (!hasWasm) return;
  whole = await import('../../ts/browser/index.js');
  await whole.init(wasmBytes('whole'));
  // Each has surroundings of its own: one program uses one of them.
  vi.resetModules();
  small = await import('../../ts/browser/search.js');
  await small.init(wasmBytes('search'));
});

const random = seededRandom(11);
const below = (most: number) => Math.floor(random() * most);

function randomCodes(rows: number, bits: number): native.Codes {
  // Few of the bits differ, so that distances tie.
  const data = Uint8Array.from({ length: (rows * bits) / 8 }, () => below(4) * 85);
  return { data, bits };
}

const IDS: Record<string, (row: number) => bigint> = {
  none: () => 0n,
  rising: (row) => BigInt(row) * 3n - 50n,
  falling: (row) => -BigInt(row),
  'equal ones': (row) => BigInt(row % 7),
  'any ones': () => BigInt.asIntN(64, BigInt(below(2 ** 31)) ** 2n),
};

/** A file of appended pieces, of which some codes were removed. */
async function indexFile(bits: number, pieces: number[], ids: string, factors: boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'h2q-small-'));
  try {
    const path = join(folder, 'codes.h2q');
    const file = await native.IndexFile.create(path, bits, { ids: ids !== 'none', factors });
    let row = 0;
    const all: bigint[] = [];
    for (const rows of pieces) {
      const own = BigInt64Array.from({ length: rows }, (_, i) => IDS[ids]!(row + i));
      const beside = {
        ...(ids !== 'none' && { ids: own }),
        ...(factors && { factors: new Float32Array(rows).fill(1) }),
      };
      await file.append(randomCodes(rows, bits), beside);
      all.push(...(ids === 'none' ? Array.from({ length: rows }, (_, i) => BigInt(row + i)) : own));
      row += rows;
      const gone = Array.from({ length: Math.floor(rows / 9) }, () => all[below(all.length)]!);
      await file.remove(BigInt64Array.from(gone));
    }
    file.close();
    return new Uint8Array(readFileSync(path));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('index files', () => {
  const cases: [number, number[], string, boolean][] = [
    [8, [1], 'none', false],
    [64, [500], 'none', true],
    [64, [100, 1, 30, 2, 900], 'rising', false],
    [24, [40, 3, 65, 7], 'falling', true],
    [200, [64, 64, 65], 'equal ones', false],
    [72, [300, 20, 1, 1, 1], 'any ones', true],
    [1024, [9000, 10, 9000, 20, 30], 'equal ones', false],
    [1024, [9000, 9001], 'none', false],
  ];
  it.each(cases)('of %i bits, %j codes, ids: %s, factors: %s', async (bits, pieces, ids, factors) => {
    const bytes = await indexFile(bits, pieces, ids, factors);
    const [wanted, opened] = await Promise.all([
      native.HammingIndex.open(bytes),
      small.HammingIndex.open(bytes),
    ]);
    const fields = ({ size, rows, hasIds, hasFactors, model }: typeof opened) => [
      ...[size, rows, hasIds, hasFactors, model],
    ];
    expect(fields(opened)).toEqual(fields(wanted));
    const queries = randomCodes(70, bits);
    const bitmap = Uint8Array.from({ length: Math.ceil(wanted.rows / 8) }, () => below(256));
    const named = BigInt64Array.from({ length: 300 }, (_, i) =>
      ids === 'none' ? BigInt(i * 5) : IDS[ids]!(i * 5),
    );
    const filters: native.FilterOptions[] = [
      {},
      ...[{ allow: bitmap }, { deny: bitmap }, { allow: named }, { deny: named }],
      ...[{ allow: Uint32Array.of(5, 2, 2, 9_999_999) }, { deny: (id: bigint) => id % 3n === 0n }],
      ...[{ deny: new Uint8Array(bitmap.length).fill(255) }, { allow: new BigInt64Array() }],
    ];
    for (const filter of filters) {
      for (const k of [1, 7, 40_000]) {
        const few = k > 7 ? { data: queries.data.slice(0, (3 * bits) / 8), bits } : queries;
        const options = { ...filter, counters: true, method: 'linear' } as const;
        expect(opened.searchSync(few, k, options)).toEqual(wanted.searchSync(few, k, options));
      }
      const radius = Math.floor(bits / 4);
      expect(await opened.searchRadius(queries, radius, filter)).toEqual(
        wanted.searchRadiusSync(queries, radius, { ...filter, method: 'linear' }),
      );
    }
  });

  it.each(Object.keys(IDS))('an index that is built, ids: %s', async (ids) => {
    for (const [rows, bits] of [
      [1, 8],
      [777, 40],
      [90, 128],
    ] as const) {
      const codes = randomCodes(rows, bits);
      const own =
        ids === 'none' ? {} : { ids: BigInt64Array.from({ length: rows }, (_, row) => IDS[ids]!(row)) };
      const [wanted, built] = [
        native.HammingIndex.buildSync(codes, own),
        small.HammingIndex.buildSync(codes, own),
      ];
      const queries = randomCodes(9, bits);
      expect(built.searchSync(queries, 50)).toEqual(wanted.searchSync(queries, 50));
      expect(await built.search(queries, 50)).toEqual(wanted.searchSync(queries, 50));
    }
  });

  it('forged, they are read and refused as elsewhere', { timeout: 120_000 }, async () => {
    for (const [bits, ids] of [
      [72, 'falling'],
      [8, 'none'],
    ] as const) {
      const bytes = await indexFile(bits, [20, 3], ids, true);
      const query = randomCodes(3, bits);
      const found = async ({ HammingIndex }: Pick<typeof small, 'HammingIndex'>, forged: Uint8Array) => {
        const index = await HammingIndex.open(forged);
        return [index.size, index.rows, index.hasFactors, index.model, index.searchSync(query, 99)];
      };
      for (let at = 0; at < bytes.length; at++) {
        // Beyond the headers the front is nothing but zeros.
        if (at < 12_288 && at % 4096 >= 128) continue;
        for (const flipped of [1, 128]) {
          const forged = bytes.slice();
          forged[at]! ^= flipped;
          resealIndex(forged, bytes);
          const results = await Promise.all(
            [small, native].map((api) => outcome(() => found(api, forged), true)),
          );
          expect(results[0], `byte ${at}`).toEqual(results[1]);
        }
      }
    }
  });

  it('codes of another model are refused', async () => {
    const [one, other] = ['0123456789abcdef0123456789abcdef', 'f'.repeat(32)];
    const codes = randomCodes(9, 64);
    const [wanted, built] = [native, small].map(({ HammingIndex }) =>
      HammingIndex.buildSync({ ...codes, model: one }),
    );
    const failure = (index: typeof wanted) => outcome(() => index!.searchSync({ ...codes, model: other }, 1));
    expect(await failure(built)).toEqual(await failure(wanted));
    expect(built!.searchSync({ ...codes, model: one }, 1)).toEqual(wanted!.searchSync(codes, 1));
  });

  it('damaged or cut short, they fail as elsewhere', { timeout: 120_000 }, async () => {
    const bytes = await indexFile(72, [20, 3], 'falling', true);
    await compareDamage(
      bytes,
      (damaged) => native.HammingIndex.open(damaged),
      (damaged) => small.HammingIndex.open(damaged),
    );
  });
});

describe('models', () => {
  const models = (): native.Model[] =>
    [
      ...(['h2q', 'itq', 'random', 'identity'] as const).map(
        (method) => whole.fitSync(matrix, { method, bits: 32, seed: 3, epochs: 2 }).model,
      ),
      whole.fitSync(matrix, { bits: 16, center: false, seed: 1, epochs: 2 }).model,
      whole.fitSync(randomMatrix(300, 4, 100), { bits: 72, seed: 1, epochs: 2 }).model,
      whole.Model.fromBytes(HEAD),
    ] as unknown as native.Model[];

  it('encode as the whole module does, to the last bit', async () => {
    for (const model of models()) {
      const copy = small.Model.fromBytes(model.toBytes());
      const { seconds: _, ...summary } = model.summary;
      expect(copy.summary).toEqual(summary);
      expect([copy.dimensions, copy.bits, copy.fingerprint]).toEqual([
        ...[model.dimensions, model.bits, model.fingerprint],
      ]);
      const rows = randomMatrix(2100, 5, model.dimensions);
      expect(copy.transformSync(rows)).toEqual(model.transformSync(rows));
      expect(await copy.transform(rows)).toEqual(model.transformSync(rows));
      for (const layout of ['lsb', 'msb'] as const) {
        expect(copy.encodeSync(rows, { layout })).toEqual(model.encodeSync(rows, { layout }));
      }
      const huge = { data: rows.data.slice(), columns: rows.columns };
      huge.data.fill(3e38, 2060 * huge.columns, 2061 * huge.columns);
      const failures = [copy, model].map((model) => outcome(() => model.transformSync(huge)));
      expect(await failures[0]).toEqual(await failures[1]);
      huge.data[2099 * huge.columns + 1] = Number.NEGATIVE_INFINITY;
      expect(await outcome(() => copy.encodeSync(huge))).toEqual(await outcome(() => model.encodeSync(huge)));
    }
  });

  it('forged, they are read and refused as elsewhere', async () => {
    const { model } = whole.fitSync(randomMatrix(50, 4, 16), { bits: 8, seed: 1, epochs: 1 });
    const rows = randomMatrix(3, 1, 16);
    for (const bytes of [model.toBytes(), HEAD]) {
      for (let at = 8; at < Math.min(bytes.length, 1500); at++) {
        const forged = bytes.slice();
        forged[at]! ^= 1 << (at % 8);
        resealModel(forged);
        const read = (api: Pick<typeof small, 'Model'>) => {
          const copy = api.Model.fromBytes(forged);
          return [copy.summary, copy.dimensions === 16 && copy.transformSync(rows)];
        };
        const [actual, wanted] = await Promise.all(
          [small, whole].map((api) => outcome(() => read(api), true)),
        );
        // That is what the small module takes from the file.
        if (JSON.stringify(wanted).includes('the fingerprint does not belong')) continue;
        expect(actual, `byte ${at}`).toEqual(wanted);
      }
    }
  });

  it('damaged or cut short, they fail as elsewhere', { timeout: 120_000 }, async () => {
    const { model } = whole.fitSync(randomMatrix(50, 4, 16), { bits: 8, seed: 1, epochs: 1 });
    for (const bytes of [model.toBytes(), HEAD]) {
      await compareDamage(
        bytes,
        (damaged) => native.Model.fromBytes(damaged),
        (damaged) => small.Model.fromBytes(damaged),
      );
    }
  });
});

/** XXH3-64, by the small module itself. */
function checksum(bytes: Uint8Array): bigint {
  raw ??= new WebAssembly.Instance(new WebAssembly.Module(wasmBytes('search'))).exports;
  const { memory, ...wasm } = raw as unknown as SmallExports;
  const at = wasm.reserve(bytes.length);
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
  const sum = wasm.checksum(at, bytes.length);
  wasm.release(at, bytes.length);
  return BigInt.asUintN(64, sum);
}
let raw: WebAssembly.Exports | undefined;

/** Makes all checksums of a small index file right again; `original` tells where its records are. */
function resealIndex(bytes: Uint8Array, original: Uint8Array): void {
  const [view, before] = [bytes, original].map(({ buffer }) => new DataView(buffer)) as [DataView, DataView];
  const seal = (at: number) => view.setBigUint64(at + 56, checksum(bytes.subarray(at, at + 56)), true);
  for (let at = 12_288; at < bytes.length; ) {
    const end = at + 64 + Number(before.getBigUint64(at + 32, true));
    view.setBigUint64(at + 64, checksum(bytes.subarray(at + 128, end)), true);
    view.setBigUint64(at + 40, checksum(bytes.subarray(at + 64, at + 72)), true);
    seal(at);
    at = end;
  }
  for (const at of [0, 64, 4096, 4160, 8192, 8256]) seal(at);
}

/** {@link resealIndex} for a model. */
function resealModel(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  view.setBigUint64(24, checksum(bytes.subarray(64)), true);
  view.setBigUint64(56, checksum(bytes.subarray(0, 56)), true);
}

/** What a call fails with, else undefined, or where that is wanted its result. */
async function outcome(call: () => unknown, isWanted = false): Promise<unknown> {
  try {
    const result = await call();
    return isWanted ? result : undefined;
  } catch (error) {
    const { code, message, details } = error as native.H2qError;
    return { code, message, details };
  }
}

/** Opens what is left of a file with one of its bytes changed, or without its end. */
async function compareDamage(
  bytes: Uint8Array,
  wanted: (bytes: Uint8Array) => unknown,
  actual: (bytes: Uint8Array) => unknown,
): Promise<void> {
  const step = Math.ceil(bytes.length / 4000);
  for (let at = 0; at < bytes.length; at += at < 256 || at >= 12_288 ? 1 : step) {
    const damaged = bytes.slice();
    damaged[at]! ^= 1 << (at % 8);
    expect(await outcome(() => actual(damaged)), `byte ${at}`).toEqual(await outcome(() => wanted(damaged)));
  }
  for (let length = 0; length < bytes.length; length += length < 300 ? 1 : 61) {
    const short = bytes.slice(0, length);
    expect(await outcome(() => actual(short)), `${length} bytes`).toEqual(await outcome(() => wanted(short)));
  }
}
