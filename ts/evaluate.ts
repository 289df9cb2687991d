/** Judging codes: label metrics and recall of the neighbours (docs/evaluation.md). */

import { runAbortable } from './abort.js';
import {
  checkInteger,
  checkOneOf,
  checkOptions,
  checkThreads,
  invalidArgument,
  invalidOption,
} from './arguments.js';
import type {
  AveragePrecision,
  CodeStatistics,
  CodesEvaluation,
  Loss,
  MetricsAt,
  MetricsWithin,
  Neighbours,
  Releasable,
  Ties,
} from './backend.js';
import { type Codes, toCoreCodes } from './codes.js';
import { inContext } from './errors.js';
import { checkNeighbours, evaluateRerank, type RerankEvaluation } from './evaluate-rerank.js';
import { checkSameKind, type LabelsInput, toLabels } from './labels.js';
import type { Model } from './model.js';
import { backend } from './platform.js';
import { checkOversample } from './rerank.js';
import { lossesOf, statisticsOf } from './statistics.js';
import { checkDimensions, countRows, toVectors, Vectors, type VectorsInput } from './vectors.js';
import { run } from './work.js';

/** Nearest rows by cosine of the input whose recall is measured. */
const NEIGHBOURS = 10;

/** How many of the first rows count: a number, or all there are (`Infinity` is the same). */
export type CutOff = number | 'all';

/** Metrics by cut-off, under the names that were asked for. */
export interface MetricsByCutOff {
  [cutOff: number]: MetricsAt;
  all?: MetricsAt;
}

export interface CosineEvaluationOptions {
  /** The rows that are ranked. */
  database: VectorsInput;
  databaseLabels: LabelsInput;
  /** The rows that ask, of the same dimensions. */
  queries: VectorsInput;
  queryLabels: LabelsInput;
  /**
   * Cut-offs N, each at least 1; beyond the rows means all of them, as `'all'` does: then
   * `meanAveragePrecision` is that of the whole ranking. Default 1000 and 100.
   */
  at?: readonly CutOff[] | undefined;
  /**
   * What AP@N divides the precisions at the relevant rows among the first N by: `retrieved` (default), the
   * relevant rows among them, as most hashing papers do; `all`, all relevant rows of the database, as trec_eval
   * does; `possible`, as many as the first N could hold. At `'all'` the three are the same.
   */
  averagePrecision?: AveragePrecision | undefined;
  /** Threads of the core; 0 (default) uses all. Results do not depend on it. */
  threads?: number | undefined;
  /** Ends the work; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

export interface EvaluationOptions extends CosineEvaluationOptions {
  model: Model;
  /**
   * Order among codes of equal distance: `expected` (default) is the mean over all orders, `float`
   * breaks ties by the Euclidean distance of the transformed vectors, `cosine` by their cosine (the order of
   * `float` where their rows have length 1), both then by row, `id` by row alone.
   */
  ties?: Ties | undefined;
  /** Nearest rows known already, from {@link evaluateCosine} with the same rows. Computed when left out. */
  neighbours?: Neighbours | undefined;
  /** Also looks at the codes of the database themselves. Default false. */
  statistics?: boolean | undefined;
  /**
   * Also measures how many neighbours each way of re-ranking finds, for about one more transform of the
   * database. Default false.
   */
  rerank?: boolean | undefined;
  /** Hits of the first search per hit wanted, at least 1; only with `rerank`. Default 8. */
  oversample?: number | undefined;
}

export interface CosineEvaluationResult {
  /** Metrics for each N of `at`, means over the queries. */
  at: MetricsByCutOff;
  averagePrecision: AveragePrecision;
  /** The ten nearest rows of each query, best first. */
  neighbours: Neighbours;
}

export interface EvaluationResult {
  /** Metrics for each N of `at`, means over the queries. */
  at: MetricsByCutOff;
  ties: Ties;
  averagePrecision: AveragePrecision;
  /**
   * What is found within each Hamming radius from 0 to the length of the codes, which is also its index here: the
   * curve of precision over recall, and hash lookup at small radii. The same for all `ties`.
   */
  within: MetricsWithin[];
  /** Of the database's codes; only where `statistics` asked for it. */
  statistics?: EvaluationStatistics;
  /** Only where `rerank` asked for it. */
  rerank?: RerankEvaluation;
}

