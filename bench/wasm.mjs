// WASM in Node beside the native addon, one thread each, the same work in the same run, turn by turn.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { formatTable } from '../dist/cli/table.js';
import { root } from '../scripts/lib/root.mjs';
import { saveRecord, spread } from './lib/record.mjs';

const ROUNDS = 5;
const BACKENDS = /** @type {const} */ (['native', 'wasm']);

/** @typedef {Record<string, { seconds: number, digest: string }>} Round */

/** @param {{ quick: boolean }} options */
export async function run({ quick }) {
  /** @type {Record<typeof BACKENDS[number], Round[]>} */
  const rounds = { native: [], wasm: [] };
  for (let round = 0; round < (quick ? 1 : ROUNDS); round += 1) {
    for (const backend of BACKENDS) rounds[backend].push(measure(backend, quick));
  }
  const works = Object.keys(/** @type {Round} */ (rounds.native[0]));
  const results = works.map((work) => {
    const samples = (/** @type {Round[]} */ of) =>
      of.map((round) => /** @type {Round[string]} */ (round[work]));
    const [native, wasm] = [samples(rounds.native), samples(rounds.wasm)];
    if (new Set([...native, ...wasm].map(({ digest }) => digest)).size > 1)
      throw new Error(`${work}: native and WASM found different things`);
    const seconds = { native: secondsOf(native), wasm: secondsOf(wasm) };
    return { work, ...seconds, shareOfNative: seconds.native.median / seconds.wasm.median };
  });
  print(results);
  const record = quick ? null : saveRecord('wasm', { rounds: ROUNDS, results });
  if (record) console.log(`\nrecord: ${record}`);
  return { results };
}

/** @param {Round[string][]} samples */
function secondsOf(samples) {
  return spread(samples.map(({ seconds }) => seconds));
}

/**
 * @param {string} backend
 * @param {boolean} isQuick
 * @returns {Round}
 */
function measure(backend, isQuick) {
  const program = join(root, 'bench/peers/backend.mjs');
  const env = { ...process.env, H2Q_BACKEND: backend };
  const args = [program, isQuick ? 'quick' : 'full'];
  return JSON.parse(execFileSync(process.execPath, args, { env, encoding: 'utf8' }));
}

/** @param {{ work: string, native: import('./lib/record.mjs').Spread, wasm: import('./lib/record.mjs').Spread, shareOfNative: number }[]} results */
function print(results) {
  const milliseconds = (/** @type {import('./lib/record.mjs').Spread} */ { median, lowest, highest }) =>
    `${(1e3 * median).toFixed(1)} (${(1e3 * lowest).toFixed(1)} to ${(1e3 * highest).toFixed(1)})`;
  const rows = results.map(({ work, native, wasm, shareOfNative }) => [
    work,
    milliseconds(native),
    milliseconds(wasm),
    `${(100 * shareOfNative).toFixed(0)} %`,
  ]);
  console.log(formatTable(['one thread', 'native, ms', 'WASM, ms', 'speed'], rows));
}
