// What the peers of the hamming bench have in common: they answer lines, see lib/peer.mjs.
import { createInterface } from 'node:readline';
import { readCodes } from '../../dist/node/index.js';

/** @typedef {import('../../ts/codes.js').Codes} Codes */
/** @typedef {{ rows: number[][], distances: number[][], work?: object }} Hits */
/**
 * `search` is timed; what it returns is turned into hits by `hits`, which is not.
 *
 * @template Found
 * @typedef {object} Engine
 * @property {(queries: Codes, threads: number, counters: boolean) => Promise<Found>} search
 * @property {(found: Found) => Hits} hits
 * @property {string} settings
 */

/**
 * Usage of each: PEER.mjs CODES.npy QUERIES.npy BITS K [VARIANT]
 *
 * @template Found
 * @param {string} version
 * @param {(codes: Codes, k: number, variant: string) => Promise<Engine<Found>>} load
 */
export async function serve(version, load) {
  const [codesPath = '', queriesPath = '', , k, variant = ''] = process.argv.slice(2);
  const loaded = async () => ({
    engine: await load(await readCodes(codesPath), Number(k), variant),
    queries: await readCodes(queriesPath),
  });
  let state = /** @type {Awaited<ReturnType<typeof loaded>> | undefined} */ (undefined);
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, start, count, threads, mode, hits] = line.split(' ');
    if (command === 'hello') say({ version });
    else if (command === 'load') {
      state = await loaded();
      // Files are read into arrays of JavaScript, which are garbage by now.
      globalThis.gc?.();
      say({ settings: state.engine.settings });
    } else if (state) {
      const { engine, queries } = state;
      const size = mode === 'single' ? 1 : Number(count);
      const calls = [];
      for (let i = 0; i < Number(count); i += size) calls.push(cut(queries, Number(start) + i, size));
      const found = [];
      const started = performance.now();
      for (const call of calls) found.push(await engine.search(call, Number(threads), hits === 'hits'));
      const seconds = (performance.now() - started) / 1e3;
      say({ seconds, ...(hits === 'hits' && join(found.map(engine.hits))) });
    }
  }
}

/**
 * @param {Codes} codes
 * @param {number} start
 * @param {number} rows
 */
function cut({ data, bits }, start, rows) {
  return { data: data.subarray((start * bits) / 8, ((start + rows) * bits) / 8), bits };
}

/** @param {Hits[]} parts */
function join(parts) {
  const work = parts[0]?.work;
  return {
    rows: parts.flatMap(({ rows }) => rows),
    distances: parts.flatMap(({ distances }) => distances),
    ...(work && { work }),
  };
}

/** @param {object} answer */
function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
