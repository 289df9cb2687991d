/** `h2q fit`: learns a model from a file of vectors. */

import type { Command } from 'commander';
import type { Candidate, CoreFitOptions, Criterion, FitSummary, Method } from '../backend.js';
import {
  CRITERIA,
  checkFitOptions,
  METHODS,
  OBJECTIVES,
  PROJECTIONS,
  SOLVERS,
  toCoreOptions,
} from '../fit.js';
import { Model } from '../model.js';
import { type FormatOptions, fit } from '../node/index.js';
import { platform } from '../platform.js';
import { type Context, note, print, printJson } from './context.js';
import { namingFiles } from './failures.js';
import { expectDimensions, type Shape, shapeOf } from './inputs.js';
import { expectSameLabels, readLabelled } from './labelled.js';
import {
  addFormatOptions,
  examples,
  flagError,
  formatOptions,
  oneOf,
  onOff,
  positiveNumber,
  VECTORS,
  wholeNumber,
  withoutFormat,
} from './options.js';
import { sparkline, withProgress } from './progress.js';
import { formatFacts, formatTable } from './table.js';

interface Flags extends Omit<CoreFitOptions, 'method'>, FormatOptions {
  output: string;
  head?: string;
  method?: Method | 'auto';
  labels?: string;
  validation?: string;
  validationLabels?: string;
  sample?: number;
  json?: boolean;
}

/** `--sample all`. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;
/** Validation rows judge, they need not be many: unless all rows were asked for, those that fit into 32 MiB. */
const VALIDATION_BYTES = 32 * 1024 * 1024;

export function addFit(program: Command, context: Context): void {
  const command = program.command('fit');
  command
    .description('learn a model from vectors')
    .argument('<vectors>', VECTORS)
    .requiredOption('-o, --output <model>', 'the model file to write')
    .option('--head <model>', 'the model of h2q learn whose head the vectors pass first')
    .option(
      '--bits <b>',
      'code length (default: the largest multiple of 8 up to the dimensions)',
      wholeNumber('--bits'),
    )
    .option(
      '--method <name>',
      `${METHODS.join(', ')}, or auto: the best of these, by neighbours also h2q with that loss (default: h2q)`,
      oneOf('--method', [...METHODS, 'auto']),
    )
    .option(
      '--criterion <name>',
      `what auto chooses by: ${CRITERIA.join(', ')} (default: neighbours; labels where given)`,
      oneOf('--criterion', CRITERIA),
    )
    .option('--labels <file>', 'labels of the vectors, for auto: .npy, u1, i4 or i8')
    .option('--loss <name>', `${OBJECTIVES.join(', ')} (default: bit-variance)`, oneOf('--loss', OBJECTIVES))
    .option(
      '--projection <name>',
      `${PROJECTIONS.join(' or ')}; learned by the loss neighbours alone (default: learned for that, else pca)`,
      oneOf('--projection', PROJECTIONS),
    )
    .option(
      '--solver <name>',
      `${SOLVERS.join(', ')} (default: auto; sgd is the paper's)`,
      oneOf('--solver', SOLVERS),
    )
    .option(
      '--epochs <n>',
      'largest number of epochs or iterations; of the loss neighbours, of 20 steps each',
      wholeNumber('--epochs', 1),
    )
    .option('--learning-rate <r>', 'step size of sgd', positiveNumber('--learning-rate'))
    .option('--batch-size <n>', 'rows per step of sgd', wholeNumber('--batch-size', 1))
    .option('--reflections <m>', 'reflections of sgd (default: the bits)', wholeNumber('--reflections', 1))
    .option('--validation <file>', 'vectors that only judge (default: a tenth of the rows, at most 10,000)')
    .option('--validation-labels <file>', 'their labels, where both --labels and --validation are given')
    .option(
      '--sample <n>',
      'rows to fit to, a uniform sample; or all, to judge by as well (default: as many as 128 MiB hold, and 32 MiB of --validation)',
      sampleSize,
    )
    .option(
      '--center <on|off>',
      'subtract the mean (default: on when bits < dimensions; for the loss neighbours as the data need it)',
      onOff('--center'),
    )
    .option('--seed <n>', 'seed of every random choice', wholeNumber('--seed', 0, Number.MAX_SAFE_INTEGER))
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      examples(
        'h2q fit x.npy -o m.h2q --bits 64',
        'h2q fit x.parquet --column embedding -o m.h2q',
        'h2q fit x.npy -o m.h2q --method auto --labels y.npy',
        'h2q fit x.npy -o m.h2q --head learnt.h2q',
      ),
    )
    .action((input: string, flags: Flags) => runFit(input, flags, context));
  addFormatOptions(command);
}

