import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { say } from './programs.mjs';
import { root } from './root.mjs';
import { makeModels } from './site-models.mjs';
import { hashInputs, isCurrent, stamped } from './stamps.mjs';

/** Side of the thumbnails. Of the images' own 28 pixels, 60,000 at 16 greys would take 12 MB packed instead of 5. */
const SIDE = 18;
/** Dimensions of the embedding: the principal components of the pixels. */
const DIMENSIONS = 64;
/** Held-out images that judge, and those among them that a visitor can pick, per class. */
const QUERIES = 1000;
const SHOWN_PER_CLASS = 3;
const CUT_OFF = 100;
/** Models whose codes come along; the others' are made in the page's worker at first use, of all embeddings. */
const WITH_CODES = ['unsupervised-h2q-64', 'two-stage-h2q-16', 'two-stage-h2q-32', 'two-stage-h2q-64'];

const folder = join(root, 'site/public/data');
const stamp = join(root, '.cache/site-data.stamp');

/** Makes what the page shows of Fashion-MNIST, unless it is there: images, embeddings, models, codes, precision. */
export async function ensureSiteData() {
  const hash = hashInputs(root, [
    'scripts/lib/site-data.mjs',
    'scripts/lib/site-models.mjs',
    'crates/kernels',
    'crates/core',
    'ts/demo/dataset.ts',
  ]);
  if (isCurrent(stamp, hash, [join(folder, 'manifest.json')])) return;
  say('making the data of the page');
  rmSync(stamp, { force: true });
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  for (const name of ['models', 'codes']) mkdirSync(join(fresh, name), { recursive: true });
  await makeData(fresh);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(fresh, folder);
  stamped(stamp, hash, () => {});
}

/** @param {string} target */
async function makeData(target) {
  // By URL: the type checker of the scripts must not look for what set-up has yet to make.
  const { fit, info } = await import(new URL('../../dist/node/index.js', import.meta.url).href);
  const { loadFashionMnist } = await import(new URL('../../dist/demo/dataset.js', import.meta.url).href);
  const { train, test, classNames } = await loadFashionMnist({ onProgress: say });
  const write = writerInto(target);

  write('images.bin', thumbnails(train.images, train.count));
  write('labels.bin', train.labels);

  // Plain signs of 64 components are the components themselves before the sign: this model is the embedding.
  const embedding = await fit(pixels(train.images), { bits: DIMENSIONS, method: 'identity' });
  write('embedding.h2q', embedding.model.toBytes(), { packed: false });
  const database = await embedding.model.transform(pixels(train.images));
  const queryImages = test.images.subarray(0, QUERIES * 28 * 28);
  const queries = await embedding.model.transform(pixels(queryImages));
  const step = largest(database.data) / 127;
  const [databaseSteps, querySteps] = [toSteps(database.data, step), toSteps(queries.data, step)];
  // Values of one component lie side by side: they pack better.
  write('embeddings.bin', transposed(databaseSteps, DIMENSIONS));

  write('judged.bin', querySteps);
  write('judged-labels.bin', test.labels.subarray(0, QUERIES));

  const shown = firstOfEach(test.labels, classNames.length);
  write('queries.bin', chosen(test.images, shown));

  // What the page has is judged, not what it was rounded from.
  const judged = {
    database: { data: fromSteps(databaseSteps, step), columns: DIMENSIONS },
    databaseLabels: train.labels,
    queries: { data: fromSteps(querySteps, step), columns: DIMENSIONS },
    queryLabels: test.labels.subarray(0, QUERIES),
  };
  const { models, floats, head } = await makeModels(judged, CUT_OFF, async (route, method, bits, model) => {
    const name = nameOf({ route, method, bits });
    write(`models/${name}.h2q`, model.toBytes(), { packed: false });
    if (WITH_CODES.includes(name)) write(`codes/${name}.bin`, (await model.encode(judged.database)).data);
  });

  const manifest = {
    rows: train.count,
    dimensions: DIMENSIONS,
    side: SIDE,
    step,
    classNames,
    queryLabels: [...chosen(test.labels, shown, 1)],
    judgedQueries: QUERIES,
    cutOff: CUT_OFF,
    models: models.map((each) => ({ ...each, hasCodes: WITH_CODES.includes(nameOf(each)) })),
    floats,
    head,
    version: info().version,
    bytes: write.bytes(),
  };
  writeFileSync(join(target, 'manifest.json'), JSON.stringify(manifest));
  say(`data of the page: ${(manifest.bytes / 1e6).toFixed(1)} MB`);
}

