/** Codes judged by sorting whole rankings, with ties in a given order, else in that of the row. */

import type { AveragePrecision, Codes } from '../../ts/index.js';

type Labels = ArrayLike<number>;

/** The metrics of `evaluate` but those of neighbours: at each cut-off, and within each radius. */
export function judgedNaively(
  database: Codes,
  queries: Codes,
  [databaseLabels, queryLabels]: [Labels, Labels],
  at: number[],
  averagePrecision: AveragePrecision,
  apart: (query: number, row: number) => number = () => 0,
) {
  const rankings = rowsOf(queries).map((query, q) =>
    rowsOf(database)
      .map((code, row) => ({
        distance: distanceOf(query, code),
        apart: apart(q, row),
        isRelevant: databaseLabels[row] === queryLabels[q],
      }))
      .sort((a, b) => a.distance - b.distance || a.apart - b.apart),
  );
  const mean = (value: (ranking: Item[]) => number) =>
    rankings.reduce((sum, ranking) => sum + value(ranking), 0) / rankings.length;
  const within = Array.from({ length: database.bits + 1 }, (_, radius) => {
    const found = (ranking: Item[]) => ranking.filter(({ distance }) => distance <= radius);
    const all = rankings.flatMap(found);
    return {
      radius,
      precision: mean((ranking) => share(relevant(found(ranking)), found(ranking).length)),
      pooledPrecision: share(relevant(all), all.length),
      recall: mean((ranking) => share(relevant(found(ranking)), relevant(ranking))),
      pooledRecall: share(relevant(all), relevant(rankings.flat())),
      answered: mean((ranking) => (found(ranking).length > 0 ? 1 : 0)),
      hits: mean((ranking) => found(ranking).length),
    };
  });
  return {
    at: at.map((n) => ({
      meanAveragePrecision: mean((ranking) => averagePrecisionOf(ranking, n, averagePrecision)),
      precision: mean((ranking) => relevant(ranking.slice(0, n)) / Math.min(n, ranking.length)),
      recall: mean((ranking) => share(relevant(ranking.slice(0, n)), relevant(ranking))),
    })),
    within,
  };
}

interface Item {
  distance: number;
  isRelevant: boolean;
}

function averagePrecisionOf(ranking: Item[], n: number, normalised: AveragePrecision): number {
  const first = ranking.slice(0, n);
  const precisions = first.map(({ isRelevant }, i) =>
    isRelevant ? relevant(first.slice(0, i + 1)) / (i + 1) : 0,
  );
  const divisor = {
    retrieved: relevant(first),
    all: relevant(ranking),
    possible: Math.min(relevant(ranking), first.length),
  }[normalised];
  return share(
    precisions.reduce((sum, precision) => sum + precision, 0),
    divisor,
  );
}

const relevant = (items: Item[]) => items.filter(({ isRelevant }) => isRelevant).length;
const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);

function rowsOf({ data, bits }: Codes): Uint8Array[] {
  const bytes = bits / 8;
  return Array.from({ length: data.length / bytes }, (_, row) =>
    data.subarray(row * bytes, (row + 1) * bytes),
  );
}

function distanceOf(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, byte, i) => sum + (byte ^ b[i]!).toString(2).replaceAll('0', '').length, 0);
}
