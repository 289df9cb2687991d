// The Hamming search beside its peers, on the same codes in the same run; hits are checked before speed counts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTable } from '../dist/cli/table.js';
import { writeCodes } from '../dist/node/index.js';
import { listContenders } from './lib/hamming-contenders.mjs';
import { drawHamming } from './lib/hamming-plot.mjs';
import { measure } from './lib/hamming-rounds.mjs';
import { makeCodes } from './lib/made-up-codes.mjs';
import { saveRecord } from './lib/record.mjs';
import { nearestDistances } from './lib/scalar-hamming.mjs';

/** @typedef {import('./lib/hamming-contenders.mjs').Case} Case */
/** @typedef {import('./lib/hamming-contenders.mjs').Asked} Asked */
/** @typedef {import('./lib/hamming-rounds.mjs').Material} Material */
/** @typedef {import('./lib/hamming-rounds.mjs').Row} Row */

const K = 10;
const ROUNDS = 7;
/** Codes that ask; a round takes the next of them. */
const QUERIES = 1000;
/** @type {Asked[]} */
const WAYS = [
  { mode: 'single', queries: 16 },
  { mode: 'batch', queries: 64 },
];
/** @type {Asked} */
const LARGE_BATCH = { mode: 'batch', queries: 1000 };
const LARGE_ROWS = 10_000_000;
/** Bytes of codes that the scalar search may go through for one case. */
const CHECKED_BYTES = 2e9;

/** @type {Case[]} */
const CASES = [
  { data: 'uniform', bits: 64, rows: 100_000 },
  { data: 'uniform', bits: 64, rows: 1_000_000 },
  { data: 'uniform', bits: 64, rows: 10_000_000 },
  { data: 'uniform', bits: 128, rows: 1_000_000 },
  { data: 'uniform', bits: 256, rows: 1_000_000 },
  { data: 'uniform', bits: 1024, rows: 1_000_000 },
  { data: 'clustered', bits: 64, rows: 100_000 },
  { data: 'clustered', bits: 64, rows: 1_000_000 },
  { data: 'clustered', bits: 64, rows: 10_000_000 },
  { data: 'clustered', bits: 256, rows: 1_000_000 },
];
/** @type {Case[]} */
const QUICK_CASES = [
  { data: 'uniform', bits: 64, rows: 20_000 },
  { data: 'uniform', bits: 256, rows: 3_000 },
  { data: 'clustered', bits: 64, rows: 3_000 },
];

/** @param {{ quick: boolean }} options */
export async function run({ quick }) {
  const { contenders, missing } = listContenders();
  for (const line of missing) console.error(`missing: ${line}`);
  const folder = mkdtempSync(join(tmpdir(), 'h2q-bench-'));
  /** @type {Row[]} */
  const results = [];
  const versions = {};
  try {
    for (const searched of quick ? QUICK_CASES : CASES) {
      const material = await prepare(searched, folder, quick ? 100 : QUERIES);
      const measured = await measure(material, contenders, quick ? 1 : ROUNDS);
      results.push(...measured.rows);
      Object.assign(versions, measured.versions);
      console.error(`measured: ${searched.data}, ${searched.rows} x ${searched.bits} bits`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  print(results);
  const failed = new Set(
    results.filter(({ error }) => error !== undefined).map(({ contender }) => contender),
  );
  if (failed.size > 0) console.error(`NO SPEED of ${[...failed].join(', ')}: see the table and the record`);
  const plot = drawHamming(results);
  if (!quick) {
    const path = saveRecord('hamming', { k: K, rounds: ROUNDS, versions, missing, results });
    writeFileSync(path.replace(/json$/, 'svg'), plot);
    console.error(`record: ${path}, and beside it the plot`);
  }
  return { results, missing, plot };
}

/**
 * The codes as files for every contender, and what the hits of the first queries must be.
 *
 * @param {Case} searched
 * @param {string} folder
 * @param {number} queryCount
 * @returns {Promise<Material>}
 */
async function prepare(searched, folder, queryCount) {
  const { data, bits, rows } = searched;
  const codes = makeCodes(data, bits, rows, 'codes');
  const queries = makeCodes(data, bits, queryCount, 'queries');
  /** @type {[string, string]} */
  const files = [join(folder, 'codes.npy'), join(folder, 'queries.npy')];
  await writeCodes(files[0], codes);
  await writeCodes(files[1], queries);
  const checked = Math.min(queryCount, Math.max(16, Math.floor(CHECKED_BYTES / codes.data.length)));
  const truth = nearestDistances(codes, queries, K, checked);
  // Where multi-index search is at home, also as many queries as it takes to time it.
  const isLarge = data === 'clustered' && rows >= LARGE_ROWS;
  const ways = isLarge ? [...WAYS, LARGE_BATCH] : WAYS;
  return { ...searched, k: K, codes, queries, files, truth, ways };
}

/** @param {Row[]} results */
function print(results) {
  const number = (/** @type {number | null} */ value, digits = 1) =>
    value === null ? '–' : value.toFixed(digits);
  const head = [
    'codes',
    'bits',
    'rows',
    'queries',
    'threads',
    'contender',
    'recall',
    'ms/query',
    'lowest–highest',
    'G codes/s',
    'x linear',
    'x mih',
    '% of read',
    'bytes/code',
  ];
  const body = results.map((row) => {
    const start = [row.data, row.bits, row.rows, row.mode === 'single' ? 1 : row.queries, row.threads];
    if (row.error !== undefined) return [...start, row.contender, `NO SPEED: ${oneLine(row.error)}`];
    const { median, lowest, highest } = row.millisecondsPerQuery;
    return [
      ...start,
      row.contender,
      row.exact ? 'exact' : row.recall.toFixed(3),
      median.toFixed(4),
      `${lowest.toFixed(4)}–${highest.toFixed(4)}`,
      (row.codesPerSecond / 1e9).toFixed(2),
      number(row.timesLinear, 2),
      number(row.timesMih, 2),
      number(row.shareOfRead === null ? null : 100 * row.shareOfRead, 0),
      number(row.bytesPerCode),
    ];
  });
  console.log(formatTable(head, body));
}

/** @param {string} text */
function oneLine(text) {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length > 200 ? `${line.slice(0, 200)} …` : line;
}