export interface EvaluationStatistics extends CodeStatistics {
  /** Losses of the transformed database, as `quantizationLosses` gives them. */
  quantizationLoss: Record<Loss, number>;
}

/**
 * Ranks the database by Hamming distance to each query's code and judges the ranking.
 *
 * `meanAveragePrecision` averages over the relevant rows retrieved in the first N unless `averagePrecision` says
 * otherwise; `neighbourRecall` is the share of the ten nearest rows by cosine of the input found there.
 *
 * @throws MISMATCH when dimensions or labels do not fit, INVALID_OPTION, INVALID_ARGUMENT, EMPTY_INPUT,
 * NOT_FINITE
 */
export async function evaluate(options: EvaluationOptions): Promise<EvaluationResult> {
  const ties = checkOneOf('ties', checkOptions(options).ties ?? 'expected', TIES);
  const oversample = checkRerank(options);
  return releasingAll((made) => judge(options, ties, oversample, made));
}

/** What a model makes of the rows of an evaluation. */
export interface Encoded {
  database: Codes;
  queries: Codes;
}

/** As {@link evaluate}, of codes that `model.encode` has made of the rows already. Not public: nothing checks that. */
export async function evaluateEncoded(
  options: EvaluationOptions,
  encoded: Encoded,
): Promise<EvaluationResult> {
  const ties = checkOneOf('ties', checkOptions(options).ties ?? 'expected', TIES);
  return releasingAll((made) => judge(options, ties, checkRerank(options), made, encoded));
}

async function judge(
  options: EvaluationOptions,
  ties: Ties,
  oversample: number | undefined,
  made: Releasable[],
  encoded?: Encoded,
): Promise<EvaluationResult> {
  const { model, signal } = options;
  const { database, queries, ...common } = await prepare(options, made, model.dimensions);
  const run = { threads: common.threads, signal, made };
  const neighbours = options.neighbours ?? (await findNeighbours(database, queries, run));
  if (oversample !== undefined) checkNeighbours(neighbours);

  const codesOf = async (name: keyof Encoded, vectors: Vectors) =>
    toCore(encoded?.[name] ?? (await encode(model, vectors, name, run)), run);
  const evaluation: CodesEvaluation = {
    ...common,
    // The last cut-off is for the re-ranking alone.
    at: oversample === undefined ? common.at : [...common.at, neighbours.count],
    ties,
    databaseCodes: await codesOf('database', database),
    queryCodes: await codesOf('queries', queries),
    neighbours,
  };
  if (ties === 'float' || ties === 'cosine') {
    evaluation.databaseVectors = await transform(model, database, run);
    evaluation.queryVectors = await transform(model, queries, run);
  }
  const metrics = await runAbortable(signal, (cancel) => backend().evaluateCodes(evaluation, cancel));
  const { averagePrecision, threads } = common;
  const { within } = metrics;
  const result: EvaluationResult = { at: byCutOff(common.at, metrics.at), ties, averagePrecision, within };
  if (options.statistics) {
    const quantizationLoss = await lossesOf(model, database.core, threads, signal);
    const statistics = await statisticsOf(evaluation.databaseCodes, threads, signal);
    result.statistics = { ...statistics, quantizationLoss };
  }
  if (oversample === undefined) return result;
  const queryVectors = evaluation.queryVectors ?? (await transform(model, queries, run));
  const hammingRecall = metrics.at.at(-1)?.neighbourRecall ?? 0;
  const task = { ...evaluation, model, database, queries, queryVectors, hammingRecall, oversample, signal };
  return { ...result, rerank: await evaluateRerank(task) };
}

/** Runs `work`, then releases what it says to have made for itself. */
async function releasingAll<T>(work: (made: Releasable[]) => Promise<T>): Promise<T> {
  const made: Releasable[] = [];
  try {
    return await work(made);
  } finally {
    for (const thing of made) thing.release?.();
  }
}

/** The oversampling of the re-ranking, where one is asked for. */
function checkRerank({ rerank, oversample }: EvaluationOptions): number | undefined {
  if (rerank) return checkOversample(oversample);
  if (oversample !== undefined) throw invalidArgument('oversample', 'needs the option rerank: true');
  return undefined;
}

/**
 * Ranks by cosine of the float vectors: what codes are measured against.
 *
 * @throws as {@link evaluate}
 */
