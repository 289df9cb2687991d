import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';

/** Rows of each part, of 70,000 images in a seeded order; as in the paper, all that is left is ranked. */
const PARTS = { train: 5_000, validation: 1_000, queries: 1_000, database: 63_000 };
const SEED = 1;

/**
 * Fashion-MNIST as `.npy` files of pixels and labels.
 *
 * @returns {Promise<Record<keyof typeof PARTS, { vectors: string, labels: string }>>} their paths
 */
export async function writeParts() {
  const { loadFashionMnist } = await import('../../dist/demo/dataset.js');
  const { npyHeader } = await import('../../dist/io/npy.js');
  const { train, test, width, height } = await loadFashionMnist();
  const columns = width * height;
  const images = Buffer.concat([train.images, test.images]);
  const labels = Buffer.concat([train.labels, test.labels]);
  const order = shuffled(labels.length);
  const folder = join(root, '.cache/reproduce');
  mkdirSync(folder, { recursive: true });
  let first = 0;
  const paths = Object.entries(PARTS).map(([name, count]) => {
    const rows = order.slice(first, first + count);
    first += count;
    const files = { vectors: join(folder, `${name}.npy`), labels: join(folder, `${name}-labels.npy`) };
    const pixels = rows.map((row) => images.subarray(row * columns, (row + 1) * columns));
    writeFileSync(files.vectors, Buffer.concat([npyHeader('u1', [count, columns]), ...pixels]));
    const own = Uint8Array.from(rows, (row) => /** @type {number} */ (labels[row]));
    writeFileSync(files.labels, Buffer.concat([npyHeader('u1', [count]), own]));
    return [name, files];
  });
  return Object.fromEntries(paths);
}

/**
 * The numbers below `count` in a seeded order (Fisher and Yates; mulberry32).
 *
 * @param {number} count
 */
function shuffled(count) {
  let state = SEED;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = /** @type {[number, number]} */ ([order[j], order[i]]);
  }
  return order;
}
