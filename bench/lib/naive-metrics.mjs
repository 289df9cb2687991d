// mAP of Hamming rankings as one would write it down: a distance per row, a counting sort, a walk.

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

/**
 * Of whole rankings, ties in order of the row.
 *
 * @param {{ data: Uint8Array, bits: number }[]} codes those of the database, those of the queries
 * @param {Int32Array[]} labels of both
 */
export function meanAveragePrecision([database, queries], [databaseLabels, queryLabels]) {
  if (!database || !queries || !databaseLabels || !queryLabels) throw new Error('two of each');
  const bytes = database.bits / 8;
  const rows = databaseLabels.length;
  const distances = new Uint16Array(rows);
  const ranking = new Uint32Array(rows);
  let sum = 0;
  for (const [query, label] of queryLabels.entries()) {
    const starts = new Uint32Array(database.bits + 2);
    for (let row = 0; row < rows; row += 1) {
      let distance = 0;
      for (let i = 0; i < bytes; i += 1) {
        distance += at(ONES, at(database.data, row * bytes + i) ^ at(queries.data, query * bytes + i));
      }
      distances[row] = distance;
      starts[distance + 1] = at(starts, distance + 1) + 1;
    }
    for (let d = 1; d < starts.length; d += 1) starts[d] = at(starts, d) + at(starts, d - 1);
    for (let row = 0; row < rows; row += 1) {
      const distance = at(distances, row);
      const place = at(starts, distance);
      ranking[place] = row;
      starts[distance] = place + 1;
    }
    let relevant = 0;
    let precisions = 0;
    for (let place = 0; place < rows; place += 1) {
      if (databaseLabels[at(ranking, place)] !== label) continue;
      relevant += 1;
      precisions += relevant / (place + 1);
    }
    sum += relevant === 0 ? 0 : precisions / relevant;
  }
  return sum / queryLabels.length;
}

/**
 * @param {Uint8Array | Uint16Array | Uint32Array} array
 * @param {number} index
 */
function at(array, index) {
  return /** @type {number} */ (array[index]);
}
