// What the asymmetric score estimates, without and with the norms of the rows, beside RaBitQ of faiss: recall 10@10 with
// every row scored, and how far the estimated cosines are off. Rows at norm 1, queries that no fit has seen.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTable } from '../dist/cli/table.js';
import { fit, HammingIndex, Vectors } from '../dist/node/index.js';
import { described, normalised, readLabelled } from './lib/labelled.mjs';
import { hasPython, runPeer } from './lib/python.mjs';
import { saveRecord } from './lib/record.mjs';
import { sourcesOf } from './lib/sets.mjs';

/** @typedef {import('../dist/fit.js').FitOptions} FitOptions */
/** @typedef {import('../dist/vectors.js').Matrix} Matrix */
/** @typedef {{ rows: number, cosines: Float32Array, nearest: Uint32Array }} Exact cosines, queries x rows, and the rows of the ten highest */
/** @typedef {{ rms: number, bias: number, nearestBias: number }} Errors of estimated cosines */
/** @typedef {{ recall: number, errors?: Errors | undefined }} Judged */
/** @typedef {{ set: string, bits: number, way: string, plain?: number, euclidean?: Judged, rabitq?: Judged }} Row */

const SETS = ['wordnet', 'packages', 'emoji', 'clothes'];
const BITS = [64, 128, 256, 384];
const NEAREST = 10;
/** Queries at a time: every one of them has a score for every row. */
const BLOCK = 50;

/** @type {{ way: string, options: FitOptions }[]} */
const WAYS = [
  { way: 'random', options: { method: 'random' } },
  { way: 'itq', options: { method: 'itq' } },
  { way: 'bit-variance', options: { loss: 'bit-variance' } },
  { way: 'neighbours', options: { loss: 'neighbours' } },
];

export const options = /** @type {const} */ ({ sets: { type: 'string' }, bits: { type: 'string' } });

/** @param {{ quick: boolean, sets?: string, bits?: string }} request */
export async function run({ quick, sets, bits }) {
  const measured = [];
  /** @type {Row[]} */
  const rows = [];
  for (const { name, vectors, labels } of sourcesOf(sets?.split(',') ?? SETS, quick)) {
    const set = await readLabelled(vectors, labels, normalised);
    measured.push(described(name, set));
    const { database, queries, columns } = set;
    const [data, asked] = [database.vectors, queries.matrix];
    const count = queries.vectors.rows;
    const exact = await exactCosines(data, asked);
    const lengths = bits?.split(',').map(Number) ?? (quick ? [16, 32] : BITS);
    for (const length of lengths.filter((length) => length <= columns)) {
      for (const { way, options } of WAYS) {
        const row = { set: name, bits: length, way };
        rows.push({ ...row, ...(await measure(data, asked, { ...options, bits: length }, exact)) });
      }
      if (length === columns) rows.push(...rabitq(name, vectors, count, columns, exact));
      print(rows.filter((row) => row.set === name && row.bits === length));
    }
  }
  if (!quick && rows.length > 0) {
    console.error(`record: ${saveRecord('estimates', { seed: 0, sets: measured, rows })}`);
  }
  return { rows };
}

/**
 * @param {Vectors} database
 * @param {Matrix} queries
 * @returns {Promise<Exact>}
 */
async function exactCosines(database, queries) {
  const { model } = await fit(database, { method: 'identity', center: false });
  const index = await HammingIndex.build(await model.encode(database));
  const rows = database.rows;
  const cosines = new Float32Array(countOf(queries) * rows);
  const nearest = new Uint32Array(countOf(queries) * NEAREST);
  await scoreAll(model, index, queries, database, (query, found, scores) => {
    found.forEach((row, i) => {
      cosines[query * rows + row] = scores[i] ?? Number.NaN;
    });
    nearest.set(found.subarray(0, NEAREST), query * NEAREST);
  });
  return { rows, cosines, nearest };
}

/**
 * @param {Vectors} database
 * @param {Matrix} queries
 * @param {FitOptions} options
 * @param {Exact} exact
 */
async function measure(database, queries, options, exact) {
  const { model } = await fit(database, { ...options, center: true, seed: 0 });
  const codes = await model.encode(database);
  const ranked = async (/** @type {HammingIndex} */ index) => {
    const judge = new Judge(exact);
    await scoreAll(model, index, queries, null, (query, found, scores) => judge.add(query, found, scores));
    return judge.result();
  };
  const plain = await ranked(await HammingIndex.build(codes));
  const factors = await model.factors(database, { metric: 'euclidean' });
  const { recall, errors } = await ranked(await HammingIndex.build(codes, { factors }));
  // Of a query that was projected a part of its length is missing: what is estimated is no cosine.
  const isWhole = codes.bits === queries.columns;
  return { plain: plain.recall, euclidean: isWhole ? { recall, errors } : { recall } };
}

