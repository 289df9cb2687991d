// hnswlib-node, which has no binary codes: an HNSW index over vectors of -1 and 1, whose squared Euclidean
// distance is four times the Hamming distance. It has neither batches nor threads.
import { createRequire } from 'node:module';
import { serve } from './serve.mjs';

// Under another name than `require`, so that types are not looked for where it is not installed.
const load = createRequire(import.meta.url);
const { HierarchicalNSW } = load('hnswlib-node');

const NEIGHBOURS = 16;
const EXPANSION_AT_BUILD = 200;
const EXPANSION = 64;

/** @typedef {{ neighbors: number[], distances: number[] }} Found */

const { version } = load('hnswlib-node/package.json');
await serve(version, async ({ data, bits }, k) => {
  const index = new HierarchicalNSW('l2', bits);
  index.initIndex(data.length / (bits / 8), NEIGHBOURS, EXPANSION_AT_BUILD);
  for (const [row, vector] of signs(data, bits).entries()) index.addPoint(vector, row);
  index.setEf(EXPANSION);
  return {
    // The numbers of a query are part of its search: codes are what a user has.
    search: async (queries) =>
      signs(queries.data, bits).map((query) => /** @type {Found} */ (index.searchKnn(query, k))),
    hits: (found) => ({
      rows: found.map(({ neighbors }) => neighbors),
      distances: found.map(({ distances }) => distances.map((distance) => distance / 4)),
    }),
    settings: `M ${NEIGHBOURS}, ef ${EXPANSION_AT_BUILD} and ${EXPANSION}, l2 over floats`,
  };
});

/**
 * @param {Uint8Array} codes
 * @param {number} bits
 */
function signs(codes, bits) {
  const vectors = [];
  for (let first = 0; first < codes.length; first += bits / 8) {
    const vector = Array.from({ length: bits }, (_, j) => {
      const byte = codes[first + (j >> 3)] ?? 0;
      return (byte >> (j & 7)) & 1 ? 1 : -1;
    });
    vectors.push(vector);
  }
  return vectors;
}
