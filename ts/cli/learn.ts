/** `h2q learn`: stage one, embeddings from vectors and labels. */

import type { Command } from 'commander';
import type { LearnReport } from '../backend.js';
import { writeFile } from '../io/files.js';
import { checkLearnOptions, type LearnSyncOptions, PENALTIES, SIMILARITY_LOSSES } from '../learn.js';
import { type FormatOptions, learn, type Model } from '../node/index.js';
import { platform } from '../platform.js';
import { type Context, note, print, printJson } from './context.js';
import { namingFiles } from './failures.js';
import { expectDimensions, shapeOf } from './inputs.js';
import { expectSameLabels, type LabelledFile, readIfThere, readLabelled } from './labelled.js';
import {
  addFormatOptions,
  examples,
  flagError,
  formatOptions,
  hiddenSizes,
  oneOf,
  positiveNumber,
  VECTORS,
  wholeNumber,
  withoutFormat,
} from './options.js';
import { sparkline, withProgress } from './progress.js';
import { formatFacts } from './table.js';

interface Flags
  extends Omit<LearnSyncOptions, 'labels' | 'validation' | 'validationLabels' | 'resume' | 'onProgress'>,
    FormatOptions {
  output: string;
  labels: string;
  validation?: string;
  validationLabels?: string;
  checkpoint?: string;
  json?: boolean;
}

export function addLearn(program: Command, context: Context): void {
  const command = program.command('learn');
  command
    .description('learn embeddings from vectors and labels, to be turned by h2q fit --head')
    .argument('<vectors>', VECTORS)
    .requiredOption('-o, --output <model>', 'the model file to write')
    .requiredOption(
      '--labels <file>',
      'labels of the vectors: .npy, u1, i4 or i8, or rows x classes of 0 and 1',
    )
    .option(
      '--bits <b>',
      'dimensions of the embedding, length of the codes (default: 64)',
      wholeNumber('--bits'),
    )
    .option(
      '--loss <name>',
      `${SIMILARITY_LOSSES.join(', ')} (default: cel)`,
      oneOf('--loss', SIMILARITY_LOSSES),
    )
    .option('--hidden <sizes>', 'dimensions of the hidden layers, or none (default: 512,512)', hiddenSizes)
    .option('--epochs <n>', 'largest number of epochs (default: 60)', wholeNumber('--epochs', 1))
    .option('--batch-size <n>', 'rows per step (default: 128)', wholeNumber('--batch-size', 2))
    .option(
      '--learning-rate <r>',
      'of Adam, at the start (default: 0.001)',
      positiveNumber('--learning-rate'),
    )
    .option('--weight-decay <r>', 'decay of the weights (default: 0.0005)', number('--weight-decay'))
    .option('--dropout <share>', 'share of hidden values left out (default: 0)', number('--dropout'))
    .option(
      '--penalty <name>',
      `quantization penalty, for baselines: ${PENALTIES.join(', ')} (default: none)`,
      oneOf('--penalty', PENALTIES),
    )
    .option(
      '--penalty-weight <λ>',
      'its factor (default: 0.01 for l2, 0.1 for hswd)',
      number('--penalty-weight'),
    )
    .option('--continuation', "HashNet's: train on ever sharper tanh")
    .option(
      '--patience <n>',
      'epochs without a better one before the end (default: 20)',
      wholeNumber('--patience', 1),
    )
    .option('--validation <file>', 'vectors that only judge (default: a tenth of the rows, at most 10,000)')
    .option('--validation-labels <file>', 'their labels')
    .option('--checkpoint <file>', 'keeps the state there, and goes on from it where the file exists')
    .option('--seed <n>', 'seed of every random choice', wholeNumber('--seed', 0, Number.MAX_SAFE_INTEGER))
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print the summary as JSON')
    .addHelpText(
      'after',
      examples(
        'h2q learn x.npy --labels y.npy -o learnt.h2q --bits 32',
        'h2q fit x.npy --head learnt.h2q -o m.h2q',
        'h2q learn x.npy --labels y.npy -o learnt.h2q --loss hyp2 --checkpoint state.bin',
      ),
    )
    .action((input: string, flags: Flags) => runLearn(input, flags, context));
  addFormatOptions(command);
}