/**
 * Every row of the index in order of its score, for each query: by the originals, or by the codes where there are none.
 *
 * @param {import('../dist/model.js').Model} model
 * @param {HammingIndex} index
 * @param {Matrix} queries
 * @param {Vectors | null} originals
 * @param {(query: number, rows: Uint32Array, scores: Float32Array) => void} each
 */
async function scoreAll(model, index, queries, originals, each) {
  const k = index.rows;
  const { data, columns } = queries;
  for (let first = 0; first < countOf(queries); first += BLOCK) {
    const count = Math.min(BLOCK, countOf(queries) - first);
    const block = { data: data.subarray(first * columns, (first + count) * columns), columns };
    /** @type {import('../dist/rerank.js').RerankOptions} */
    const rerank = originals
      ? { rerank: 'float', vectors: block, originals, oversample: 1 }
      : { rerank: 'asymmetric', vectors: await model.transform(block), oversample: 1 };
    const { rows, scores } = await index.search(await model.encode(block), k, rerank);
    for (let i = 0; i < count; i++) {
      each(first + i, rows.subarray(i * k, (i + 1) * k), scores.subarray(i * k, (i + 1) * k));
    }
  }
}

/** @param {Matrix} rows */
function countOf({ data, columns }) {
  return data.length / columns;
}

/** Recall of the ten nearest, and errors of scores + 1 as estimates of the cosine. */
class Judge {
  #exact;
  #queries = 0;
  #found = 0;
  #sum = 0;
  #squares = 0;
  #nearestSum = 0;

  /** @param {Exact} exact */
  constructor(exact) {
    this.#exact = exact;
  }

  /**
   * @param {number} query
   * @param {Uint32Array} rows all of them, best first
   * @param {Float32Array} scores minus half the squared distance
   */
  add(query, rows, scores) {
    const { cosines, nearest } = this.#exact;
    const near = new Set(nearest.subarray(query * NEAREST, (query + 1) * NEAREST));
    this.#queries++;
    rows.forEach((row, i) => {
      const error = 1 + (scores[i] ?? Number.NaN) - (cosines[query * rows.length + row] ?? Number.NaN);
      this.#sum += error;
      this.#squares += error * error;
      if (!near.has(row)) return;
      this.#nearestSum += error;
      if (i < NEAREST) this.#found++;
    });
  }

  /** @returns {Judged} */
  result() {
    const pairs = this.#queries * this.#exact.rows;
    const nearest = this.#queries * NEAREST;
    return {
      recall: this.#found / nearest,
      errors: {
        rms: Math.sqrt(this.#squares / pairs),
        bias: this.#sum / pairs,
        nearestBias: this.#nearestSum / nearest,
      },
    };
  }
}

/**
 * RaBitQ judged as h2q is: faiss writes down minus half of every distance that it estimates.
 *
 * @param {string} set
 * @param {string} vectors the file
 * @param {number} queries
 * @param {number} columns
 * @param {Exact} exact
 * @returns {Row[]}
 */
function rabitq(set, vectors, queries, columns, exact) {
  if (!hasPython('numpy', 'faiss')) {
    console.error('RaBitQ: skipped, it needs Python with numpy and faiss');
    return [];
  }
  const scratch = mkdtempSync(join(tmpdir(), 'h2q-rabitq-'));
  try {
    const file = join(scratch, 'scores');
    const { bytes } = runPeer('faiss_rabitq', vectors, String(queries), file);
    const written = readFileSync(file);
    const scores = new Float32Array(written.buffer, written.byteOffset, queries * exact.rows);
    const judge = new Judge(exact);
    for (let query = 0; query < queries; query++) {
      const own = scores.subarray(query * exact.rows, (query + 1) * exact.rows);
      const order = Uint32Array.from(own.keys()).sort((a, b) => (own[b] ?? 0) - (own[a] ?? 0) || a - b);
      judge.add(
        query,
        order,
        Float32Array.from(order, (row) => own[row] ?? Number.NaN),
      );
    }
    return [{ set, bits: columns, way: `RaBitQ, ${bytes} bytes`, rabitq: judge.result() }];
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** @param {Row[]} rows */
function print(rows) {
  const head = [
    'set',
    'bits',
    'way',
    '10@10 asymmetric',
    'euclidean',
    'error (RMS)',
    'bias',
    'of the nearest',
  ];
  const body = rows.map(({ set, bits, way, plain, euclidean, rabitq }) => {
    const { recall, errors } = euclidean ?? rabitq ?? {};
    const figures = [plain, recall, errors?.rms, errors?.bias, errors?.nearestBias];
    return [set, String(bits), way, ...figures.map((figure) => figure?.toFixed(4) ?? '')];
  });
  console.log(formatTable(head, body));
}
