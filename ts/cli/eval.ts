/** `h2q eval`: how well codes keep labels and neighbours. */

import type { Command } from 'commander';
import type { Ties } from '../backend.js';
import { TIES } from '../evaluate.js';
import {
  type EvaluationResult,
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
import { addFormatOptions, examples, formatOptions, oneOf, wholeNumber, wholeNumbers } from './options.js';
import { formatTable } from './table.js';

interface Flags extends FormatOptions {
  database: string;
  databaseLabels: string;
  queries: string;
  queryLabels: string;
  at: number[];
  ties: Ties;
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
    .option('--at <n,…>', 'cut-offs', wholeNumbers('--at', 1, Number.MAX_SAFE_INTEGER), [1000, 100])
    .option('--ties <name>', 'expected (mean over all orders), float, id', oneOf('--ties', TIES), 'expected')
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
  const { at, ties, oversample, threads } = flags;
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
  const options = { at, ties, oversample, threads, rerank: true, signal: context.signal };
  const result = await namingFiles({ database, databaseLabels, queries, queryLabels }, () =>
    evaluate({ model, ...vectors, ...labels, ...options }),
  );
  await (json ? printJson(context, result) : print(context, describe(result)));
}

const MODES: Readonly<Record<RerankMode, string>> = {
  hamming: 'none (Hamming)',
  asymmetric: 'asymmetric',
  asymmetricWithFactors: 'asymmetric, factors',
  float: 'float',
};

function describe({ at, ties, rerank }: EvaluationResult): string {
  const rows = Object.entries(at).map(([cutOff, metrics]) => [
    Number(cutOff),
    metrics.meanAveragePrecision.toFixed(4),
    metrics.precision.toFixed(4),
    metrics.recall.toFixed(4),
    metrics.neighbourRecall.toFixed(4),
  ]);
  const table = formatTable(['N', 'mAP', 'precision', 'recall', 'neighbour recall'], rows);
  return `${table}ties: ${ties}\n${rerank ? `\n${describeRerank(rerank)}` : ''}`;
}

function describeRerank({ k, oversample, neighbourRecall }: RerankEvaluation): string {
  const rows = Object.entries(MODES).map(([mode, name]) => [
    name,
    neighbourRecall[mode as RerankMode].toFixed(4),
  ]);
  const table = formatTable(['re-ranking', `neighbour recall ${k}@${k}`], rows);
  return `${table}oversample: ${oversample}\n`;
}
