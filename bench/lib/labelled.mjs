// Labelled embeddings in two .npy files, cut into the rows that ask and the rows that are searched.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readLabels, Vectors } from '../../dist/node/index.js';

const QUERIES = 1000;

/** @typedef {{ vectors: Vectors, matrix: { data: Float32Array, columns: number }, labels: Int32Array | Uint8Array }} Part */
/** @typedef {{ database: Part, queries: Part, columns: number, classes: number, sha256: string }} Labelled */

/**
 * The first 1,000 rows ask, or a tenth where that is less: files keep their rows in a random order.
 *
 * @param {string} vectorsPath float32, rows x columns, as `numpy.save` writes it
 * @param {string} labelsPath one whole number per row
 * @param {(data: Float32Array, columns: number) => void} [prepare] changes the rows where they are
 * @returns {Promise<Labelled>}
 */
export async function readLabelled(vectorsPath, labelsPath, prepare = () => {}) {
  const labels = await readLabels(labelsPath);
  if (!(labels instanceof Int32Array || labels instanceof Uint8Array))
    throw new Error(`${labelsPath}: expected one label per row, u1 or i4`);
  const bytes = readFileSync(vectorsPath);
  // Version 1 of the format: ten bytes, the last two of which say how long the header after them is.
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + 10 + bytes.readUInt16LE(8)));
  const columns = data.length / labels.length;
  const cut = Math.min(QUERIES, Math.floor(labels.length / 10));
  prepare(data, columns);
  const part = async (/** @type {number} */ start, /** @type {number} */ end) => {
    const matrix = { data: data.subarray(start * columns, end * columns), columns };
    return { vectors: await Vectors.from(matrix), matrix, labels: labels.subarray(start, end) };
  };
  return {
    database: await part(cut, labels.length),
    queries: await part(0, cut),
    columns,
    classes: new Set(labels).size,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/**
 * What a record says of a set.
 *
 * @param {string} name
 * @param {Labelled} set
 */
export function described(name, { database, queries, columns, sha256 }) {
  return { name, database: database.vectors.rows, queries: queries.vectors.rows, columns, sha256 };
}

/**
 * Brings every row to norm 1.
 *
 * @param {Float32Array} data
 * @param {number} columns
 */
export function normalised(data, columns) {
  for (let start = 0; start < data.length; start += columns) {
    const row = data.subarray(start, start + columns);
    const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    for (let j = 0; j < columns; j++) row[j] = (row[j] ?? Number.NaN) / norm;
  }
}
