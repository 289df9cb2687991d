/** The neighbours that every way of re-ranking finds, for `evaluate`. */

import { runAbortable } from './abort.js';
import { invalidArgument } from './arguments.js';
import type { CoreCodes, CoreIndex, CoreVectors, FactorMetric, Neighbours } from './backend.js';
import type { Model } from './model.js';
import { backend } from './platform.js';
import { Vectors } from './vectors.js';

/**
 * What a search may be followed by; `hamming` is the search alone. `asymmetricWithFactors` has factors of metric
 * `cosine`, `asymmetricEuclidean` those of `euclidean`.
 */
export type RerankMode = 'hamming' | 'asymmetric' | 'asymmetricWithFactors' | 'asymmetricEuclidean' | 'float';

export interface RerankEvaluation {
  /** Hits wanted, and neighbours looked for: 10, or all rows where there are fewer. */
  k: number;
  /** Hits of the first search per hit wanted. */
  oversample: number;
  /** Share of the k nearest rows by cosine of the input among the k hits, mean over the queries. */
  neighbourRecall: Record<RerankMode, number>;
}

interface RerankTask {
  model: Model;
  database: Vectors;
  queries: Vectors;
  databaseCodes: CoreCodes;
  queryCodes: CoreCodes;
  /** The transformed queries. */
  queryVectors: CoreVectors;
  neighbours: Neighbours;
  /** Recall of the search alone in the first `neighbours.count` hits, by the rule for ties. */
  hammingRecall: number;
  oversample: number;
  threads: number;
  signal: AbortSignal | undefined;
}

/** @throws INVALID_ARGUMENT when there is no neighbour to look for */
export function checkNeighbours({ count }: Neighbours): void {
  if (count < 1) throw invalidArgument('neighbours', 'none, so there is no recall for rerank to measure');
}

export async function evaluateRerank(task: RerankTask): Promise<RerankEvaluation> {
  const { model, database, queries, neighbours, oversample, threads, signal } = task;
  const k = neighbours.count;
  const options = { threads, signal };
  const indexWith = async (metric: FactorMetric | undefined) => {
    let factors: Vectors | undefined;
    if (metric !== undefined) {
      const column = { data: await model.factors(database, { ...options, metric }), columns: 1 };
      factors = await Vectors.from(column, { signal });
    }
    return runAbortable(signal, (cancel) =>
      backend().createIndex(task.databaseCodes, null, factors?.core ?? null, cancel),
    );
  };
  const plain = await indexWith(undefined);
  const candidates = Math.min(k * oversample, plain.rows);
  const hits = await runAbortable(signal, (cancel) =>
    plain.search(task.queryCodes, candidates, { threads, method: 'auto' }, null, cancel),
  );

  const byCodes = async (index: CoreIndex) => {
    const { rows } = await runAbortable(signal, (cancel) =>
      backend().rerankByCodes(index, task.queryCodes, task.queryVectors, hits, k, threads, cancel),
    );
    return recallOf(rows, neighbours);
  };
  const byVectors = await runAbortable(signal, (cancel) =>
    backend().rerankByVectors(database.core, queries.core, hits, k, threads, cancel),
  );
  return {
    k,
    oversample,
    neighbourRecall: {
      hamming: task.hammingRecall,
      asymmetric: await byCodes(plain),
      asymmetricWithFactors: await byCodes(await indexWith('cosine')),
      asymmetricEuclidean: await byCodes(await indexWith('euclidean')),
      float: recallOf(byVectors.rows, neighbours),
    },
  };
}

/** Share of the neighbours among as many rows per query. */
function recallOf(rows: Uint32Array, { rows: wanted, count }: Neighbours): number {
  let found = 0;
  for (let first = 0; first < wanted.length; first += count) {
    const ofQuery = rows.subarray(first, first + count);
    for (let i = first; i < first + count; i++) found += ofQuery.includes(wanted[i]!) ? 1 : 0;
  }
  return found / wanted.length;
}
