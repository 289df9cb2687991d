/** The measurements: each method once, under the same conditions. */

import { runAbortable } from '../abort.js';
import type { HeadSummary, Method, MetricsAt, Neighbours, Objective } from '../backend.js';
import { evaluate, evaluateCosine } from '../evaluate.js';
import { type FitResult, fit } from '../fit.js';
import { HammingIndex, type SearchResult } from '../hamming-index.js';
import { learn } from '../learn.js';
import { backend } from '../platform.js';
import { type Matrix, Vectors } from '../vectors.js';
import type { CurvePoint, MethodKey, MethodReport } from './report.js';

/** Hits that a timed search returns, and that the page shows. */
export const HITS = 10;
/** Points of a precision-recall curve. */
const CURVE_POINTS = 40;
/** Timed searches; the median counts. */
const SEARCHES = 3;

/** What all methods share. */
export interface Subject {
  database: Vectors;
  databaseLabels: Uint8Array;
  queries: Vectors;
  queryLabels: Uint8Array;
  /** The first of the queries, for what would take too long with all. */
  firstQueries: Vectors;
  bits: number;
  seed: number;
  threads: number;
  signal: AbortSignal | undefined;
}

/**
 * A way to codes: its key is the fit's method, `neighbours` that of H²Q by the loss of this name, `learnt` that of H²Q on
 * the embeddings of a head.
 */
export interface BinaryMethod {
  key: Exclude<MethodKey, 'float'>;
  name: string;
}

/** Images whose labels teach the head: labels are what one has few of. */
export const LEARN_ROWS = 10_000;
const LEARN_EPOCHS = 12;

/** What stage one makes of a subject. */
export interface Learnt {
  /** The same rows as embeddings. */
  subject: Subject;
  summary: HeadSummary;
  seconds: number;
}

/** Learns a head from `images`, the first of the database, and their labels. */
export async function learnStage(subject: Subject, images: Matrix): Promise<Learnt> {
  const { databaseLabels, bits, seed, threads, signal } = subject;
  const labels = databaseLabels.slice(0, images.data.length / images.columns);
  const started = performance.now();
  const epochs = LEARN_EPOCHS;
  const { model } = await learn(images, { labels, bits, seed, epochs, threads, signal });
  const seconds = (performance.now() - started) / 1000;
  const embed = async (vectors: Vectors) =>
    Vectors.from(await model.transform(vectors, { threads, signal }), { signal });
  const { database, queries, firstQueries } = subject;
  return {
    subject: {
      ...subject,
      database: await embed(database),
      queries: await embed(queries),
      firstQueries: await embed(firstQueries),
    },
    summary: model.summary.head as HeadSummary,
    seconds,
  };
}

export interface BinaryMeasurement {
  report: MethodReport;
  fit: FitResult;
  /** The codes of all queries. */
  queryCodes: Uint8Array;
  /** The {@link HITS} nearest of every query. */
  hits: SearchResult;
}

export interface FloatMeasurement {
  report: MethodReport;
  /** The nearest by cosine of every query: the truth of neighbour recall. */
  neighbours: Neighbours;
}

/** Fits, encodes, searches and judges one binary method. */
export async function measureBinary(
  subject: Subject,
  method: BinaryMethod,
  neighbours: Neighbours,
): Promise<BinaryMeasurement> {
  const { database, queries, firstQueries, bits, seed, threads, signal } = subject;
  const run = { threads, signal };
  const fitted = await fit(database, {
    bits,
    ...waysOf(method.key),
    seed,
    ...run,
  });
  const { model } = fitted;
  const transformed = await model.transform(database, run);
  const index = await HammingIndex.build(await model.encode(database, run), { signal });
  const queryCodes = await model.encode(queries, run);

  const { hits, seconds } = await timeSearch(() => index.search(queryCodes, HITS, run));

  const rows = { database, databaseLabels: subject.databaseLabels, model, ...run };
  const all = await evaluate({
    ...rows,
    queries,
    queryLabels: subject.queryLabels,
    neighbours,
    at: [1000, 100],
  });
  const first = await evaluate({
    ...rows,
    queries: firstQueries,
    queryLabels: subject.queryLabels.subarray(0, firstQueries.rows),
    neighbours: { ...neighbours, rows: neighbours.rows.subarray(0, firstQueries.rows * neighbours.count) },
    at: curveCutOffs(database.rows),
  });

  const report = {
    ...method,
    representation: bits,
    quantizationLoss: scaledL2Loss(transformed),
    ...labelMetrics(all.at),
    bytesPerImage: bits / 8,
    fitSeconds: fitted.summary.seconds,
    queriesPerSecond: queries.rows / seconds,
    curve: toCurve(first.at),
  };
  return { report, fit: fitted, queryCodes: queryCodes.data, hits };
}

