/** `h2q transform`: the rotated vectors before the sign. */

import type { Command } from 'commander';
import { Model, type Vectors } from '../node/index.js';
import { type Context, print, printJson } from './context.js';
import { mapRows } from './map-rows.js';
import { wholeNumber } from './options.js';

interface Flags {
  output: string;
  threads?: number;
  json?: boolean;
}

export function addTransform(program: Command, context: Context): void {
  program
    .command('transform')
    .description('write the rotated vectors before the sign')
    .argument('<model>', 'model file')
    .argument('<vectors>', 'rows of vectors: .npy (f4, f8, f2), .fvecs, .fbin')
    .requiredOption('-o, --output <file>', 'the .npy to write: float32, rows x bits')
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print rows, bits and output as JSON')
    .action((modelPath: string, input: string, flags: Flags) =>
      runTransform(modelPath, input, flags, context),
    );
}

async function runTransform(modelPath: string, input: string, flags: Flags, context: Context): Promise<void> {
  const { output, threads, json } = flags;
  const { signal } = context;
  const model = await Model.load(modelPath);
  const { dimensions, bits } = model;
  const map = async (block: Vectors) => (await model.transform(block, { threads, signal })).data;
  const job = { input, output, dimensions, model: modelPath, type: 'f4', columns: bits, map } as const;
  const rows = await mapRows(job, context);
  await (json
    ? printJson(context, { rows, bits, output })
    : print(context, `${rows} x ${bits} float32 → ${output}\n`));
}
