// The loss `neighbours` beside every other way to codes: recall of float neighbours and precision of labels, on rows
// that the fit did not see.
import { formatTable } from '../dist/cli/table.js';
import { evaluate, evaluateCosine, fit } from '../dist/node/index.js';
import { described, readLabelled } from './lib/labelled.mjs';
import { saveRecord } from './lib/record.mjs';
import { sourcesOf } from './lib/sets.mjs';

/** @typedef {import('../dist/fit.js').FitOptions} FitOptions */
/** @typedef {{ set: string, bits: number, way: string, recall100: number, asymmetric10: number, precision100: number, seconds: number }} Row */

const SETS = ['wordnet', 'packages', 'emoji', 'clothes'];
const BITS = [64, 128, 256];
const AT = 100;
/** Rows by Hamming distance that the asymmetric score orders, for each of the ten that are looked for. */
const OVERSAMPLE = 100;
/** Beyond these bits, the losses that change what bit-variance finds by little are left out: they take minutes. */
const ALL_LOSSES = 384;

/** @type {{ way: string, options: FitOptions }[]} */
const WAYS = [
  { way: 'sign', options: { method: 'identity' } },
  { way: 'sign, centred', options: { method: 'identity', center: true } },
  { way: 'random', options: { method: 'random' } },
  { way: 'random, centred', options: { method: 'random', center: true } },
  { way: 'itq', options: { method: 'itq' } },
  { way: 'itq, centred', options: { method: 'itq', center: true } },
  { way: 'bit-variance', options: { loss: 'bit-variance' } },
  { way: 'bit-variance, centred', options: { loss: 'bit-variance', center: true } },
  { way: 'l2', options: { loss: 'l2' } },
  { way: 'l1', options: { loss: 'l1' } },
  { way: 'min-entropy', options: { loss: 'min-entropy' } },
  { way: 'neighbours', options: { loss: 'neighbours' } },
];

export const options = /** @type {const} */ ({ sets: { type: 'string' }, bits: { type: 'string' } });

/** @param {{ quick: boolean, sets?: string, bits?: string }} request */
export async function run({ quick, sets, bits }) {
  const measured = [];
  /** @type {Row[]} */
  const rows = [];
  for (const { name, vectors, labels } of sourcesOf(sets?.split(',') ?? SETS, quick)) {
    const data = await readLabelled(vectors, labels);
    const { columns } = data;
    measured.push(described(name, data));
    const asked = bits?.split(',').map(Number) ?? [...BITS, columns];
    const lengths = quick ? [16, 32] : asked.filter((length) => length <= columns);
    for (const length of new Set(lengths)) {
      rows.push(...(await measure(name, data, length)));
      print(rows.filter((row) => row.set === name && row.bits === length));
    }
  }
  const verdicts = judge(rows);
  for (const { text } of verdicts) console.log(text);
  if (!quick && rows.length > 0) {
    const content = { seed: 0, ties: 'expected', oversample: OVERSAMPLE, sets: measured, rows, verdicts };
    console.error(`record: ${saveRecord('neighbours', content)}`);
  }
  return { rows, verdicts };
}

/**
 * @param {string} set
 * @param {import('./lib/labelled.mjs').Labelled} data
 * @param {number} bits
 * @returns {Promise<Row[]>}
 */
async function measure(set, { database, queries, columns }, bits) {
  const task = {
    database: database.vectors,
    databaseLabels: database.labels,
    queries: queries.vectors,
    queryLabels: queries.labels,
    at: [AT],
  };
  const { neighbours } = await evaluateCosine(task);
  /** @type {Row[]} */
  const rows = [];
  for (const { way, options } of WAYS) {
    // With fewer bits than dimensions rows are centred anyway.
    if (way.endsWith('centred') && bits < columns) continue;
    if (bits > ALL_LOSSES && ['l2', 'l1', 'min-entropy'].includes(way)) continue;
    const { model, summary } = await fit(database.vectors, { ...options, bits, seed: 0 });
    const { at, rerank } = await evaluate({
      ...task,
      model,
      neighbours,
      rerank: true,
      oversample: OVERSAMPLE,
    });
    rows.push({
      set,
      bits,
      way,
      recall100: at[AT]?.neighbourRecall ?? Number.NaN,
      asymmetric10: rerank?.neighbourRecall.asymmetric ?? Number.NaN,
      precision100: at[AT]?.precision ?? Number.NaN,
      seconds: summary.seconds,
    });
  }
  return rows;
}

/** Two figures so near are tied: a tenth of what a seed moves them by. */
const TIED = 0.0005;
const BELOW_ITQ = 0.01;

/**
 * For each cell, whether `neighbours` is best or tied by both recalls, and its precision no more than a point below ITQ.
 *
 * @param {Row[]} rows
 */
export function judge(rows) {
  return rows
    .filter(({ way }) => way === 'neighbours')
    .map((own) => {
      const others = rows.filter(
        ({ set, bits, way }) => set === own.set && bits === own.bits && way !== own.way,
      );
      const best = (/** @type {'recall100' | 'asymmetric10'} */ score) =>
        Math.max(...others.map((row) => row[score]));
      const itq = others.find(({ way }) => way === 'itq')?.precision100 ?? Number.NaN;
      const gains = {
        recall100: own.recall100 - best('recall100'),
        asymmetric10: own.asymmetric10 - best('asymmetric10'),
        precision100: own.precision100 - itq,
      };
      const failures = [
        gains.recall100 < -TIED ? 'recall' : '',
        gains.asymmetric10 < -TIED ? 'asymmetric recall' : '',
        gains.precision100 < -BELOW_ITQ ? 'precision' : '',
      ].filter((failure) => failure !== '');
      const verdict = failures.length === 0 ? 'holds' : `FAILS by ${failures.join(', ')}`;
      const [recall, asymmetric, precision] = Object.values(gains).map(signed);
      const text = `${own.set}, ${own.bits} bits: ${verdict}: recall ${recall} to the best other, asymmetric ${asymmetric}, precision ${precision} to ITQ`;
      return { set: own.set, bits: own.bits, failures, gains, text };
    });
}

/** @param {number} value */
function signed(value) {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}

/** @param {Row[]} rows */
function print(rows) {
  const head = ['set', 'bits', 'way', '10 in 100', 'asymmetric 10 in 10', 'precision@100', 'seconds'];
  const body = rows.map((row) => [
    row.set,
    String(row.bits),
    row.way,
    row.recall100.toFixed(4),
    row.asymmetric10.toFixed(4),
    row.precision100.toFixed(4),
    row.seconds.toFixed(1),
  ]);
  console.log(formatTable(head, body));
}