/** What the fit is asked for. */
function waysOf(key: BinaryMethod['key']): { method: Method; loss?: Objective } {
  if (key === 'neighbours') return { method: 'h2q', loss: 'neighbours' };
  return { method: key === 'learnt' ? 'h2q' : key };
}

/** Searches {@link SEARCHES} times; the seconds are the median. */
async function timeSearch(
  search: () => Promise<SearchResult>,
): Promise<{ hits: SearchResult; seconds: number }> {
  const runs: { hits: SearchResult; seconds: number }[] = [];
  for (let i = 0; i < SEARCHES; i++) {
    const start = performance.now();
    const hits = await search();
    runs.push({ hits, seconds: (performance.now() - start) / 1000 });
  }
  runs.sort((a, b) => a.seconds - b.seconds);
  return runs[Math.floor(SEARCHES / 2)] as { hits: SearchResult; seconds: number };
}

/** Ranks by cosine of the vectors as they are. */
export async function measureFloat(subject: Subject): Promise<FloatMeasurement> {
  const { database, databaseLabels, queries, queryLabels, firstQueries, threads, signal } = subject;
  const rows = { database, databaseLabels, threads, signal };
  const all = await evaluateCosine({ ...rows, queries, queryLabels, at: [1000, 100] });
  const first = await evaluateCosine({
    ...rows,
    queries: firstQueries,
    queryLabels: queryLabels.subarray(0, firstQueries.rows),
    at: curveCutOffs(database.rows),
  });
  const start = performance.now();
  await runAbortable(signal, (cancel) =>
    backend().neighbours(database.core, firstQueries.core, HITS, threads, cancel),
  );
  const seconds = (performance.now() - start) / 1000;

  const report: MethodReport = {
    key: 'float',
    name: 'Float cosine',
    representation: 'float',
    quantizationLoss: null,
    ...labelMetrics(all.at),
    bytesPerImage: database.columns * Float32Array.BYTES_PER_ELEMENT,
    fitSeconds: null,
    queriesPerSecond: firstQueries.rows / seconds,
    curve: toCurve(first.at),
  };
  return { report, neighbours: all.neighbours };
}

/**
 * The l2 loss of the rows at norm √columns: mean of (z − sgn z)², which is (|z| − 1)² for both signs.
 * A row of zeros stays one.
 */
export function scaledL2Loss({ data, columns }: Matrix): number {
  let sum = 0;
  for (let start = 0; start < data.length; start += columns) {
    const row = data.subarray(start, start + columns);
    const norm = Math.sqrt(row.reduce((squares, z) => squares + z * z, 0));
    const scale = norm > 0 ? Math.sqrt(columns) / norm : 0;
    for (const z of row) sum += (Math.abs(z) * scale - 1) ** 2;
  }
  return sum / data.length;
}

/** About {@link CURVE_POINTS} whole numbers from 1 to `rows`, evenly spaced by ratio, ascending. */
export function curveCutOffs(rows: number): number[] {
  const points = Array.from({ length: CURVE_POINTS }, (_, i) => Math.round(rows ** (i / (CURVE_POINTS - 1))));
  return [...new Set(points)];
}

type MetricsByCutOff = Record<number, MetricsAt>;

function labelMetrics(at: MetricsByCutOff) {
  const [first100, first1000] = [at[100] as MetricsAt, at[1000] as MetricsAt];
  return {
    meanAveragePrecision1000: first1000.meanAveragePrecision,
    precision100: first100.precision,
    neighbourRecall100: first100.neighbourRecall,
  };
}

function toCurve(at: MetricsByCutOff): CurvePoint[] {
  const points = Object.entries(at).map(([n, { precision, recall }]) => ({
    n: Number(n),
    precision,
    recall,
  }));
  return points.sort((a, b) => a.n - b.n);
}
