/** `h2q fit`: learns a model from a file of vectors. */

import type { Command } from 'commander';
import type { CoreFitOptions, FitSummary } from '../backend.js';
import { LOSSES, METHODS, SOLVERS } from '../fit.js';
import { fit } from '../node/index.js';
import { platform } from '../platform.js';
import { type Context, print, printJson } from './context.js';
import { namingFiles } from './failures.js';
import { expectDimensions, readWithProgress, shapeOf } from './inputs.js';
import { later, oneOf, onOff, positiveNumber, wholeNumber } from './options.js';
import { sparkline, withProgress } from './progress.js';
import { formatFacts } from './table.js';

interface Flags extends CoreFitOptions {
  output: string;
  validation?: string;
  json?: boolean;
}

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
    .option('--method <name>', `${METHODS.join(', ')} (default: h2q)`, oneOf('--method', METHODS, ['auto']))
    .option('--criterion <name>', 'what --method auto chooses by; in a later release', later('--criterion'))
    .option('--labels <file>', 'labels for --criterion labels; in a later release', later('--labels'))
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
    .option('--center <on|off>', 'subtract the mean (default: on when bits < dimensions)', onOff('--center'))
    .option('--seed <n>', 'seed of every random choice', wholeNumber('--seed', 0, Number.MAX_SAFE_INTEGER))
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print the summary as JSON')
    .action((input: string, flags: Flags) => runFit(input, flags, context));
}

async function runFit(input: string, flags: Flags, context: Context): Promise<void> {
  const { output, validation: validationPath, json, ...options } = flags;
  const { signal } = context;
  const { columns } = await shapeOf(input);
  if (validationPath !== undefined) await expectDimensions(validationPath, columns, input);
  await platform().checkWritable(output);

  const train = await readWithProgress(input, context);
  const validation =
    validationPath === undefined ? undefined : await readWithProgress(validationPath, context);
  const losses: number[] = [];
  const { model, summary } = await withProgress(context, 'fit', options.epochs ?? 1, (update) =>
    namingFiles({ vectors: input, validation: validationPath }, () =>
      fit(train, {
        ...options,
        validation,
        signal,
        onProgress: ({ epoch, plannedEpochs, validationLoss }) => {
          losses.push(validationLoss);
          const note = `| loss ${validationLoss.toFixed(6)} ${sparkline(losses)}`;
          update(epoch, { total: plannedEpochs, note });
        },
      }),
    ),
  );
  signal.throwIfAborted();
  await model.save(output);
  await (json ? printJson(context, summary) : print(context, describe(summary, output)));
}

function describe(summary: FitSummary, output: string): string {
  return formatFacts({
    vectors: `${summary.rows} x ${summary.dimensions}`,
    codes: `${summary.bits} bits`,
    method: summary.method === 'h2q' ? `h2q, ${summary.loss}, ${summary.solver}` : summary.method,
    epochs: summary.epochs,
    'train loss': summary.trainLoss.toFixed(6),
    'validation loss': summary.validationLoss.toFixed(6),
    orthogonality: `max |UᵀU − I| ${summary.orthogonalityError.toExponential(1)}`,
    seconds: summary.seconds.toFixed(2),
    model: output,
  });
}
