// h2q itself, through its facade like every user; the variant names the method.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HammingIndex } from '../../dist/node/index.js';
import { root } from '../../scripts/lib/root.mjs';
import { supportsMethods } from '../lib/search-methods.mjs';
import { serve } from './serve.mjs';

/** @typedef {import('../../ts/hamming-index.js').SearchResult} SearchResult */

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
await serve(version, load);

/**
 * @param {import('../../ts/codes.js').Codes} codes
 * @param {number} k
 * @param {string} variant
 */
async function load(codes, k, variant) {
  const method = /** @type {'linear' | 'mih'} */ (variant);
  const index = await HammingIndex.build(codes);
  const choice = supportsMethods() ? { method } : {};
  return {
    search: (
      /** @type {typeof codes} */ queries,
      /** @type {number} */ threads,
      /** @type {boolean} */ counters,
    ) => index.search(queries, k, { threads, ...choice, ...(counters && { counters }) }),
    hits: (/** @type {SearchResult & { work?: object }} */ { rows, distances, work, k: hits }) => ({
      rows: split(rows, hits),
      distances: split(distances, hits),
      ...(work && { work }),
    }),
    settings: '',
  };
}

/**
 * @param {ArrayLike<number>} values
 * @param {number} size
 */
function split(values, size) {
  const all = Array.from(values);
  return Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));
}
