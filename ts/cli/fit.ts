/** `h2q fit`: learns a model from a file of vectors. */

import type { Command } from 'commander';
import type { Candidate, CoreFitOptions, Criterion, FitSummary, Method } from '../backend.js';
import { CRITERIA, LOSSES, METHODS, SOLVERS } from '../fit.js';
import { countLabels, type LabelsInput, selectLabels } from '../labels.js';
import { fit, readLabels, type SampleOptions, type Vectors } from '../node/index.js';
import { platform } from '../platform.js';
import { type Context, print, printJson } from './context.js';
import { namingFiles } from './failures.js';
import { expectDimensions, mismatch, sampleWithProgress, shapeOf } from './inputs.js';
import { flagError, oneOf, onOff, positiveNumber, wholeNumber } from './options.js';
import { sparkline, withProgress } from './progress.js';
import { formatFacts, formatTable } from './table.js';

interface Flags extends Omit<CoreFitOptions, 'method'> {
  output: string;
  method?: Method | 'auto';
  labels?: string;
  validation?: string;
  validationLabels?: string;
  sample?: number;
  json?: boolean;
}

/** `--sample all`. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;
/** Validation rows judge, they need not be many: those that fit into 32 MiB of float32. */
const VALIDATION_BYTES = 32 * 1024 * 1024;

export function addFit(program: Command, context: Context): void {
  program
    .command('fit')
    .description('learn a model from vectors')
    .argument('<vectors>', 'rows of vectors: .npy (f4, f8, f2), .fvecs, .fbin')
    .requiredOption('-o, --output <model>', 'the model file to write')
    .option(
      '--bits <b>',
      'code length (default: the largest multiple of 8 up to the dimensions)',
      wholeNumber('--bits'),
    )
    .option(
      '--method <name>',
      `${METHODS.join(', ')}, or auto: the best of these (default: h2q)`,
      oneOf('--method', [...METHODS, 'auto']),
    )
    .option(
      '--criterion <name>',
      `what auto chooses by: ${CRITERIA.join(', ')} (default: neighbours; labels where given)`,
      oneOf('--criterion', CRITERIA),
    )
    .option('--labels <file>', 'labels of the vectors, for auto: .npy, u1, i4 or i8')
    .option('--loss <name>', `${LOSSES.join(', ')} (default: bit-variance)`, oneOf('--loss', LOSSES))
    .option(
      '--solver <name>',
      `${SOLVERS.join(', ')} (default: auto; sgd is the paper's)`,
      oneOf('--solver', SOLVERS),
    )
    .option('--epochs <n>', 'largest number of epochs or iterations', wholeNumber('--epochs', 1))
    .option('--learning-rate <r>', 'step size of sgd', positiveNumber('--learning-rate'))
    .option('--batch-size <n>', 'rows per step of sgd', wholeNumber('--batch-size', 1))
    .option('--reflections <m>', 'reflections of sgd (default: the bits)', wholeNumber('--reflections', 1))
    .option('--validation <file>', 'vectors that only judge (default: a tenth of the rows, at most 10,000)')
    .option('--validation-labels <file>', 'their labels, where both --labels and --validation are given')
    .option(
      '--sample <n>',
      'rows to fit to, a uniform sample; or all (default: as many as 128 MiB hold)',
      sampleSize,
    )
    .option('--center <on|off>', 'subtract the mean (default: on when bits < dimensions)', onOff('--center'))
    .option('--seed <n>', 'seed of every random choice', wholeNumber('--seed', 0, Number.MAX_SAFE_INTEGER))
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print the summary as JSON')
    .action((input: string, flags: Flags) => runFit(input, flags, context));
}

