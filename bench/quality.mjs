// The codes: how well each method keeps labels and neighbours of embeddings that no choice here was made on.
import { formatTable } from '../dist/cli/table.js';
import { evaluate, evaluateCosine, fit } from '../dist/node/index.js';
import { described, readLabelled } from './lib/labelled.mjs';
import { saveRecord, spread } from './lib/record.mjs';
import { sourcesOf } from './lib/sets.mjs';

/** @typedef {import('../ts/backend.js').Method} Method */
/** @typedef {import('../ts/backend.js').MetricsAt} MetricsAt */
/** @typedef {import('./lib/record.mjs').Spread} Spread */
/** @typedef {import('./lib/labelled.mjs').Labelled} Labelled */
/** @typedef {{ precision100: Spread, meanAveragePrecision1000: Spread, neighbourRecall100: Spread }} Quality */
/** @typedef {Quality & { set: string, bits: number | null, method: Method | 'float' }} Row */

const SETS = ['wordnet', 'emoji', 'packages'];
/** @type {Method[]} */
const METHODS = ['identity', 'random', 'itq', 'h2q'];
const SEEDS = 5;
const AT = [1000, 100];
/** The code length also is the dimensions of a set that has no more than these. */
const WIDEST = 384;

/** The promise: at these bits, above sign and random rotation, and no further than this below ITQ. */
const PROMISED_BITS = 64;
const BELOW_ITQ = 0.01;

/** @param {{ quick: boolean }} options */
export async function run({ quick }) {
  const seeds = Array.from({ length: quick ? 2 : SEEDS }, (_, seed) => seed);
  const sets = [];
  /** @type {Row[]} */
  const results = [];
  for (const { name, vectors, labels } of sourcesOf(SETS, quick)) {
    const data = await readLabelled(vectors, labels);
    const { columns, classes } = data;
    sets.push({ ...described(name, data), classes });
    const widths = quick ? [16] : [32, 64, 128, ...(columns <= WIDEST ? [columns] : [])];
    results.push(...(await measure(name, data, widths, seeds)));
  }
  if (sets.length > 0) print(sets, results);
  const promises = judge(results);
  for (const { text } of promises) console.log(text);
  if (!quick && sets.length > 0)
    console.error(
      `record: ${saveRecord('quality', { seeds: seeds.length, ties: 'expected', sets, results, promises })}`,
    );
  return { sets, results, promises };
}

/**
 * Every method at every width, fitted on the database alone and without its labels.
 *
 * @param {string} set
 * @param {Labelled} data
 * @param {number[]} widths
 * @param {number[]} seeds
 * @returns {Promise<Row[]>}
 */
async function measure(set, { database, queries }, widths, seeds) {
  const rows = {
    database: database.vectors,
    databaseLabels: database.labels,
    queries: queries.vectors,
    queryLabels: queries.labels,
    at: AT,
  };
  const { at, neighbours } = await evaluateCosine(rows);
  /** @type {Row[]} */
  const results = [{ set, bits: null, method: 'float', ...summarise([at]) }];
  for (const bits of widths) {
    for (const method of METHODS) {
      const samples = [];
      for (const seed of seeds) {
        const { model } = await fit(database.vectors, { bits, method, seed });
        samples.push((await evaluate({ ...rows, model, neighbours })).at);
      }
      results.push({ set, bits, method, ...summarise(samples) });
    }
    console.error(`${set}: ${bits} bits measured`);
  }
  return results;
}

/**
 * @param {Record<number, MetricsAt>[]} samples by cut-off, one per seed
 * @returns {Quality}
 */
function summarise(samples) {
  const of = (/** @type {number} */ cutOff, /** @type {keyof MetricsAt} */ metric) =>
    spread(samples.map((at) => at[cutOff]?.[metric] ?? Number.NaN));
  return {
    precision100: of(100, 'precision'),
    meanAveragePrecision1000: of(1000, 'meanAveragePrecision'),
    neighbourRecall100: of(100, 'neighbourRecall'),
  };
}

/**
 * Whether the promise holds, per set that was measured at the promised bits. All compared are medians.
 *
 * @param {Row[]} results
 */
export function judge(results) {
  const promised = results.filter(({ bits }) => bits === PROMISED_BITS);
  return [...new Set(promised.map(({ set }) => set))].map((set) => {
    const precision = (/** @type {Method} */ wanted) =>
      promised.find((row) => row.set === set && row.method === wanted)?.precision100.median ?? Number.NaN;
    const h2q = precision('h2q');
    const [overSign, overRandom, overItq] = [
      h2q - precision('identity'),
      h2q - precision('random'),
      h2q - precision('itq'),
    ];
    const failures = [
      overSign > 0 ? '' : 'not above sign',
      overRandom > 0 ? '' : 'not above random rotation',
      overItq >= -BELOW_ITQ ? '' : `more than ${BELOW_ITQ} below ITQ`,
    ].filter((failure) => failure !== '');
    const holds = failures.length === 0;
    const verdict = holds ? 'holds' : `FAILS (${failures.join(', ')})`;
    const differences = `${signed(overSign)} to sign, ${signed(overRandom)} to random, ${signed(overItq)} to ITQ`;
    const text = `${set}: at ${PROMISED_BITS} bits the promise ${verdict}: precision@100 ${h2q.toFixed(4)}, ${differences}`;
    return { set, holds, text };
  });
}

/** @param {number} value */
function signed(value) {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}

/**
 * @param {{ name: string, database: number, queries: number, columns: number, classes: number }[]} sets
 * @param {Row[]} results
 */
function print(sets, results) {
  for (const { name, database, queries, columns, classes } of sets)
    console.log(`${name}: ${database} rows, ${queries} queries, ${columns} dimensions, ${classes} classes`);
  const cells = (/** @type {Spread} */ { median, lowest, highest }) => [
    median.toFixed(4),
    `${lowest.toFixed(4)}–${highest.toFixed(4)}`,
  ];
  const range = 'lowest–highest';
  const head = ['set', 'bits', 'method', 'precision@100', range, 'mAP@1000', range, 'recall@100', range];
  const body = results.map((row) => [
    row.set,
    String(row.bits ?? '–'),
    row.method,
    ...cells(row.precision100),
    ...cells(row.meanAveragePrecision1000),
    ...cells(row.neighbourRecall100),
  ]);
  console.log(formatTable(head, body));
}