async function runFit(input: string, flags: Flags, context: Context): Promise<void> {
  const format = formatOptions(flags);
  const { output, head: headFile, labels, validation, validationLabels, sample, json, ...rest } = flags;
  const options = withoutFormat(rest);
  const { signal } = context;
  const files = { vectors: input, labels, validation, validationLabels, head: headFile };
  const head = headFile === undefined ? undefined : await Model.load(headFile);
  const train = await checkInputs(files, { ...options, head }, format);
  await platform().checkWritable(output);

  const { seed } = options;
  const { vectors, ...fitted } = await readLabelled(
    input,
    labels,
    { rows: sample, seed, ...format },
    context,
  );
  const judgeRows =
    sample === ALL_ROWS ? ALL_ROWS : Math.max(1, Math.floor(VALIDATION_BYTES / (4 * train.columns)));
  const judges =
    validation === undefined
      ? undefined
      : await readLabelled(validation, validationLabels, { rows: judgeRows, seed, ...format }, context);
  const judged = judges && { rows: judges.vectors.rows, fileRows: judges.fileRows };
  if (judged && judged.rows < judged.fileRows) {
    const part = `a sample of ${judged.rows} of its ${judged.fileRows} rows judges`;
    note(context, `${validation}: ${part}; --sample all takes all rows of all files`);
  }
  const losses: number[] = [];
  const { model, summary } = await withProgress(context, 'fit', options.epochs ?? 1, (update) =>
    namingFiles(files, () =>
      fit(vectors, {
        ...options,
        head,
        labels: fitted.labels,
        validation: judges?.vectors,
        validationLabels: judges?.labels,
        release: true,
        signal,
        onProgress: ({ method, loss, epoch, epochsDone, plannedEpochs, validationLoss }) => {
          if (epoch === 1) losses.length = 0;
          losses.push(validationLoss);
          const what = options.method === 'auto' ? nameOf({ method, loss }) : 'loss';
          const note = `| ${what} ${validationLoss.toFixed(6)} ${sparkline(losses)}`;
          update(epochsDone, { total: plannedEpochs, note });
        },
      }),
    ),
  );
  signal.throwIfAborted();
  await model.save(output);
  if (isUndecided(summary)) {
    note(context, `all methods are equal by ${summary.criterion}: the lowest loss decided`);
  }
  const sampled = {
    ...(fitted.fileRows === summary.rows ? {} : { sampledFrom: fitted.fileRows }),
    ...(!judged || judged.rows === judged.fileRows
      ? {}
      : { validationRows: judged.rows, validationSampledFrom: judged.fileRows }),
  };
  await (json
    ? printJson(context, { ...summary, ...sampled })
    : print(context, describe(summary, sampled, output)));
}

type Files = Partial<Record<'labels' | 'validation' | 'validationLabels' | 'head', string | undefined>> & {
  vectors: string;
};

