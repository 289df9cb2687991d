/** `h2q encode`: the codes of vectors. */

import type { Command } from 'commander';
import type { Layout } from '../backend.js';
import { LAYOUTS } from '../codes.js';
import { Model, type Vectors } from '../node/index.js';
import { type Context, print, printJson } from './context.js';
import { mapRows } from './map-rows.js';
import { oneOf, wholeNumber } from './options.js';

interface Flags {
  output: string;
  layout: Layout;
  threads?: number;
  json?: boolean;
}

export function addEncode(program: Command, context: Context): void {
  program
    .command('encode')
    .description('write the codes of vectors')
    .argument('<model>', 'model file')
    .argument('<vectors>', 'rows of vectors: .npy (f4, f8, f2), .fvecs, .fbin')
    .requiredOption('-o, --output <file>', 'the .npy to write: uint8, rows x bits / 8')
    .option(
      '--layout <name>',
      'lsb: bit j is bit j % 8 of byte j / 8; msb: bit 7 - j % 8',
      oneOf('--layout', LAYOUTS),
      'lsb',
    )
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print rows, bits, layout and output as JSON')
    .action((modelPath: string, input: string, flags: Flags) => runEncode(modelPath, input, flags, context));
}

async function runEncode(modelPath: string, input: string, flags: Flags, context: Context): Promise<void> {
  const { output, layout, threads, json } = flags;
  const { signal } = context;
  const model = await Model.load(modelPath);
  const { dimensions, bits } = model;
  const map = async (block: Vectors) => (await model.encode(block, { layout, threads, signal })).data;
  const job = { input, output, dimensions, model: modelPath, type: 'u1', columns: bits / 8, map } as const;
  const rows = await mapRows(job, context);
  const summary = { rows, bits, layout, output };
  await (json ? printJson(context, summary) : print(context, `${rows} codes of ${bits} bits → ${output}\n`));
}