export async function evaluateCosine(options: CosineEvaluationOptions): Promise<CosineEvaluationResult> {
  checkOptions(options);
  return releasingAll(async (made) => {
    const { database, queries, ...common } = await prepare(options, made);
    const count = Math.min(NEIGHBOURS, database.rows);
    const evaluation = { ...common, database: database.core, queries: queries.core, neighbours: count };
    const result = await runAbortable(options.signal, (cancel) =>
      backend().evaluateCosine(evaluation, cancel),
    );
    const { at, averagePrecision } = common;
    const neighbours = { rows: result.neighbours, count };
    return { at: byCutOff(at, result.metrics), averagePrecision, neighbours };
  });
}

export const TIES: readonly Ties[] = ['expected', 'float', 'cosine', 'id'];
export const AVERAGE_PRECISIONS: readonly AveragePrecision[] = ['retrieved', 'all', 'possible'];
/** What stands for all rows among cut-offs of the core; no database has as many. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;

/** Everything checked, then copied: nothing is computed for input that does not fit together. */
async function prepare(options: CosineEvaluationOptions, made: Releasable[], dimensions?: number) {
  const { signal } = options;
  const at = checkCutOffs(options.at ?? [1000, 100]);
  const averagePrecision = checkOneOf(
    'averagePrecision',
    options.averagePrecision ?? 'retrieved',
    AVERAGE_PRECISIONS,
  );
  const threads = checkThreads(options.threads);
  if (dimensions !== undefined) checkDimensions(options.database, dimensions, 'database');
  checkDimensions(options.queries, dimensions ?? options.database.columns, 'queries');

  const labelsOf = (labels: LabelsInput, rows: number, name: string) =>
    run(toLabels(labels, rows, name), signal);
  const { database: searched, queries: asking } = options;
  const databaseLabels = await labelsOf(
    options.databaseLabels,
    countRows(searched, 'database'),
    'databaseLabels',
  );
  const queryLabels = await labelsOf(options.queryLabels, countRows(asking, 'queries'), 'queryLabels');
  checkSameKind(queryLabels, 'queryLabels', databaseLabels, 'databaseLabels');

  const database = await run(toVectors(options.database, 'database'), signal);
  if (database !== options.database) made.push(database);
  const queries = await run(toVectors(options.queries, 'queries'), signal);
  if (queries !== options.queries) made.push(queries);
  return { database, queries, databaseLabels, queryLabels, at, averagePrecision, threads };
}

function checkCutOffs(at: readonly CutOff[]): number[] {
  if (!Array.isArray(at) || at.length === 0) throw invalidOption('at', at, 'a list of whole numbers');
  const isAll = (cutOff: CutOff) => cutOff === 'all' || cutOff === Number.POSITIVE_INFINITY;
  return at.map((cutOff) => (isAll(cutOff) ? ALL_ROWS : checkInteger('at', cutOff, 1, ALL_ROWS)));
}

interface RunOptions {
  threads: number;
  signal: AbortSignal | undefined;
  /** What belongs to this judgement alone. */
  made: Releasable[];
}

function encode(model: Model, vectors: Vectors, name: string, options: RunOptions): Promise<Codes> {
  return model.encode(vectors, options).catch((error) => {
    // A row that leaves the range of float32: of which vectors, only this function knows.
    throw options.signal?.aborted ? error : inContext(name, error);
  });
}

async function toCore(codes: Codes, options: RunOptions) {
  const core = await run(toCoreCodes(codes, 'codes'), options.signal);
  options.made.push(core);
  return core;
}

async function transform(model: Model, vectors: Vectors, options: RunOptions) {
  const transformed = await Vectors.from(await model.transform(vectors, options), options);
  options.made.push(transformed);
  return transformed.core;
}

async function findNeighbours(database: Vectors, queries: Vectors, options: RunOptions): Promise<Neighbours> {
  const count = Math.min(NEIGHBOURS, database.rows);
  const rows = await runAbortable(options.signal, (cancel) =>
    backend().neighbours(database.core, queries.core, count, options.threads, cancel),
  );
  return { rows, count };
}

function byCutOff(at: number[], metrics: MetricsAt[]): MetricsByCutOff {
  const nameOf = (cutOff: number) => (cutOff === ALL_ROWS ? 'all' : cutOff);
  return Object.fromEntries(at.map((cutOff, i) => [nameOf(cutOff), metrics[i] as MetricsAt]));
}
