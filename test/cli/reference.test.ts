/**
 * Fit, encode and search together, against a recomputation of everything after the rotation: codes and
 * ranking follow from what `transform` writes, in plain TypeScript.
 */

import { expect, it } from 'vitest';
import { randomValues, Workplace } from './h2q.js';

const work = new Workplace();

const ROWS = 150;
/** Copies of the first rows at the end: codes at distance 0 that only their id tells apart. */
const COPIES = 10;

/** Bits and dimensions; where there are more dimensions, PCA comes first. */
const SHAPES = [
  [8, 8],
  [16, 20],
  [32, 32],
  [64, 77],
  [128, 128],
  [256, 256],
  [384, 400],
  [1024, 1024],
] as const;

/** Of each row, the bits: 1 where the coordinate is at least 0. */
function signsOf(z: Float32Array, bits: number): Uint8Array[] {
  return Array.from({ length: z.length / bits }, (_, row) =>
    Uint8Array.from(z.subarray(row * bits, (row + 1) * bits), (value) => (value >= 0 ? 1 : 0)),
  );
}

/** Bit j in byte j / 8, at the place that the layout gives it. */
function pack(rows: Uint8Array[], place: (bit: number) => number): number[] {
  return rows.flatMap((row) =>
    Array.from({ length: row.length / 8 }, (_, byte) =>
      row.subarray(byte * 8, byte * 8 + 8).reduce((sum, bit, j) => sum + bit * 2 ** place(j), 0),
    ),
  );
}

function distanceOf(a: Uint8Array, b: Uint8Array): number {
  let distance = 0;
  for (let j = 0; j < a.length; j++) if (a[j] !== b[j]) distance++;
  return distance;
}

/** The first `k` of all rows by (distance, id), for each row as a query. */
function rank(rows: Uint8Array[], k: number) {
  return rows.map((query) =>
    rows
      .map((row, id) => ({ id, distance: distanceOf(row, query) }))
      .sort((a, b) => a.distance - b.distance || a.id - b.id)
      .slice(0, k),
  );
}

it.each(SHAPES)(
  '%d bits of %d dimensions: codes and hits equal a recomputation',
  async (bits, dimensions) => {
    const values = randomValues(ROWS * dimensions, bits);
    values.copyWithin((ROWS - COPIES) * dimensions, 0, COPIES * dimensions);
    work.writeNpy('x.npy', 'f4', [ROWS, dimensions], values);
    await work.succeed('fit', 'x.npy', '-o', 'm', '--method', 'random', '--bits', String(bits));
    await work.succeed('transform', 'm', 'x.npy', '-o', 'z.npy');
    await work.succeed('encode', 'm', 'x.npy', '-o', 'lsb.npy');
    await work.succeed('encode', 'm', 'x.npy', '-o', 'msb.npy', '--layout', 'msb');
    const rows = signsOf(new Float32Array(work.readNpy('z.npy').data), bits);
    expect(rows).toHaveLength(ROWS);

    const bytesOf = (name: string) => [...new Uint8Array(work.readNpy(name).data)];
    expect(bytesOf('lsb.npy')).toEqual(pack(rows, (bit) => bit));
    expect(bytesOf('msb.npy')).toEqual(pack(rows, (bit) => 7 - bit));

    const k = 40;
    const hits = rank(rows, k).flat();
    const ties = hits.filter(({ distance }, i) => i % k > 0 && distance === hits[i - 1]?.distance);
    expect(ties.length).toBeGreaterThan(ROWS);
    const outputs = ['--ids', 'ids.npy', '--distances', 'distances.npy'];
    await work.succeed('search', 'lsb.npy', 'lsb.npy', '-k', String(k), ...outputs);
    const ids = new BigInt64Array(work.readNpy('ids.npy').data);
    const distances = new Int32Array(work.readNpy('distances.npy').data);
    expect(Array.from(ids, Number)).toEqual(hits.map(({ id }) => id));
    expect([...distances]).toEqual(hits.map(({ distance }) => distance));
  },
);
