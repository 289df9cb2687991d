/** `h2q embed`: vectors of pictures or texts, by a network of somebody else. */

import type { Command } from 'commander';
import { loadTransformers } from '../embed/peer.js';
import { PictureEmbedder } from '../embed/pictures.js';
import { POOLINGS, type Pooling } from '../embed/pooling.js';
import { TextEmbedder } from '../embed/texts.js';
import type { Matrix } from '../vectors.js';
import { type Context, printJson, tell } from './context.js';
import { countTexts, labelsOf, type Pictures, picturesOf, textBatches } from './embed-inputs.js';
import { examples, flagError, oneOf, onOff, toFlag, wholeNumber } from './options.js';
import { withOutput, writeColumn, writeLines } from './outputs.js';
import { type Update, withProgress } from './progress.js';
import { bytesOf, type Writer, writerOf } from './writers.js';

interface Flags {
  model: string;
  output: string;
  namesOutput?: string;
  labelsOutput?: string;
  column?: string;
  ids?: string;
  idsOutput?: string;
  network?: string;
  result?: string;
  pooling?: Pooling;
  normalize?: boolean;
  batchSize: number;
  threads?: number;
  json?: boolean;
}

/** Rows that are made a batch at a time. */
interface Source {
  /** Infinity where only the end of the input tells. */
  rows: number;
  batches: AsyncGenerator<Matrix, void>;
  /** Writes what stands beside the rows, once all are made. */
  writeBeside(): Promise<void>;
}

export function addEmbed(program: Command, context: Context): void {
  program
    .command('embed')
    .description('write vectors of pictures or texts, made by a network in a folder (docs/embedding.md)')
    .argument(
      '<input>',
      'a folder of pictures, a picture, or texts as .jsonl; - for texts from standard input',
    )
    .requiredOption('--model <folder>', 'the network with its files, as published for transformers.js')
    .requiredOption('-o, --output <file>', 'the .npy (float32), .fbin or .fvecs to write; - for bytes alone')
    .option('--names-output <file>', 'the text file to write: the names of the pictures, one per row')
    .option('--labels-output <file>', 'the .npy to write: int32, the number of the folder of each picture')
    .option(
      '--column <name>',
      "field of the text, where .jsonl has several (default: 'text', or the only one)",
    )
    .option('--ids <column>', 'field of whole numbers in .jsonl')
    .option('--ids-output <file>', 'the .npy to write them to: int64, one per row')
    .option('--network <file>', 'the .onnx file in the folder (default: the usual one)')
    .option('--result <name>', 'result of the network to take (default: the usual one)')
    .option(
      '--pooling <name>',
      `one row of many tokens: ${POOLINGS.join(', ')} (default: what the folder says)`,
      oneOf('--pooling', POOLINGS),
    )
    .option(
      '--normalize <on|off>',
      'rows of norm 1 (default: what the folder says, else off)',
      onOff('--normalize'),
    )
    .option(
      '--batch-size <n>',
      'rows that go through the network together',
      wholeNumber('--batch-size', 1),
      8,
    )
    .option('--threads <n>', 'threads of the network (default: all)', wholeNumber('--threads', 1))
    .option('--json', 'print rows, columns and outputs as JSON')
    .addHelpText(
      'after',
      examples(
        'h2q embed photos --model dinov2-small -o x.npy --names-output names.txt',
        'h2q embed query.jpg --model dinov2-small -o query.npy',
        'h2q embed texts.jsonl --model all-MiniLM-L6-v2 -o x.npy --column title --ids id --ids-output ids.npy',
      ),
    )
    .action((input: string, flags: Flags) => runEmbed(input, flags, context));
}

