// The seconds of judging codes by every rule for ties, on made-up embeddings, beside loops of JavaScript that find the same.
import { formatTable } from '../dist/cli/table.js';
import { evaluate, evaluateCosine, fit, Vectors } from '../dist/node/index.js';
import { meanAveragePrecision } from './lib/naive-metrics.mjs';
import { saveRecord, spread } from './lib/record.mjs';

const SIZES = { rows: 60_000, queries: 10_000, bits: 64, classes: 10 };
const QUICK = { rows: 600, queries: 40, bits: 16, classes: 4 };
const ROUNDS = 5;
/** Queries that the loops of JavaScript judge: all of them would take minutes. */
const NAIVE_QUERIES = 100;
const TIES = /** @type {const} */ (['expected', 'id', 'float', 'cosine']);
/** What the loops of JavaScript do too. */
const SAME = 'evaluate, id, at all';

/** @typedef {import('./lib/record.mjs').Spread} Spread */
/**
 * `cpuSeconds` are those of all threads together: what else runs on a machine changes them less.
 *
 * @typedef {{ work: string, seconds: Spread, cpuSeconds: Spread, timesLoops: number | null }} Result
 */

/** @param {{ quick: boolean }} options */
export async function run({ quick }) {
  const sizes = quick ? QUICK : SIZES;
  const database = madeUp(sizes.rows, sizes, 1);
  const asking = madeUp(sizes.queries, sizes, 2);
  const { model } = await fit(database.vectors, { epochs: 5 });
  const rows = {
    database: await Vectors.from(database.vectors),
    databaseLabels: database.labels,
    queries: await Vectors.from(asking.vectors),
    queryLabels: asking.labels,
  };
  // What is near by cosine is asked for once, and timed by itself.
  const { neighbours } = await evaluateCosine({ ...rows, at: [10] });
  const given = { ...rows, model, neighbours };
  /** @type {Record<string, () => Promise<unknown>>} */
  const works = {
    ...Object.fromEntries(
      TIES.flatMap((ties) => [
        [`evaluate, ${ties}, at 1000`, () => evaluate({ ...given, ties, at: [1000] })],
        [`evaluate, ${ties}, at all`, () => evaluate({ ...given, ties, at: ['all'] })],
      ]),
    ),
    'evaluateCosine, at 1000': () => evaluateCosine({ ...rows, at: [1000] }),
  };

  const count = Math.min(NAIVE_QUERIES, sizes.queries);
  const few = firstOf(asking, count, sizes.bits);
  const codes = [await model.encode(rows.database), await model.encode(few.vectors)];
  const loops = () => meanAveragePrecision(codes, [database.labels, few.labels]);
  const only = { queries: few.vectors, queryLabels: few.labels, neighbours: undefined };
  const { at } = await evaluate({ ...given, ...only, ties: 'id', at: ['all'] });
  const difference = Math.abs((at.all?.meanAveragePrecision ?? Number.NaN) - loops());
  if (!(difference < 1e-9)) throw new Error(`the loops find another mAP, by ${difference}`);

  /** @type {Map<string, { wall: number, cpu: number }[]>} */
  const samples = new Map();
  /** @type {(work: string, call: () => unknown, times?: number) => Promise<void>} */
  const time = async (work, call, times = 1) => {
    const [started, before] = [performance.now(), process.cpuUsage()];
    await call();
    const { user, system } = process.cpuUsage(before);
    const wall = ((performance.now() - started) / 1e3) * times;
    const cpu = ((user + system) / 1e6) * times;
    samples.set(work, [...(samples.get(work) ?? []), { wall, cpu }]);
  };
  const rounds = quick ? 1 : ROUNDS;
  for (let round = 0; round < rounds; round += 1) {
    for (const [work, call] of Object.entries(works)) await time(work, call);
    await time('loops of JavaScript', loops, sizes.queries / count);
  }
  rows.database.release();
  rows.queries.release();

  const loopSeconds = spread((samples.get('loops of JavaScript') ?? []).map(({ cpu }) => cpu)).median;
  /** @type {Result[]} */
  const results = [...samples].map(([work, all]) => {
    const [seconds, cpuSeconds] = [spread(all.map(({ wall }) => wall)), spread(all.map(({ cpu }) => cpu))];
    const timesLoops = work === SAME ? loopSeconds / cpuSeconds.median : null;
    return { work, seconds, cpuSeconds, timesLoops };
  });
  print(results);
  const outcome = { ...sizes, rounds, naiveQueries: count, results };
  const record = quick ? null : saveRecord('evaluate', outcome);
  if (record) console.log(`\nrecord: ${record}`);
  return outcome;
}

/**
 * Rows around a centre for each class, so that distances and labels have to do with each other.
 *
 * @param {number} rows
 * @param {{ bits: number, classes: number }} sizes
 * @param {number} seed
 */
function madeUp(rows, { bits, classes }, seed) {
  const centres = Float32Array.from({ length: classes * bits }, uniform(0));
  const noise = uniform(seed);
  const labels = Int32Array.from({ length: rows }, (_, row) => (row * 7919) % classes);
  const data = Float32Array.from({ length: rows * bits }, (_, i) => {
    const centre = centres[(labels[Math.floor(i / bits)] ?? 0) * bits + (i % bits)] ?? 0;
    return 0.5 * centre + noise() + noise();
  });
  return { vectors: { data, columns: bits }, labels };
}

/**
 * Numbers between -1 and 1 by a linear congruence: the same on every machine.
 *
 * @param {number} seed
 */
function uniform(seed) {
  let state = Math.imul(seed + 1, 0x9e37_79b9) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/**
 * @param {ReturnType<typeof madeUp>} made
 * @param {number} count
 * @param {number} columns
 */
function firstOf({ vectors, labels }, count, columns) {
  return {
    vectors: { data: vectors.data.subarray(0, count * columns), columns },
    labels: labels.subarray(0, count),
  };
}

/** @param {Result[]} results */
function print(results) {
  const rows = results.map(({ work, seconds, cpuSeconds, timesLoops }) => [
    work,
    seconds.median.toFixed(2),
    `${seconds.lowest.toFixed(2)}–${seconds.highest.toFixed(2)}`,
    cpuSeconds.median.toFixed(2),
    timesLoops === null ? '–' : timesLoops.toFixed(1),
  ]);
  console.log(formatTable(['work', 'seconds', 'lowest–highest', 'CPU seconds', 'x loops'], rows).trimEnd());
}