async function runLearn(input: string, flags: Flags, context: Context): Promise<void> {
  const format = formatOptions(flags);
  const { output, labels, validation, validationLabels, checkpoint, json, ...rest } = flags;
  const options = withoutFormat(rest);
  const { signal } = context;
  const files = { vectors: input, labels, validation, validationLabels };
  if (checkpoint === output) throw flagError('--checkpoint', `${output} is the model's own file`);
  const { columns } = await checkFiles(files, format);
  await namingFiles({ vectors: input }, async () => checkLearnOptions({ ...options, ...files }, columns));
  for (const path of [output, checkpoint]) if (path !== undefined) await platform().checkWritable(path);

  const all = { rows: Number.MAX_SAFE_INTEGER, ...format };
  const train = await readLabelled(input, labels, all, context);
  const judges =
    validation === undefined ? undefined : await readLabelled(validation, validationLabels, all, context);
  const resume = checkpoint === undefined ? undefined : await readIfThere(checkpoint);
  if (resume) note(context, `${checkpoint}: going on from there`);

  const precisions: number[] = [];
  const states = new LatestFile(checkpoint);
  const { model, history } = await withProgress(context, 'learn', options.epochs ?? 60, (update) =>
    namingFiles({ ...files, resume: checkpoint }, () =>
      learn(train.vectors, {
        ...options,
        // What `expectLabels` has seen is there.
        labels: train.labels as LearnSyncOptions['labels'],
        validation: judges?.vectors,
        validationLabels: judges?.labels,
        resume,
        checkpointEvery: checkpoint === undefined ? undefined : 1,
        signal,
        onProgress: ({ epoch, plannedEpochs, meanAveragePrecision, checkpoint: state }) => {
          precisions.push(meanAveragePrecision);
          const shown = `| mAP ${meanAveragePrecision.toFixed(4)} ${sparkline(precisions)}`;
          update(epoch, { total: plannedEpochs, note: shown });
          if (state) states.write(state);
        },
      }),
    ),
  );
  signal.throwIfAborted();
  // First what was learnt: the state is of no use beside it.
  await model.save(output);
  await states.settled();
  await (json
    ? printJson(context, { ...model.summary.head, ...shapeOfModel(model), history })
    : print(context, describe(model, history, output)));
}

/** A file of which the last contents count: while one is being written, of those that come only the newest waits. */
class LatestFile {
  readonly #path: string | undefined;
  #next: Uint8Array | undefined;
  #writing: Promise<void> | undefined;
  #failure: unknown;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Throws what went wrong with what came before. */
  write(bytes: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#next = bytes;
    this.#writing ??= this.#run();
  }

  async settled(): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #run(): Promise<void> {
    try {
      while (this.#next && this.#path !== undefined) {
        const bytes = this.#next;
        this.#next = undefined;
        await writeFile(this.#path, (file) => file.write(bytes));
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#writing = undefined;
  }
}

type Files = Partial<Record<'validation' | 'validationLabels', string | undefined>> &
  Record<'vectors' | 'labels', string>;

/** Everything that headers tell, before anything is read. */
async function checkFiles({ vectors, labels, validation, validationLabels }: Files, format: FormatOptions) {
  const shape = await shapeOf(vectors, format);
  const judges: LabelledFile[] = [];
  if (validation !== undefined && validationLabels !== undefined) {
    const judgeShape = await expectDimensions(validation, shape.columns, vectors, format);
    judges.push({ vectors: validation, shape: judgeShape, labels: validationLabels });
  }
  await expectSameLabels({ vectors, shape, labels }, ...judges);
  return shape;
}

function shapeOfModel({ dimensions, bits, summary }: Model) {
  return { dimensions, bits, seconds: summary.seconds };
}

function describe(model: Model, history: readonly LearnReport[], output: string): string {
  const { head, seconds } = model.summary;
  const last = history.at(-1);
  return formatFacts({
    vectors: `${head?.rows} x ${model.dimensions}`,
    embeddings: `${model.bits} dimensions`,
    loss: head?.penalty === 'none' ? head.loss : `${head?.loss} + ${head?.penaltyWeight} ${head?.penalty}`,
    epochs: `${head?.epochs}`,
    ...(last && { 'train loss': last.trainLoss.toFixed(6) }),
    'float mAP@1000': `${head?.meanAveragePrecision.toFixed(4)} of the validation rows`,
    seconds: (seconds ?? 0).toFixed(2),
    model: output,
  });
}

function number(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (value >= 0 && Number.isFinite(value)) return value;
    throw flagError(flag, `'${text}' is not a number of at least 0`);
  };
}
