/** The program with all its commands. */

import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addBench } from './bench.js';
import { addCompare } from './compare.js';
import { addCompletion } from './completion.js';
import type { Context } from './context.js';
import { addConvert } from './convert.js';
import { addDemo } from './demo.js';
import { addEmbed } from './embed.js';
import { addEncode } from './encode.js';
import { addEval } from './eval.js';
import { EXIT, failureOf } from './failures.js';
import { addFit } from './fit.js';
import { addIndex } from './index-files.js';
import { addInspect } from './inspect.js';
import { addLearn } from './learn.js';
import { examples } from './options.js';
import { addSearch } from './search.js';
import { addTransform } from './transform.js';

/** Runs one command line (without `node` and the script) and returns the exit code. Never rejects. */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  try {
    await createProgram(context).parseAsync(argv, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    const { exitCode, message } = failureOf(error, context.signal);
    if (message) context.stderr.write(`${message}\n`);
    return exitCode;
  }
}

/** All commands, for one run. */
export function createProgram(context: Context): Command {
  const { version } = createRequire(import.meta.url)('../../package.json');
  const program = new Command('h2q')
    .description('Binary codes for embeddings: learn a rotation, keep the signs, search by Hamming distance.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      // Errors are thrown (exitOverride) and told by `run`.
      outputError: () => {},
    })
    .addHelpText(
      'after',
      examples(
        'h2q fit embeddings.npy -o model.h2q --bits 64',
        'h2q encode model.h2q embeddings.npy -o codes.npy',
        'h2q search codes.npy codes.npy -k 10',
        'h2q fit --help',
      ),
    )
    .addHelpText('after', '\nExit codes: 0 done, 1 bad input or usage, 2 internal error, 130 interrupted.');
  addEmbed(program, context);
  addLearn(program, context);
  addFit(program, context);
  addTransform(program, context);
  addEncode(program, context);
  addSearch(program, context);
  addIndex(program, context);
  addEval(program, context);
  addCompare(program, context);
  addConvert(program, context);
  addInspect(program, context);
  addBench(program, context);
  addDemo(program, context);
  addCompletion(program, context);
  return program;
}