async function runFit(input: string, flags: Flags, context: Context): Promise<void> {
  const { output, labels, validation, validationLabels, sample, json, ...options } = flags;
  const { signal } = context;
  const files = { vectors: input, labels, validation, validationLabels };
  if (validationLabels !== undefined && (validation === undefined || labels === undefined)) {
    throw flagError('--validation-labels', 'only beside --validation and --labels');
  }
  const { columns } = await shapeOf(input);
  if (validation !== undefined) await expectDimensions(validation, columns, input);
  await platform().checkWritable(output);

  const { seed } = options;
  const train = await readLabelled(input, labels, { rows: sample, seed }, context);
  const judgeRows = Math.max(1, Math.floor(VALIDATION_BYTES / (4 * columns)));
  const heldOut =
    validation === undefined
      ? undefined
      : await readLabelled(validation, validationLabels, { rows: judgeRows, seed }, context);
  const losses: number[] = [];
  const { model, summary } = await withProgress(context, 'fit', options.epochs ?? 1, (update) =>
    namingFiles(files, () =>
      fit(train.vectors, {
        ...options,
        labels: train.labels,
        validation: heldOut?.vectors,
        validationLabels: heldOut?.labels,
        release: true,
        signal,
        onProgress: ({ method, epoch, plannedEpochs, validationLoss }) => {
          if (epoch === 1) losses.length = 0;
          losses.push(validationLoss);
          const what = options.method === 'auto' ? method : 'loss';
          const note = `| ${what} ${validationLoss.toFixed(6)} ${sparkline(losses)}`;
          update(epoch, { total: plannedEpochs, note });
        },
      }),
    ),
  );
  signal.throwIfAborted();
  await model.save(output);
  const { fileRows } = train;
  const sampledFrom = fileRows === summary.rows ? {} : { sampledFrom: fileRows };
  await (json
    ? printJson(context, { ...summary, ...sampledFrom })
    : print(context, describe(summary, fileRows, output)));
}

interface Labelled {
  vectors: Vectors;
  labels: LabelsInput | undefined;
  /** Rows of the file, of which `vectors` may be a sample. */
  fileRows: number;
}

/** A sample of vectors with the labels of the same rows; the files must have as many rows. */
async function readLabelled(
  path: string,
  labelsPath: string | undefined,
  options: SampleOptions,
  context: Context,
): Promise<Labelled> {
  const { rows: fileRows } = await shapeOf(path);
  const labels = labelsPath === undefined ? undefined : await readLabels(labelsPath);
  if (labelsPath !== undefined && labels !== undefined) {
    const count = countLabels(labels);
    if (count !== fileRows) throw mismatch(labelsPath, 'labels', fileRows, path, count);
  }
  const { vectors, rows } = await sampleWithProgress(path, options, context);
  return { vectors, labels: labels && rows ? selectLabels(labels, rows) : labels, fileRows };
}

function sampleSize(text: string): number {
  if (text === 'all') return ALL_ROWS;
  if (/^[1-9]\d*$/.test(text)) return wholeNumber('--sample', 1)(text);
  throw flagError('--sample', `'${text}' is neither a number of rows nor all`);
}

function describe(summary: FitSummary, fileRows: number, output: string): string {
  const { rows, dimensions, criterion, candidates } = summary;
  const sampled = rows === fileRows ? '' : ` (a sample of ${fileRows} rows)`;
  const facts = formatFacts({
    vectors: `${rows} x ${dimensions}${sampled}`,
    codes: `${summary.bits} bits`,
    method: summary.method === 'h2q' ? `h2q, ${summary.loss}, ${summary.solver}` : summary.method,
    epochs: summary.epochs,
    'train loss': summary.trainLoss.toFixed(6),
    'validation loss': summary.validationLoss.toFixed(6),
    orthogonality: `max |UᵀU − I| ${summary.orthogonalityError.toExponential(1)}`,
    seconds: summary.seconds.toFixed(2),
    model: output,
  });
  return criterion && candidates ? `${compare(summary.method, criterion, candidates)}\n${facts}` : facts;
}

const SCORES: Readonly<Record<Criterion, string>> = {
  loss: 'loss',
  neighbours: 'neighbour recall@100',
  labels: 'label precision@100',
};

function compare(winner: Method, criterion: Criterion, candidates: readonly Candidate[]): string {
  const hasLabels = candidates.some(({ labelPrecision }) => labelPrecision !== undefined);
  const shown = CRITERIA.filter((name) => name !== 'labels' || hasLabels);
  const score = (name: Criterion, candidate: Candidate) => {
    const { validationLoss, neighbourRecall, labelPrecision = 0 } = candidate;
    return { loss: validationLoss, neighbours: neighbourRecall, labels: labelPrecision }[name].toFixed(4);
  };
  const rows = candidates.map((candidate) => [
    candidate.method,
    ...shown.map((name) => score(name, candidate)),
    candidate.method === winner ? `best by ${criterion}` : '',
  ]);
  return formatTable(['method', ...shown.map((name) => SCORES[name]), ''], rows);
}
