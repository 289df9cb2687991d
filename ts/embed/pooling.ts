/** From what a network gives to one row per input. */

import type { Matrix } from '../vectors.js';

/** How the values of tokens become one row: their mean, the first one, the last one that is no padding. */
export const POOLINGS = ['mean', 'cls', 'last'] as const;
export type Pooling = (typeof POOLINGS)[number];

/** Values row-major, lengths of the dimensions. */
export interface Values {
  dims: readonly number[];
  data: Float32Array;
}

/** The names by which results for use as embeddings go, the most wanted first. */
const RESULTS = [
  ...['sentence_embedding', 'image_embeds', 'text_embeds', 'pooler_output'],
  ...['last_hidden_state', 'token_embeddings'],
];

/**
 * The result to take: the one that was asked for, else one whose name says that it is an embedding, else the
 * only one. Undefined where none can be told.
 *
 * @param preferTokens leaves out `pooler_output`: of text networks it was made for other uses
 */
export function chooseResult(
  names: readonly string[],
  wanted: string | undefined,
  preferTokens: boolean,
): string | undefined {
  if (wanted !== undefined) return names.find((name) => name === wanted);
  const known = RESULTS.filter((name) => !(preferTokens && name === 'pooler_output'));
  return known.find((name) => names.includes(name)) ?? (names.length === 1 ? names[0] : undefined);
}

/**
 * One row per input: of two dimensions the values as they are, of three (input, token, value) by `pooling`, of four
 * (input, value, height, width) the mean of all places. Undefined for any other number.
 *
 * @param mask 1 for every token that is no padding, 0 for padding: inputs x tokens. Default: all tokens
 */
export function pool(
  { dims, data }: Values,
  pooling: Pooling,
  mask?: ArrayLike<number | bigint>,
): Matrix | undefined {
  const [rows = 0, second = 0, third = 0, fourth = 0] = dims;
  if (dims.length === 2) return { data: data.slice(), columns: second };
  if (dims.length === 3) return poolTokens(data, { rows, tokens: second, columns: third }, pooling, mask);
  if (dims.length === 4) return poolPlaces(data, rows, second, third * fourth);
  return undefined;
}

function poolTokens(
  data: Float32Array,
  { rows, tokens, columns }: { rows: number; tokens: number; columns: number },
  pooling: Pooling,
  mask: ArrayLike<number | bigint> | undefined,
): Matrix {
  const out = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const all = Array.from({ length: tokens }, (_, token) => row * tokens + token);
    const real = mask ? all.filter((at) => Number(mask[at]) !== 0) : all;
    const taken = { mean: real, cls: real.slice(0, 1), last: real.slice(-1) }[pooling];
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (const at of taken) sum += data[at * columns + column] as number;
      out[row * columns + column] = sum / Math.max(1, taken.length);
    }
  }
  return { data: out, columns };
}

function poolPlaces(data: Float32Array, rows: number, columns: number, places: number): Matrix {
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let place = 0; place < places; place++) sum += data[i * places + place] as number;
    out[i] = sum / places;
  }
  return { data: out, columns };
}

/** Divides every row by its norm, in place; a row of zeros stays. */
export function normalizeRows({ data, columns }: Matrix): void {
  for (let start = 0; start < data.length; start += columns) {
    const row = data.subarray(start, start + columns);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (norm > 0) for (let i = 0; i < columns; i++) row[i] = (row[i] as number) / norm;
  }
}
