/** `h2q encode`: the codes of vectors. */

import type { Command } from 'commander';
import { CODE_LAYOUTS, type CodeLayout, layOut, npyTypeOf, packedAs } from '../code-layouts.js';
import { type FormatOptions, Model, type Vectors } from '../node/index.js';
import { type Context, printJson, tell } from './context.js';
import { mapRows } from './map-rows.js';
import { addFormatOptions, examples, formatOptions, oneOf, VECTORS, wholeNumber } from './options.js';

interface Flags extends FormatOptions {
  output: string;
  layout: CodeLayout;
  threads?: number;
  json?: boolean;
}

export function addEncode(program: Command, context: Context): void {
  const command = program.command('encode');
  command
    .description('write the codes of vectors')
    .argument('<model>', 'model file')
    .argument('<vectors>', `${VECTORS}; - for standard input`)
    .requiredOption(
      '-o, --output <file>',
      'the .npy to write, rows x bits / 8; - for the bytes alone to standard output',
    )
    .option(
      '--layout <name>',
      'lsb, faiss: bit j is bit j % 8 of byte j / 8; msb: bit 7 - j % 8; binary: msb less 128, signed; pgvector: text',
      oneOf('--layout', CODE_LAYOUTS),
      'lsb',
    )
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print rows, bits, layout and output as JSON')
    .addHelpText(
      'after',
      examples(
        'h2q encode m.h2q x.npy -o codes.npy',
        'h2q encode m.h2q x.parquet --column embedding -o codes.npy --layout binary',
        'cat x.jsonl | h2q encode m.h2q - --format jsonl -o - --layout pgvector',
      ),
    )
    .action((modelPath: string, input: string, flags: Flags) => runEncode(modelPath, input, flags, context));
  addFormatOptions(command);
}

async function runEncode(modelPath: string, input: string, flags: Flags, context: Context): Promise<void> {
  const { output, layout, threads, json } = flags;
  const { signal } = context;
  const model = await Model.load(modelPath);
  const { dimensions, bits } = model;
  const map = async (block: Vectors) =>
    layOut((await model.encode(block, { layout: packedAs(layout), threads, signal })).data, bits, layout);
  const rows = await mapRows(
    {
      ...{ input, format: formatOptions(flags), output, dimensions, model: modelPath },
      ...{ type: npyTypeOf(layout), columns: bits / 8, map },
    },
    context,
  );
  const summary = { rows, bits, layout, output };
  await (json && output !== '-'
    ? printJson(context, summary)
    : tell(context, output, `${rows} codes of ${bits} bits → ${output}`));
}
