// The fit: solvers and methods beside peers, on the same rows in the same run, one thread each.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadFashionMnist } from '../dist/demo/dataset.js';
import { fit, readVectors, Vectors, writeVectors } from '../dist/node/index.js';
import { root } from '../scripts/lib/root.mjs';
import { hasPython, runPeer } from './lib/python.mjs';
import { saveRecord, spread } from './lib/record.mjs';

/** @typedef {import('../ts/backend.js').Loss} Loss */
/** @typedef {{ train: string, validation: string }} Files */
/** @typedef {{ seconds: number, validationLoss: number | null, epochs?: number }} Sample */
/** @typedef {{ name: string, losses: Loss[], run: (files: Files, loss: Loss) => Promise<Sample> }} Contender */

/** @type {Loss[]} */
const LOSSES = ['bit-variance', 'l2', 'l1', 'min-entropy'];
const ROWS = 5000;
const VALIDATION = 1000;
const EPOCHS = 150;
/** PyTorch with one reflection after the other would take minutes: so few epochs, multiplied. */
const TIMED_EPOCHS = 3;

/** @param {{ quick: boolean }} options */
export async function run({ quick }) {
  const contenders = listContenders(quick ? 2 : EPOCHS);
  const widths = quick ? [16] : [16, 32, 64];
  const rounds = quick ? 1 : 5;
  const source = await (quick ? loadFixture() : loadPixels());
  const results = [];
  for (const bits of widths) {
    const files = await inputs(bits, source);
    for (const loss of LOSSES) {
      const rows = await measure(contenders, files, loss, rounds);
      results.push(...rows.map((row) => ({ bits, loss, ...row, gigaflops: gigaflops(row, bits) })));
    }
  }
  print(results);
  if (!quick)
    console.error(
      `record: ${saveRecord('fit', { rows: ROWS, validation: VALIDATION, threads: 1, results })}`,
    );
  return results;
}

/**
 * @param {number} epochs of sgd, here and in PyTorch
 * @returns {Contender[]}
 */
function listContenders(epochs) {
  const own = (/** @type {string} */ name, /** @type {Loss[]} */ losses, /** @type {object} */ options) => ({
    name,
    losses,
    run: (/** @type {Files} */ files, /** @type {Loss} */ loss) => runOwn(files, { loss, ...options }),
  });
  const contenders = [
    own('h2q auto', LOSSES, {}),
    own('h2q sgd', LOSSES, { solver: 'sgd', epochs }),
    own('h2q itq', ['l2'], { method: 'itq' }),
  ];
  const pytorch = (/** @type {string} */ form, /** @type {number} */ timed) => ({
    name: `PyTorch ${form}`,
    losses: LOSSES,
    run: async (/** @type {Files} */ { train, validation }, /** @type {Loss} */ loss) => {
      const sample = runPeer('householder_sgd', train, validation, loss, String(timed), form);
      if (timed === epochs) return sample;
      return { seconds: (sample.seconds * epochs) / timed, validationLoss: null };
    },
  });
  if (hasPython('torch', 'numpy')) {
    contenders.push(pytorch('sequence', Math.min(TIMED_EPOCHS, epochs)), pytorch('ut', epochs));
  } else console.error('PyTorch is not installed: its rows are missing');
  const faiss = (/** @type {Files} */ { train, validation }) =>
    Promise.resolve(runPeer('faiss_itq', train, validation));
  if (hasPython('faiss', 'numpy')) contenders.push({ name: 'faiss ITQ', losses: ['l2'], run: faiss });
  else console.error('faiss is not installed: its rows are missing');
  return contenders;
}

/**
 * @param {Files} files
 * @param {object} options
 * @returns {Promise<Sample>}
 */
async function runOwn(files, options) {
  const [train, validation] = [await readVectors(files.train), await readVectors(files.validation)];
  const { summary } = await fit(train, { validation, threads: 1, seed: 1, ...options });
  return summary;
}

/**
 * Each round runs every contender once, so that a drift of the machine meets all of them.
 *
 * @param {Contender[]} contenders
 * @param {Files} files
 * @param {Loss} loss
 * @param {number} rounds
 */
