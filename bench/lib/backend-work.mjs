// What the bench of WASM has every backend do, in Node and in a browser: so nothing in here is of either.

/** Timed together at least, in milliseconds: browsers tell the time in steps of 0.1. */
const TIMED = 50;
/** By how much of their value the losses of two backends may differ: see docs/browser.md. */
const LOSS_TOLERANCE = 1e-4;

/** @typedef {Pick<typeof import('../../dist/index.js'), 'readVectors' | 'fitSync' | 'HammingIndex'>} Facade */
/** @typedef {{ seconds: number, found: number | string }} Timed what a fit found is its loss, of hits it is a digest */
/** @typedef {Record<string, Timed>} Round by the name of the work */

/**
 * Does every work once untimed, then times it.
 *
 * @param {Facade} facade
 * @param {Uint8Array} embeddings the file `fashion32-train.npy`
 * @param {boolean} isQuick whether everything made up is small
 */
export async function doWork({ readVectors, fitSync, HammingIndex }, embeddings, isQuick) {
  /** @type {Round} */
  const round = {};
  const wide = madeUpRows(isQuick ? 500 : 10_000, 256);
  for (const [name, rows] of /** @type {const} */ ([
    ['fit 5,000 x 32', await readVectors(embeddings)],
    ['fit 10,000 x 256', wide],
  ])) {
    const { result, seconds } = timed(() => fitSync(rows, { threads: 1 }));
    round[name] = { seconds, found: result.summary.validationLoss };
  }
  for (const bits of [64, 256, 1024]) {
    const codes = madeUpCodes(bits, ((isQuick ? 80_000 : 80_000_000) * 8) / bits, 1);
    const queries = madeUpCodes(bits, 64, 2);
    const index = HammingIndex.buildSync(codes);
    for (const [name, asked] of /** @type {const} */ ([
      ['1 query', { ...queries, data: queries.data.slice(0, bits / 8) }],
      ['64 queries', queries],
    ])) {
      const search = () => index.searchSync(asked, 10, { threads: 1, method: 'linear' });
      const { result, seconds } = timed(search);
      round[`scan ${bits} bits, ${name}`] = { seconds, found: await digestOf(result) };
    }
  }
  return round;
}

/**
 * Whether backends have found the same, losses within their tolerance.
 *
 * @param {Timed['found'][]} found
 */
export function agree(found) {
  const [first, ...others] = found;
  return others.every((other) =>
    typeof first === 'number' && typeof other === 'number'
      ? Math.abs(other - first) <= LOSS_TOLERANCE * Math.abs(first)
      : other === first,
  );
}

/**
 * @template T
 * @param {() => T} work
 */
function timed(work) {
  const result = work();
  const started = performance.now();
  let [runs, milliseconds] = [0, 0];
  do {
    work();
    runs += 1;
    milliseconds = performance.now() - started;
  } while (milliseconds < TIMED);
  return { result, seconds: milliseconds / 1e3 / runs };
}

/** @param {{ rows: Uint32Array, distances: Int32Array }} hits */
async function digestOf({ rows, distances }) {
  const bytes = new Uint8Array(Uint32Array.of(...rows, ...distances).buffer);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Rows whose spread decays from column to column.
 *
 * @param {number} rows
 * @param {number} columns
 */
function madeUpRows(rows, columns) {
  const word = words(1);
  const uniform = () => word() / 2 ** 32 - 0.5;
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < data.length; i++)
    data[i] = (uniform() + uniform() + uniform()) / Math.sqrt(1 + (i % columns));
  return { data, columns };
}

/**
 * Codes of which every bit is a coin.
 *
 * @param {number} bits
 * @param {number} rows
 * @param {number} seed
 */
function madeUpCodes(bits, rows, seed) {
  const word = words(seed);
  const data = new Uint32Array((rows * bits) / 32);
  for (let i = 0; i < data.length; i++) data[i] = word();
  return { data: new Uint8Array(data.buffer), bits };
}

/**
 * Words of 32 random bits (mulberry32): the same wherever integers are.
 *
 * @param {number} seed
 */
function words(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  };
}