/** Everything that options and headers tell, before anything is read. Returns the shape of the vectors. */
async function checkInputs(
  files: Files,
  options: Omit<CoreFitOptions, 'method'> & { head: Model | undefined },
  format: FormatOptions,
): Promise<Shape> {
  const { vectors, labels, validation, validationLabels } = files;
  const request = { ...options, labels, validation, validationLabels };
  toCoreOptions(request);
  const shape = await shapeOf(vectors, format);
  const { head } = files;
  await namingFiles({ vectors, head }, async () => checkFitOptions(request, shape.columns));
  const judges =
    validation === undefined ? shape : await expectDimensions(validation, shape.columns, vectors, format);
  if (labels === undefined) return shape;

  const judge =
    validation !== undefined && validationLabels !== undefined
      ? [{ vectors: validation, shape: judges, labels: validationLabels }]
      : [];
  await expectSameLabels({ vectors, shape, labels }, ...judge);
  return shape;
}

function sampleSize(text: string): number {
  if (text === 'all') return ALL_ROWS;
  if (/^[1-9]\d*$/.test(text)) return wholeNumber('--sample', 1)(text);
  throw flagError('--sample', `'${text}' is neither a number of rows nor all`);
}

/** Where not all rows of a file were used. */
interface Sampled {
  sampledFrom?: number;
  validationRows?: number;
  validationSampledFrom?: number;
}

function describe(summary: FitSummary, sampled: Sampled, output: string): string {
  const { rows, dimensions, criterion, candidates } = summary;
  const shape = (count: number | undefined, fileRows: number | undefined) =>
    `${count} x ${dimensions}${fileRows === undefined ? '' : ` (a sample of ${fileRows} rows)`}`;
  const { sampledFrom, validationRows, validationSampledFrom } = sampled;
  const facts = formatFacts({
    vectors: shape(rows, sampledFrom),
    ...(validationRows === undefined ? {} : { validation: shape(validationRows, validationSampledFrom) }),
    codes: `${summary.bits} bits`,
    method: summary.method === 'h2q' ? `h2q, ${summary.loss}, ${summary.solver}` : summary.method,
    epochs: summary.epochs,
    'train loss': summary.trainLoss.toFixed(6),
    'validation loss': summary.validationLoss.toFixed(6),
    orthogonality: `max |UᵀU − I| ${summary.orthogonalityError.toExponential(1)}`,
    seconds: summary.seconds.toFixed(2),
    model: output,
  });
  return criterion && candidates ? `${compare(summary, criterion, candidates)}\n${facts}` : facts;
}

const SCORES: Readonly<Record<Criterion, string>> = {
  loss: 'loss',
  neighbours: 'neighbour recall@100',
  labels: 'label precision@100',
};

function scoreOf(criterion: Criterion, candidate: Candidate): number {
  const { validationLoss, neighbourRecall, labelPrecision = 0 } = candidate;
  return { loss: validationLoss, neighbours: neighbourRecall, labels: labelPrecision }[criterion];
}

/** Methods by name; of `h2q` there are two where neighbours are the criterion. */
function nameOf({ method, loss }: Pick<Candidate, 'method' | 'loss'>): string {
  return loss === 'neighbours' ? `${method}, ${loss}` : method;
}

/** Whether the criterion tells no method from any other. */
function isUndecided({ criterion, candidates = [] }: FitSummary): boolean {
  return criterion !== undefined && new Set(candidates.map((one) => scoreOf(criterion, one))).size === 1;
}

function compare(summary: FitSummary, criterion: Criterion, candidates: readonly Candidate[]): string {
  const [first] = candidates;
  const hasLabels = candidates.some(({ labelPrecision }) => labelPrecision !== undefined);
  const shown = CRITERIA.filter((name) => name !== 'labels' || hasLabels);
  const verdict = isUndecided(summary)
    ? `lowest loss, all being equal by ${criterion}`
    : `best by ${criterion}`;
  const rows = candidates.map((candidate) => [
    nameOf(candidate),
    ...shown.map((name) => scoreOf(name, candidate).toFixed(4)),
    candidate.method === summary.method && candidate.loss === summary.loss ? verdict : '',
  ]);
  const titles = shown.map((name) => (name === 'loss' ? `${first?.loss} ${SCORES.loss}` : SCORES[name]));
  return formatTable(['method', ...titles, ''], rows);
}