async function measure(contenders, files, loss, rounds) {
  const rows = contenders
    .filter(({ losses }) => losses.includes(loss))
    .map((contender) => ({ contender, samples: /** @type {Sample[]} */ ([]) }));
  for (let round = 0; round < rounds; round++) {
    for (const { contender, samples } of rows) samples.push(await contender.run(files, loss));
  }
  const seconds = (/** @type {Sample[]} */ samples) => spread(samples.map((sample) => sample.seconds));
  const timesFaster = (/** @type {string} */ name, /** @type {Sample[]} */ samples) => {
    const reference = rows.find(({ contender }) => contender.name === name);
    return reference ? seconds(reference.samples).median / seconds(samples).median : null;
  };
  return rows.map(({ contender, samples }) => ({
    contender: contender.name,
    seconds: seconds(samples),
    validationLoss: spreadOf(samples.map((sample) => sample.validationLoss)),
    epochs: samples[0]?.epochs,
    timesSequence: timesFaster('PyTorch sequence', samples),
    timesUt: timesFaster('PyTorch ut', samples),
  }));
}

/** @param {(number | null)[]} values */
function spreadOf(values) {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? spread(known) : null;
}

/**
 * Of the products of the passes alone: two of n x b x b per epoch.
 *
 * @param {{ contender: string, epochs: number | undefined, seconds: { median: number } }} row
 * @param {number} bits
 */
function gigaflops({ contender, epochs, seconds }, bits) {
  if (!['h2q auto', 'h2q itq'].includes(contender) || epochs === undefined) return null;
  return (epochs * 4 * ROWS * bits * bits) / seconds.median / 1e9;
}

/**
 * Centred and projected to the leading directions of the training rows: what every contender reads.
 *
 * @param {number} bits
 * @param {{ train: Vectors, validation: Vectors }} source
 * @returns {Promise<Files>}
 */
async function inputs(bits, { train, validation }) {
  const folder = join(root, '.cache', 'bench');
  mkdirSync(folder, { recursive: true });
  const path = (/** @type {string} */ name) => join(folder, `${name}-${bits}.npy`);
  const { model } = await fit(train, { bits, method: 'identity' });
  await writeVectors(path('train'), await model.transform(train));
  await writeVectors(path('validation'), await model.transform(validation));
  return { train: path('train'), validation: path('validation') };
}

/** Training images of Fashion-MNIST as grey values. */
async function loadPixels() {
  const { train, width, height } = await loadFashionMnist({});
  const columns = width * height;
  const rows = (/** @type {number} */ first, /** @type {number} */ end) =>
    Vectors.from({ data: Float32Array.from(train.images.subarray(first * columns, end * columns)), columns });
  return { train: await rows(0, ROWS), validation: await rows(ROWS, ROWS + VALIDATION) };
}

/** Needs no network. */
async function loadFixture() {
  const read = (/** @type {string} */ name) =>
    readVectors(join(root, 'test', 'fixtures', `fashion32-${name}.npy`));
  return { train: await read('train'), validation: await read('validation') };
}

/** @param {Awaited<ReturnType<typeof run>>} results */
function print(results) {
  const number = (/** @type {number | null} */ value, digits = 1) =>
    value === null ? '–' : value.toFixed(digits);
  const rows = results.map((row) => [
    String(row.bits),
    row.loss,
    row.contender,
    number(row.validationLoss?.median ?? null, 5),
    row.seconds.median.toFixed(4),
    `${row.seconds.lowest.toFixed(4)}–${row.seconds.highest.toFixed(4)}`,
    number(row.timesSequence),
    number(row.timesUt),
    number(row.gigaflops),
  ]);
  const head = [
    'bits',
    'loss',
    'contender',
    'validation loss',
    'seconds',
    'lowest–highest',
    'x sequence',
    'x UT',
    'GFLOP/s',
  ];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const isText = (/** @type {number} */ i) => i === 1 || i === 2;
  for (const row of [head, ...rows]) {
    console.log(
      row
        .map((cell, i) => (isText(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    );
  }
}
