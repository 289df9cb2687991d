// WASM in Node and in Chromium beside the native addon, one thread each, the same work in the same run, turn by turn.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { formatTable } from '../dist/cli/table.js';
import { root } from '../scripts/lib/root.mjs';
import { openChromium } from './lib/backend-chromium.mjs';
import { agree } from './lib/backend-work.mjs';
import { saveRecord, spread } from './lib/record.mjs';

const ROUNDS = 5;

/** @typedef {import('./lib/backend-work.mjs').Round} Round */
/** @typedef {import('./lib/record.mjs').Spread} Spread */
/**
 * Where the work is done.
 *
 * @typedef {{ name: string, title: string, measure(isQuick: boolean): Round | Promise<Round> }} Place
 */
/**
 * By names of places. The share is native's median over the place's.
 *
 * @typedef {{ work: string, seconds: Record<string, Spread>, shareOfNative: Record<string, number> }} Result
 */

/** @type {Place[]} */
const IN_NODE = [
  { name: 'native', title: 'native', measure: (isQuick) => measureInNode('native', isQuick) },
  { name: 'wasm', title: 'WASM in Node', measure: (isQuick) => measureInNode('wasm', isQuick) },
];

/** @param {{ quick: boolean }} options */
export async function run({ quick }) {
  const chromium = await openChromium();
  if (!chromium) console.log('There is no Chromium, so no column of it (H2Q_CHROMIUM names its program).\n');
  try {
    const places = [...IN_NODE];
    if (chromium) places.push({ name: 'chromium', title: 'WASM in Chromium', measure: chromium.measure });
    const rounds = quick ? 1 : ROUNDS;
    const results = await compare(places, rounds, quick);
    print(places, results);
    const outcome = { rounds, chromium: chromium?.version ?? null, results };
    const record = quick ? null : saveRecord('wasm', outcome);
    if (record) console.log(`\nrecord: ${record}`);
    return outcome;
  } finally {
    await chromium?.close();
  }
}

/**
 * Measures round by round, each in every place, and refuses what they have not all found alike.
 *
 * @param {Place[]} places the first is native
 * @param {number} rounds
 * @param {boolean} isQuick
 * @returns {Promise<Result[]>}
 */
export async function compare(places, rounds, isQuick) {
  const measured = places.map((place) => ({ ...place, rounds: /** @type {Round[]} */ ([]) }));
  for (let round = 0; round < rounds; round += 1) {
    for (const place of measured) place.rounds.push(await place.measure(isQuick));
  }
  return Object.keys(measured[0]?.rounds[0] ?? {}).map((work) => {
    const samples = measured.map(({ name, rounds }) => ({
      name,
      timed: rounds.map((round) => /** @type {Round[string]} */ (round[work])),
    }));
    if (!agree(samples.flatMap(({ timed }) => timed.map(({ found }) => found))))
      throw new Error(`${work}: not every place has found the same`);
    const spreads = samples.map(({ name, timed }) => ({
      name,
      ...spread(timed.map(({ seconds }) => seconds)),
    }));
    const [native, ...others] = spreads;
    return {
      work,
      seconds: Object.fromEntries(spreads.map(({ name, ...seconds }) => [name, seconds])),
      shareOfNative: Object.fromEntries(
        others.map(({ name, median }) => [name, (native?.median ?? Number.NaN) / median]),
      ),
    };
  });
}

/**
 * In a process of its own.
 *
 * @param {'native' | 'wasm'} backend
 * @param {boolean} isQuick
 * @returns {Round}
 */
function measureInNode(backend, isQuick) {
  const program = join(root, 'bench/peers/backend.mjs');
  const env = { ...process.env, H2Q_BACKEND: backend };
  const args = [program, isQuick ? 'quick' : 'full'];
  return JSON.parse(execFileSync(process.execPath, args, { env, encoding: 'utf8' }));
}

/**
 * @param {Place[]} places
 * @param {Result[]} results
 */
function print(places, results) {
  const inMilliseconds = (/** @type {number} */ seconds) => (1e3 * seconds).toFixed(seconds < 0.001 ? 3 : 1);
  const rows = results.map(({ work, seconds, shareOfNative }) => [
    work,
    ...places.flatMap(({ name }) => {
      const { median, lowest, highest } = /** @type {Spread} */ (seconds[name]);
      const share = shareOfNative[name];
      const spreadText = `(${inMilliseconds(lowest)} to ${inMilliseconds(highest)})`;
      return [
        `${inMilliseconds(median)} ${spreadText}`,
        ...(share === undefined ? [] : [`${(100 * share).toFixed(0)} %`]),
      ];
    }),
  ]);
  const titles = places.flatMap(({ title }, i) => [`${title}, ms`, ...(i === 0 ? [] : ['speed'])]);
  console.log(formatTable(['one thread', ...titles], rows));
}
