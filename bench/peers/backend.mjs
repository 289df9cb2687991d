// One backend (H2Q_BACKEND), one thread: does every work once untimed and once timed, prints seconds and a digest of
// what came out as JSON. `quick` makes everything small.
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { fitSync, HammingIndex, readVectors } from '../../dist/node/index.js';
import { makeCodes } from '../lib/made-up-codes.mjs';

const isQuick = process.argv[2] === 'quick';
const codeBytes = isQuick ? 80_000 : 80_000_000;
const fashion = fileURLToPath(new URL('../../test/fixtures/fashion32-train.npy', import.meta.url));

/** @type {Record<string, { seconds: number, digest: string }>} */
const results = {};

const embeddings = await readVectors(fashion);
time('fit 5,000 x 32', () => rounded(fitSync(embeddings, { threads: 1 }).summary.validationLoss));
const wide = madeUp(isQuick ? 500 : 10_000, 256);
time('fit 10,000 x 256', () => rounded(fitSync(wide, { threads: 1 }).summary.validationLoss));

for (const bits of [64, 256, 1024]) {
  const codes = makeCodes('uniform', bits, (codeBytes * 8) / bits, 'database');
  const queries = makeCodes('uniform', bits, 64, 'queries');
  const index = HammingIndex.buildSync(codes);
  const first = { ...queries, data: queries.data.slice(0, bits / 8) };
  for (const [what, asked] of /** @type {const} */ ([
    ['1 query', first],
    ['64 queries', queries],
  ])) {
    time(`scan ${bits} bits, ${what}`, () => {
      const { rows, distances } = index.searchSync(asked, 10, { threads: 1, method: 'linear' });
      return createHash('sha256').update(rows).update(distances).digest('hex').slice(0, 16);
    });
  }
}
console.log(JSON.stringify(results));

/**
 * @param {string} name
 * @param {() => string} work
 */
function time(name, work) {
  const digest = work();
  const started = performance.now();
  work();
  results[name] = { seconds: (performance.now() - started) / 1e3, digest };
}

/**
 * Losses agree to about 1e-6; a digest has to be the same.
 *
 * @param {number} loss
 */
function rounded(loss) {
  return loss.toFixed(4);
}

/**
 * Rows whose spread decays from column to column, from one seed.
 *
 * @param {number} rows
 * @param {number} columns
 */
function madeUp(rows, columns) {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const value = (/** @type {unknown} */ _, /** @type {number} */ i) =>
    (uniform() + uniform() + uniform()) / Math.sqrt(1 + (i % columns));
  return { data: Float32Array.from({ length: rows * columns }, value), columns };
}
