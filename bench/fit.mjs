// The fit: solvers and methods beside peers, on the same rows in the same run, one thread each.
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { loadFashionMnist } from '../dist/demo/dataset.js';
import { fit, readVectors, Vectors, writeVectors } from '../dist/node/index.js';
import { root } from '../scripts/lib/root.mjs';
import { hasPython, runPeer } from './lib/python.mjs';
import { saveRecord, spread } from './lib/record.mjs';

/** @typedef {import('../ts/backend.js').Loss} Loss */
/** @typedef {{ train: string, validation: string }} Files */
/** @typedef {{ train: Vectors, validation: Vectors, sha256: Files }} Source */
/** @typedef {{ name: string, widths: number[] | null, load: () => Promise<Source> }} Embeddings */
/** @typedef {{ seconds: number, validationLoss: number | null, epochs?: number, flops?: number }} Sample */
/** @typedef {{ name: string, losses: Loss[], run: (files: Files, loss: Loss) => Promise<Sample> }} Contender */

/** @type {Loss[]} */
const LOSSES = ['bit-variance', 'l2', 'l1', 'min-entropy'];
const ROWS = 5000;
const VALIDATION = 1000;
const EPOCHS = 150;
/** PyTorch with one reflection after the other would take minutes: so few epochs, multiplied. */
const TIMED_EPOCHS = 3;

/** What `npm run bench -- fit` takes beside `--quick`: files of vectors to measure on, and the bits. */
export const options = /** @type {const} */ ({
  train: { type: 'string' },
  validation: { type: 'string' },
  bits: { type: 'string' },
});

/** @param {{ quick: boolean, train?: string, validation?: string, bits?: string }} request */
export async function run({ quick, train, validation, bits }) {
  const contenders = listContenders(quick ? 2 : EPOCHS);
  const rounds = quick ? 1 : 5;
  const own = ownEmbeddings(train, validation);
  const widths = bits === undefined ? null : parseBits(bits);
  const results = [];
  const sets = [];
  for (const embeddings of own ? [own] : quick ? [FIXTURE] : [PIXELS, FIXTURE]) {
    const source = await embeddings.load();
    const { rows, columns } = source.train;
    const { name } = embeddings;
    sets.push({ name, rows, validation: source.validation.rows, columns, sha256: source.sha256 });
    for (const width of widths ?? (quick ? [16] : (embeddings.widths ?? defaultWidths(columns)))) {
      const files = await inputs(name, width, source);
      for (const loss of LOSSES) {
        const measured = await measure(contenders, files, loss, rounds);
        results.push(...measured.map((one) => ({ set: name, bits: width, loss, ...one })));
      }
    }
  }
  print(results);
  if (!quick) {
    const record = { sets, threads: 1, results };
    console.error(`record: ${saveRecord(own ? `fit-${own.name}` : 'fit', record)}`);
  }
  return results;
}

/** @param {string} text whole numbers separated by commas */
function parseBits(text) {
  const widths = text.split(',').map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : NaN));
  if (widths.some((width) => !(width >= 8 && width % 8 === 0)))
    throw new Error(`--bits: '${text}' is not a list of multiples of 8`);
  return widths;
}

/** @param {number} columns */
function defaultWidths(columns) {
  return [16, 32, 64].filter((width) => width <= columns);
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
  const { summary, history } = await fit(train, { validation, threads: 1, seed: 1, ...options });
  const flops = history.at(-1)?.flops;
  return { ...summary, ...(flops === undefined ? {} : { flops }) };
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
    gigaflops: samples[0]?.flops === undefined ? null : samples[0].flops / seconds(samples).median / 1e9,
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
 * Centred and projected to the leading directions of the training rows: what every contender reads.
 *
 * @param {string} name
 * @param {number} bits
 * @param {Source} source
 * @returns {Promise<Files>}
 */
async function inputs(name, bits, { train, validation }) {
  const folder = join(root, '.cache', 'bench');
  mkdirSync(folder, { recursive: true });
  const path = (/** @type {string} */ part) => join(folder, `fit-${name}-${part}-${bits}.npy`);
  const { model } = await fit(train, { bits, method: 'identity' });
  await writeVectors(path('train'), await model.transform(train));
  await writeVectors(path('validation'), await model.transform(validation));
  return { train: path('train'), validation: path('validation') };
}

/** @type {Embeddings} Training images of Fashion-MNIST as grey values. */
const PIXELS = {
  name: 'grey-values',
  widths: [16, 32, 64],
  load: async () => {
    const { train, width, height } = await loadFashionMnist({});
    const columns = width * height;
    const images = (/** @type {number} */ first, /** @type {number} */ end) =>
      train.images.subarray(first * columns, end * columns);
    const rows = { train: images(0, ROWS), validation: images(ROWS, ROWS + VALIDATION) };
    const vectors = (/** @type {Uint8Array} */ values) =>
      Vectors.from({ data: Float32Array.from(values), columns });
    const hash = (/** @type {Uint8Array} */ values) => createHash('sha256').update(values).digest('hex');
    return {
      train: await vectors(rows.train),
      validation: await vectors(rows.validation),
      sha256: { train: hash(rows.train), validation: hash(rows.validation) },
    };
  },
};

/** @type {Embeddings} Of a small network on Fashion-MNIST, 32 dimensions; needs no network. */
const FIXTURE = {
  name: 'fashion32',
  widths: [16, 32],
  load: () => loadFiles(fixture('train'), fixture('validation')),
};

/** @param {string} name */
function fixture(name) {
  return join(root, 'test', 'fixtures', `fashion32-${name}.npy`);
}

/**
 * What the command line names, if anything.
 *
 * @param {string | undefined} train
 * @param {string | undefined} validation
 * @returns {Embeddings | null}
 */
function ownEmbeddings(train, validation) {
  if (train === undefined && validation === undefined) return null;
  if (train === undefined || validation === undefined)
    throw new Error('--train and --validation: give both, files of vectors, or neither');
  const name = basename(train)
    .replace(/\.\w+$/, '')
    .replace(/[^\w-]/g, '-');
  return { name, widths: null, load: () => loadFiles(train, validation) };
}

/**
 * @param {string} train
 * @param {string} validation
 * @returns {Promise<Source>}
 */
async function loadFiles(train, validation) {
  return {
    train: await readVectors(train),
    validation: await readVectors(validation),
    sha256: { train: await hashFile(train), validation: await hashFile(validation) },
  };
}

/** @param {string} path */
async function hashFile(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** @param {Awaited<ReturnType<typeof run>>} results */
function print(results) {
  const number = (/** @type {number | null} */ value, digits = 1) =>
    value === null ? '–' : value.toFixed(digits);
  const rows = results.map((row) => [
    row.set,
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
    'set',
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
  const isText = (/** @type {number} */ i) => [0, 2, 3].includes(i);
  for (const row of [head, ...rows]) {
    console.log(
      row
        .map((cell, i) => (isText(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    );
  }
}
