/** Seeded vectors and what can be told of them. */

import type { Matrix } from '../../ts/index.js';
import { seededRandom } from './random.js';

export const COLUMNS = 32;

export function randomMatrix(rows: number, seed: number, columns = COLUMNS): Matrix {
  const random = seededRandom(seed);
  const data = Float32Array.from(
    { length: rows * columns },
    (_, i) => (random() + random() - 1) * (1 + (i % 5)),
  );
  return { data, columns };
}

/** What most of the suite works with. */
export const matrix = randomMatrix(700, 1);

/** Four labels that the vectors decide: the signs of the first two coordinates. */
export function signsOf({ data, columns }: Matrix): Int32Array {
  const sign = (at: number) => (data[at]! > 0 ? 1 : 0);
  return Int32Array.from({ length: data.length / columns }, (_, row) => {
    return sign(row * columns) + 2 * sign(row * columns + 1);
  });
}

export function rowOf({ data, columns }: Matrix, row: number): Matrix {
  return { data: data.slice(row * columns, (row + 1) * columns), columns };
}
