/** `h2q convert`: vectors from one format into another. */

import type { Command } from 'commander';
import { H2qError } from '../errors.js';
import type { MatrixBlock } from '../io/vector-file.js';
import { type FormatOptions, npyHeader, type VectorFile, withVectorFile, writeFile } from '../node/index.js';
import { type Context, print, printJson } from './context.js';
import { inputOf } from './inputs.js';
import { addFormatOptions, examples, flagError, formatOptions, VECTORS } from './options.js';
import { withOutput } from './outputs.js';
import { withProgress } from './progress.js';

interface Flags extends FormatOptions {
  ids?: string;
  idsOutput?: string;
  json?: boolean;
}

/** A format that is written: what comes before all rows, and the bytes of some. */
interface Writer {
  header?: (rows: number, columns: number) => Uint8Array;
  bytes(block: MatrixBlock): Uint8Array;
}

const WRITERS: Readonly<Record<string, Writer>> = {
  npy: { header: (rows, columns) => npyHeader('f4', [rows, columns]), bytes: bytesOf },
  fbin: { header: (rows, columns) => bytesOf({ data: new Uint32Array([rows, columns]) }), bytes: bytesOf },
  fvecs: { bytes: countedRows },
};

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
  const { rows, columns } = await withVectorFile(inputOf(input, options, context), convert, options);
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
    if (idsOutput !== undefined) await writeIds(idsOutput, ids, rows, context);
    return rows;
  });
}

function writeIds(path: string, ids: BigInt64Array[], rows: number, { signal }: Context): Promise<void> {
  const fill = async (file: { write(bytes: Uint8Array): Promise<void> }) => {
    await file.write(npyHeader('i8', [rows]));
    for (const data of ids) await file.write(bytesOf({ data }));
  };
  return writeFile(path, fill, signal);
}

function writerOf(output: string): Writer {
  const ending = output.match(/\.([^./\\]*)$/)?.[1]?.toLowerCase() ?? '';
  const writer = WRITERS[ending];
  if (writer) return writer;
  const known = Object.keys(WRITERS).map((name) => `.${name}`);
  throw new H2qError('FILE_FORMAT', `${output}: vectors are written to ${known.join(', ')}`, {
    details: { file: output },
  });
}

function bytesOf({ data }: { data: ArrayBufferView }): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Rows of `.fvecs`: each begins with its dimensions. */
function countedRows({ data, columns }: MatrixBlock): Uint8Array {
  const rows = data.length / columns;
  const out = new Float32Array(rows * (columns + 1));
  const counts = new Uint32Array(out.buffer);
  for (let row = 0; row < rows; row++) {
    counts[row * (columns + 1)] = columns;
    out.set(data.subarray(row * columns, (row + 1) * columns), row * (columns + 1) + 1);
  }
  return bytesOf({ data: out });
}
