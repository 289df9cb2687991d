/** `h2q transform`: the rotated vectors before the sign. */

import type { Command } from 'commander';
import { type FormatOptions, Model, type Vectors } from '../node/index.js';
import { type Context, printJson, tell } from './context.js';
import { mapRows } from './map-rows.js';
import { addFormatOptions, examples, formatOptions, VECTORS, wholeNumber } from './options.js';

interface Flags extends FormatOptions {
  output: string;
  threads?: number;
  json?: boolean;
}

export function addTransform(program: Command, context: Context): void {
  const command = program.command('transform');
  command
    .description('write the rotated vectors before the sign')
    .argument('<model>', 'model file')
    .argument('<vectors>', `${VECTORS}; - for standard input`)
    .requiredOption('-o, --output <file>', 'the .npy to write: float32, rows x bits')
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print rows, bits and output as JSON')
    .addHelpText(
      'after',
      examples(
        'h2q transform m.h2q x.npy -o rotated.npy',
        'h2q transform m.h2q x.parquet --column embedding -o rotated.npy',
      ),
    )
    .action((modelPath: string, input: string, flags: Flags) =>
      runTransform(modelPath, input, flags, context),
    );
  addFormatOptions(command);
}

async function runTransform(modelPath: string, input: string, flags: Flags, context: Context): Promise<void> {
  const { output, threads, json } = flags;
  const { signal } = context;
  const model = await Model.load(modelPath);
  const { dimensions, bits } = model;
  const map = async (block: Vectors) => (await model.transform(block, { threads, signal })).data;
  const format = formatOptions(flags);
  const job = {
    input,
    format,
    output,
    dimensions,
    model: modelPath,
    type: 'f4',
    columns: bits,
    map,
  } as const;
  const rows = await mapRows(job, context);
  await (json && output !== '-'
    ? printJson(context, { rows, bits, output })
    : tell(context, output, `${rows} x ${bits} float32 → ${output}`));
}
