/** `h2q eval`: how well codes keep labels and neighbours. */

import type { Command } from 'commander';
import type { AveragePrecision, MetricsWithin, Ties } from '../backend.js';
import { AVERAGE_PRECISIONS, type CutOff, TIES } from '../evaluate.js';
import {
  type EvaluationResult,
  type EvaluationStatistics,
  evaluate,
  type FormatOptions,
  Model,
  type RerankEvaluation,
  type RerankMode,
  readLabels,
} from '../node/index.js';
import { DEFAULT_OVERSAMPLE } from '../rerank.js';
import { type Context, print, printJson } from './context.js';
import { namingFiles } from './failures.js';
import { expectDimensions, readWithProgress } from './inputs.js';
import { addFormatOptions, cutOffs, examples, formatOptions, oneOf, wholeNumber } from './options.js';
import { describeStatistics } from './statistics.js';
import { formatTable } from './table.js';

interface Flags extends FormatOptions {
  database: string;
  databaseLabels: string;
  queries: string;
  queryLabels: string;
  at: CutOff[];
  ties: Ties;
  averagePrecision: AveragePrecision;
  oversample: number;
  threads?: number;
  json?: boolean;
}

export function addEval(program: Command, context: Context): void {
  const command = program.command('eval');
  command
    .description('judge the codes of a model by labels and by neighbours')
    .argument('<model>', 'model file')
    .requiredOption('--database <file>', 'vectors that are ranked')
    .requiredOption(
      '--database-labels <file>',
      'their labels: .npy, u1, i4 or i8, or rows x classes of 0 and 1',
    )
    .requiredOption('--queries <file>', 'vectors that ask')
    .requiredOption('--query-labels <file>', 'their labels')
    .option('--at <n,…>', 'cut-offs; all: every row of the database', cutOffs('--at'), [1000, 100])
    .option(
      '--ties <name>',
      'expected (mean over all orders), float, cosine, id',
      oneOf('--ties', TIES),
      'expected',
    )
    .option(
      '--average-precision <name>',
      'AP@N is divided by the relevant rows retrieved, all, or possible in N rows',
      oneOf('--average-precision', AVERAGE_PRECISIONS),
      'retrieved',
    )
    .option(
      '--oversample <n>',
      'hits to re-rank per hit wanted',
      wholeNumber('--oversample', 1),
      DEFAULT_OVERSAMPLE,
    )
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      examples(
        'h2q eval m.h2q --database x.npy --database-labels y.npy --queries q.npy --query-labels z.npy',
        'h2q eval m.h2q --database x.parquet --database-labels y.npy --queries q.parquet --query-labels z.npy --column embedding',
      ),
    )
    .action((model: string, flags: Flags) => runEval(model, flags, context));
  addFormatOptions(command);
}

async function runEval(modelPath: string, flags: Flags, context: Context): Promise<void> {
  const { database, databaseLabels, queries, queryLabels, json } = flags;
  const { at, ties, averagePrecision, oversample, threads } = flags;
  const format = formatOptions(flags);
  const model = await Model.load(modelPath);
  await expectDimensions(database, model.dimensions, modelPath, format);
  await expectDimensions(queries, model.dimensions, modelPath, format);
  const labels = {
    databaseLabels: await readLabels(databaseLabels, context),
    queryLabels: await readLabels(queryLabels, context),
  };
  const vectors = {
    database: await readWithProgress(database, context, format),
    queries: await readWithProgress(queries, context, format),
  };
  const options = {
    ...{ at, ties, averagePrecision, oversample, threads },
    ...{ rerank: true, statistics: true, signal: context.signal },
  };
  const result = await namingFiles({ database, databaseLabels, queries, queryLabels }, () =>
    evaluate({ model, ...vectors, ...labels, ...options }),
  );
  await (json ? printJson(context, result) : print(context, describe(result)));
}

const MODES: Readonly<Record<RerankMode, string>> = {
  hamming: 'none (Hamming)',
  asymmetric: 'asymmetric',
  asymmetricWithFactors: 'asymmetric, factors',
  asymmetricEuclidean: 'asymmetric, euclidean',
  float: 'float',
};

function describe(result: EvaluationResult): string {
  const { at, ties, averagePrecision, within, rerank, statistics } = result;
  const rows = Object.entries(at).map(([cutOff, metrics]) => [
    cutOff === 'all' ? cutOff : Number(cutOff),
    ...shares(metrics.meanAveragePrecision, metrics.precision, metrics.recall, metrics.neighbourRecall),
  ]);
  const table = formatTable(['N', 'mAP', 'precision', 'recall', 'neighbour recall'], rows);
  const parts = [`${table}ties: ${ties}, AP over the relevant rows ${OVER[averagePrecision]}\n`];
  parts.push(describeWithin(within));
  if (statistics) parts.push(describeCodes(statistics));
  if (rerank) parts.push(describeRerank(rerank));
  return parts.join('\n');
}

const OVER: Readonly<Record<AveragePrecision, string>> = {
  retrieved: 'retrieved',
  all: 'of the database',
  possible: 'that N rows can hold',
};

/** Hash lookup, then the radii at which another tenth of the relevant rows is found. */
function describeWithin(within: readonly MetricsWithin[]): string {
  let tenths = 0;
  const isShown = ({ radius, recall }: MetricsWithin) => {
    const isNext = Math.floor(recall * 10 + 1e-9) > tenths;
    if (isNext) tenths = Math.floor(recall * 10 + 1e-9);
    return radius <= 2 || isNext;
  };
  const rows = within
    .filter(isShown)
    .map((metrics) => [
      metrics.radius,
      ...shares(
        metrics.precision,
        metrics.pooledPrecision,
        metrics.recall,
        metrics.neighbourRecall,
        metrics.answered,
      ),
      Number(metrics.hits.toPrecision(4)),
    ]);
  const names = ['precision', 'pooled', 'recall', 'neighbour recall', 'answered', 'rows found'];
  return formatTable(['within', ...names], rows);
}

function describeRerank({ k, oversample, neighbourRecall }: RerankEvaluation): string {
  const rows = Object.entries(MODES).map(([mode, name]) => [
    name,
    ...shares(neighbourRecall[mode as RerankMode]),
  ]);
  const table = formatTable(['re-ranking', `neighbour recall ${k}@${k}`], rows);
  return `${table}oversample: ${oversample}\n`;
}

function describeCodes({ quantizationLoss, ...statistics }: EvaluationStatistics): string {
  const losses = Object.entries(quantizationLoss).map(([loss, value]) => [
    `loss, ${loss}`,
    value.toPrecision(4),
  ]);
  return describeStatistics(statistics, Object.fromEntries(losses));
}

function shares(...values: number[]): string[] {
  return values.map((value) => value.toFixed(4));
}
