/** What every backend offers for judging codes: a part of {@link Backend}. */

import type { CancelToken, CoreCodes, CoreModel, CoreVectors } from './backend.js';

export type Ties = 'expected' | 'float' | 'cosine' | 'id';
/**
 * What AP@N is divided by: the relevant rows among the first N, all relevant rows of the database, or as many
 * of them as the first N could hold.
 */
export type AveragePrecision = 'retrieved' | 'all' | 'possible';

/** One label per row, or `classes` 0/1 bytes per row (multi-label: relevant when any class is shared). */
export type Labels =
  | { kind: 'single'; values: BigInt64Array }
  | { kind: 'multi'; classes: number; values: Uint8Array };

/** Means over the queries at one cut-off N. */
export interface MetricsAt {
  meanAveragePrecision: number;
  precision: number;
  recall: number;
  /** Of the nearest rows by cosine of the input (10 of them), the share found in the first N. */
  neighbourRecall: number;
}

/** Means over the queries of what they find within one Hamming radius. */
export interface MetricsWithin {
  /** Rows at this distance or a smaller one are found. */
  radius: number;
  /** Relevant share of the rows found; a query that finds nothing counts 0. */
  precision: number;
  /** Relevant share of the rows that all queries together find; 0 where they find none. */
  pooledPrecision: number;
  /** Share of all relevant rows; a query without any counts 0. */
  recall: number;
  /** Share of the relevant rows of all queries together; 0 where there are none. */
  pooledRecall: number;
  /** Share of the nearest rows by cosine of the input (10 of them). */
  neighbourRecall: number;
  /** Share of the queries that find a row, relevant or not. */
  answered: number;
  /** Rows found. */
  hits: number;
}

export interface CodesMetrics {
  /** One for each cut-off. */
  at: MetricsAt[];
  /** One for each radius from 0 to the length of the codes. */
  within: MetricsWithin[];
}

/** What codes look like without any query. */
export interface CodeStatistics {
  rows: number;
  bits: number;
  /** Number of different codes. */
  distinct: number;
  /** Share of ones, per bit. */
  ones: number[];
  /** Bits of information that a bit carries by itself, per bit: 1 where it is balanced, 0 where it is constant. */
  entropy: number[];
  /**
   * Mean absolute correlation of two different bits, over all pairs. A bit that is constant is correlated with
   * nothing: its pairs do not count, and where no pair is left this is 0.
   */
  meanCorrelation: number;
  /** The largest of these. */
  maxCorrelation: number;
}

/** Rows of the nearest neighbours by cosine, best first: queries x count. */
export interface Neighbours {
  rows: Uint32Array;
  count: number;
}

export interface CodesEvaluation {
  databaseCodes: CoreCodes;
  queryCodes: CoreCodes;
  databaseLabels: Labels;
  queryLabels: Labels;
  neighbours: Neighbours;
  at: number[];
  ties: Ties;
  averagePrecision: AveragePrecision;
  /** Required for ties `float` and `cosine`: the transformed vectors. */
  databaseVectors?: CoreVectors;
  queryVectors?: CoreVectors;
  threads: number;
}

export interface CosineEvaluation {
  database: CoreVectors;
  queries: CoreVectors;
  databaseLabels: Labels;
  queryLabels: Labels;
  at: number[];
  averagePrecision: AveragePrecision;
  /** How many nearest neighbours to return. */
  neighbours: number;
  threads: number;
}

export interface EvaluationBackend {
  /** The `count` nearest database rows of each query by cosine. */
  neighbours(
    database: CoreVectors,
    queries: CoreVectors,
    count: number,
    threads: number,
    cancel: CancelToken,
  ): Promise<Uint32Array>;
  evaluateCodes(evaluation: CodesEvaluation, cancel: CancelToken): Promise<CodesMetrics>;
  /** Ranks by cosine of the float vectors: the unquantized reference. */
  evaluateCosine(
    evaluation: CosineEvaluation,
    cancel: CancelToken,
  ): Promise<{ metrics: MetricsAt[]; neighbours: Uint32Array }>;
  codeStatistics(codes: CoreCodes, threads: number, cancel: CancelToken): Promise<CodeStatistics>;
  /** Of the transformed rows, each scaled as for a fit: bit-variance, l2, l1, min-entropy. */
  quantizationLosses(
    model: CoreModel,
    vectors: CoreVectors,
    threads: number,
    cancel: CancelToken,
  ): Promise<ArrayLike<number>>;
}