/** @param {{ route: string, method: string, bits: number }} model */
function nameOf({ route, method, bits }) {
  return `${route}-${method}-${bits}`;
}

/**
 * Writes files and counts their bytes.
 *
 * @param {string} target
 */
function writerInto(target) {
  let bytes = 0;
  /**
   * @param {string} name
   * @param {Uint8Array | Int8Array} content
   */
  const write = (name, content, { packed = true } = {}) => {
    const raw = new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
    writeFileSync(join(target, name), packed ? gzipSync(raw, { level: 9 }) : raw);
    bytes += statSync(join(target, name)).size;
  };
  return Object.assign(write, { bytes: () => bytes });
}

/** @param {Uint8Array} images */
function pixels(images) {
  return { data: Float32Array.from(images, (grey) => grey / 255), columns: 28 * 28 };
}

/**
 * Images of SIDE x SIDE pixels at 16 greys, two in a byte. A pixel is the mean of the area that it covers.
 *
 * @param {Uint8Array} images
 * @param {number} count
 */
function thumbnails(images, count) {
  const size = 28 / SIDE;
  // How much of each of the 28 pixels each of the SIDE covers, along one axis.
  const shares = Array.from({ length: SIDE }, (_, to) =>
    Array.from({ length: 28 }, (_, from) => {
      const overlap = Math.min(from + 1, (to + 1) * size) - Math.max(from, to * size);
      return { from, share: Math.max(0, overlap) / size };
    }).filter(({ share }) => share > 1e-9),
  );
  const packed = new Uint8Array((count * SIDE * SIDE) / 2);
  let at = 0;
  for (let image = 0; image < count; image++) {
    for (const down of shares) {
      for (const across of shares) {
        let grey = 0;
        for (const y of down) {
          for (const x of across) {
            grey += (images[image * 784 + y.from * 28 + x.from] ?? 0) * y.share * x.share;
          }
        }
        packed[at >> 1] = (packed[at >> 1] ?? 0) | (Math.round((grey / 255) * 15) << (at % 2 === 0 ? 0 : 4));
        at++;
      }
    }
  }
  return packed;
}

/**
 * @param {Float32Array} values
 * @param {number} step
 */
function toSteps(values, step) {
  return Int8Array.from(values, (value) => Math.max(-127, Math.min(127, Math.round(value / step))));
}

/**
 * @param {Int8Array} steps
 * @param {number} step
 */
function fromSteps(steps, step) {
  return Float32Array.from(steps, (value) => value * step);
}

/**
 * Columns as rows.
 *
 * @param {Int8Array} values
 * @param {number} columns
 */
function transposed(values, columns) {
  const rows = values.length / columns;
  return Int8Array.from(
    { length: values.length },
    (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0,
  );
}

/** @param {Float32Array} values */
function largest(values) {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/**
 * The first rows of each class, class by class.
 *
 * @param {Uint8Array} labels
 * @param {number} classes
 */
function firstOfEach(labels, classes) {
  return Array.from({ length: classes }, (_, label) =>
    [...labels.keys()].filter((row) => labels[row] === label).slice(0, SHOWN_PER_CLASS),
  ).flat();
}

/**
 * These rows alone.
 *
 * @param {Uint8Array} values
 * @param {number[]} rows
 * @param {number} columns
 */
function chosen(values, rows, columns = 28 * 28) {
  return new Uint8Array(
    Buffer.concat(rows.map((row) => values.subarray(row * columns, (row + 1) * columns))),
  );
}
