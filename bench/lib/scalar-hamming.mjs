// Hamming search at its plainest, and what it says of the hits of others.

/** @typedef {{ data: Uint8Array, bits: number }} Codes */
/** @typedef {{ rows: number[][], distances: number[][] }} Hits */

/**
 * The distances of the k nearest codes of the first queries, nearest first: every distance is counted.
 *
 * @param {Codes} codes of a multiple of 32 bits
 * @param {Codes} queries
 * @param {number} k
 * @param {number} count queries to answer
 */
export function nearestDistances(codes, queries, k, count) {
  const [words, asked] = [wordsOf(codes), wordsOf(queries)];
  const width = codes.bits / 32;
  return Array.from({ length: count }, (_, query) => {
    const counts = /** @type {number[]} */ (new Array(codes.bits + 1).fill(0));
    const first = query * width;
    for (let i = 0; i < words.length; i += width) {
      let distance = 0;
      for (let j = 0; j < width; j++) distance += popcount(words[i + j] ^ asked[first + j]);
      counts[distance] = at(counts, distance) + 1;
    }
    const nearest = [];
    for (let distance = 0; distance <= codes.bits; distance++) {
      for (let i = 0; i < at(counts, distance) && nearest.length < k; i++) nearest.push(distance);
    }
    return nearest;
  });
}

/**
 * The share of hits that are no further than the true k-th, and what is wrong with the hits: a distance
 * that is not the row's, or a hit of an exact search that is not among the nearest.
 *
 * @param {Hits} hits of at least as many queries as there are truths
 * @param {number[][]} truth what `nearestDistances` gave
 * @param {Codes} codes
 * @param {Codes} queries
 * @param {boolean} exact
 * @returns {{ recall: number, error?: string }}
 */
export function judgeHits(hits, truth, codes, queries, exact) {
  const [words, asked] = [wordsOf(codes), wordsOf(queries)];
  const width = codes.bits / 32;
  let [found, wanted] = [0, 0];
  for (const [query, nearest] of truth.entries()) {
    const rows = hits.rows[query] ?? [];
    const distances = rows.map((row) => {
      let distance = 0;
      for (let j = 0; j < width; j++) distance += popcount(words[row * width + j] ^ asked[query * width + j]);
      return distance;
    });
    if (new Set(rows).size < rows.length) return wrong(`query ${query} has a row twice`);
    if (String(distances) !== String(hits.distances[query]))
      return wrong(`query ${query} has distances ${hits.distances[query]}, its rows lie at ${distances}`);
    if (exact && String(distances) !== String(nearest))
      return wrong(`query ${query} has hits at ${distances}, the nearest lie at ${nearest}`);
    const furthest = nearest.at(-1) ?? 0;
    found += distances.filter((distance) => distance <= furthest).length;
    wanted += nearest.length;
  }
  return { recall: found / wanted };
}

/** @param {string} error */
function wrong(error) {
  return { recall: 0, error };
}

/**
 * @param {Codes} codes
 * @returns {any} an Int32Array, whose elements tsc would take for maybe undefined in these hot loops
 */
function wordsOf({ data }) {
  return data.byteOffset % 4 === 0
    ? new Int32Array(data.buffer, data.byteOffset, data.length / 4)
    : new Int32Array(data.slice().buffer);
}

/**
 * @param {number[]} values
 * @param {number} i
 */
function at(values, i) {
  return /** @type {number} */ (values[i]);
}

/** @param {number} word */
function popcount(word) {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
