/** `h2q convert`: vectors from one format into another. */

import type { Command } from 'commander';
import { type FormatOptions, type VectorFile, withVectorFile } from '../node/index.js';
import { type Context, print, printJson } from './context.js';
import { inputOf } from './inputs.js';
import { addFormatOptions, examples, flagError, formatOptions, VECTORS } from './options.js';
import { withOutput, writeColumn } from './outputs.js';
import { withProgress } from './progress.js';
import { type Writer, writerOf } from './writers.js';

interface Flags extends FormatOptions {
  ids?: string;
  idsOutput?: string;
  json?: boolean;
}

export function addConvert(program: Command, context: Context): void {
  const command = program.command('convert');
  command
    .description('write vectors in another format')
    .argument('<input>', `${VECTORS}; - for standard input`)
    .argument('<output>', 'the .npy (float32), .fbin or .fvecs to write')
    .option('--ids <column>', 'column of whole numbers, in tables, .jsonl and .csv')
    .option('--ids-output <file>', 'the .npy to write them to: int64, one per row')
    .option('--json', 'print rows, columns and outputs as JSON')
    .addHelpText(
      'after',
      examples(
        'h2q convert x.parquet x.npy --column embedding --ids id --ids-output ids.npy',
        'h2q convert glove-25-angular.hdf5 train.fbin --dataset train',
        'cat x.jsonl | h2q convert - x.npy --format jsonl',
      ),
    )
    .action((input: string, output: string, flags: Flags) => runConvert(input, output, flags, context));
  addFormatOptions(command);
}

async function runConvert(input: string, output: string, flags: Flags, context: Context): Promise<void> {
  const { ids, idsOutput, json } = flags;
  if ((ids === undefined) !== (idsOutput === undefined)) {
    throw flagError(
      ids === undefined ? '--ids' : '--ids-output',
      'needed too: --ids and --ids-output go together',
    );
  }
  const writer = writerOf(output);
  const options = { ...formatOptions(flags), ids };
  const convert = async (file: VectorFile) => {
    const rows = await withProgress(
      ...([context, `read ${file.path}`, file.rows] as const),
      (update) => convertRows(file, { writer, output, idsOutput, update }, context),
      'rows',
    );
    return { rows, columns: file.columns };
  };
  const { signal } = context;
  const { rows, columns } = await withVectorFile(inputOf(input, options, context), convert, {
    ...options,
    signal,
  });
  const summary = { rows, columns, output, ...(idsOutput === undefined ? {} : { idsOutput }) };
  await (json ? printJson(context, summary) : print(context, `${rows} x ${columns} float32 → ${output}\n`));
}

interface Job {
  writer: Writer;
  output: string;
  idsOutput: string | undefined;
  update: (rows: number) => void;
}

async function convertRows(file: VectorFile, job: Job, context: Context): Promise<number> {
  const { writer, output, idsOutput, update } = job;
  const { header } = writer;
  const ids: BigInt64Array[] = [];
  const out = { rows: file.rows, header: header && ((rows: number) => header(rows, file.columns)) };
  return withOutput(output, out, context, async (write) => {
    let rows = 0;
    for await (const block of file.matrices(context)) {
      await write(writer.bytes(block));
      if (block.ids) ids.push(block.ids);
      rows = block.firstRow + block.data.length / block.columns;
      update(rows);
    }
    if (idsOutput !== undefined) await writeColumn(idsOutput, 'i8', ids, context);
    return rows;
  });
}