async function runEmbed(input: string, flags: Flags, context: Context): Promise<void> {
  const { output, namesOutput, labelsOutput, ids, idsOutput, json } = flags;
  if ((ids === undefined) !== (idsOutput === undefined)) {
    const missing = ids === undefined ? '--ids' : '--ids-output';
    throw flagError(missing, 'needed too: --ids and --ids-output go together');
  }
  const writer = output === '-' ? { bytes: bytesOf } : writerOf(output);
  const pictures = await picturesOf(input);
  refuseForeign(flags, pictures !== undefined);
  const { env, LogLevel } = await loadTransformers();
  // What goes wrong comes as an error, in one line.
  env.logLevel = LogLevel.NONE;
  const embed = async (source: Source) =>
    withProgress(
      ...([context, `embed ${input}`, source.rows] as const),
      (update) => writeRows(source, writer, output, update, context),
      'rows',
    );
  const { rows, columns } = await (pictures
    ? withPictures(pictures, flags, context, embed)
    : withTexts(input, flags, context, embed));
  const summary = { rows, columns, output, namesOutput, labelsOutput, idsOutput };
  await (json && output !== '-'
    ? printJson(context, summary)
    : tell(context, output, `${rows} x ${columns} float32 → ${output}`));
}

/** Throws INVALID_OPTION for flags that mean nothing for what is read. */
function refuseForeign(flags: Flags, isPictures: boolean): void {
  const foreign = isPictures ? (['column', 'ids'] as const) : (['namesOutput', 'labelsOutput'] as const);
  const flag = foreign.find((name) => flags[name] !== undefined);
  if (flag === undefined) return;
  throw flagError(toFlag(flag), `${isPictures ? 'pictures' : 'texts'} have none`);
}

async function withPictures<T>(
  pictures: Pictures,
  flags: Flags,
  context: Context,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const { paths, names } = pictures;
  const { namesOutput, labelsOutput, batchSize } = flags;
  const labels = labelsOutput === undefined ? undefined : labelsOf(pictures);
  const broken = namesOutput === undefined ? undefined : names.find((name) => /[\r\n]/.test(name));
  if (broken !== undefined)
    throw flagError('--names-output', `${JSON.stringify(broken)} is more than a line`);
  const embedder = await PictureEmbedder.load(flags.model, flags);
  async function* batches() {
    for (let start = 0; start < paths.length; start += batchSize) {
      yield await embedder.embed(paths.slice(start, start + batchSize), context);
    }
  }
  const writeBeside = async () => {
    if (namesOutput !== undefined) await writeLines(namesOutput, names, context);
    if (labelsOutput !== undefined && labels) await writeColumn(labelsOutput, 'i4', [labels], context);
  };
  try {
    return await use({ rows: paths.length, batches: batches(), writeBeside });
  } finally {
    await embedder.close();
  }
}

async function withTexts<T>(
  input: string,
  flags: Flags,
  context: Context,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const { idsOutput, batchSize } = flags;
  const rows = await countTexts(input);
  const embedder = await TextEmbedder.load(flags.model, flags);
  const ids: BigInt64Array[] = [];
  async function* batches() {
    for await (const batch of textBatches(input, flags, batchSize, context)) {
      if (batch.ids) ids.push(batch.ids);
      yield await embedder.embed(batch.texts, context);
    }
  }
  const writeBeside = async () => {
    if (idsOutput !== undefined) await writeColumn(idsOutput, 'i8', ids, context);
  };
  try {
    return await use({ rows, batches: batches(), writeBeside });
  } finally {
    await embedder.close();
  }
}

/** Writes the rows as they are made; the first batch tells how many columns there are. */
async function writeRows(
  source: Source,
  { header, bytes }: Writer,
  output: string,
  update: Update,
  context: Context,
): Promise<{ rows: number; columns: number }> {
  const first = await source.batches.next();
  const { columns } = first.value as Matrix;
  const out = { rows: source.rows, header: header && ((rows: number) => header(rows, columns)) };
  const rows = await withOutput(output, out, context, async (write) => {
    let rows = 0;
    for (let next = first; !next.done; next = await source.batches.next()) {
      await write(bytes(next.value));
      rows += next.value.data.length / columns;
      update(rows);
      context.signal.throwIfAborted();
    }
    await source.writeBeside();
    return rows;
  });
  return { rows, columns };
}
