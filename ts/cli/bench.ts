/** `h2q bench`: how fast this machine is. */

import type { Command } from 'commander';
import type { CodesAre, SearchMethod } from '../backend.js';
import { METHODS } from '../hamming-index.js';
import { CODES_ARE, type HammingMeasurement, measureHamming } from '../measure-hamming.js';
import { info } from '../node/index.js';
import { type Context, print, printJson } from './context.js';
import { examples, oneOf, wholeNumber } from './options.js';
import { withProgress } from './progress.js';
import { formatFacts } from './table.js';

interface Flags {
  bits: number;
  rows: number;
  queries: number;
  k: number;
  threads?: number;
  data: CodesAre;
  method: SearchMethod;
  seed?: number;
  rounds: number;
  json?: boolean;
}

export function addBench(program: Command, context: Context): void {
  program
    .command('bench')
    .description('measure this machine')
    .addHelpText('after', examples('h2q bench hamming'))
    .command('hamming')
    .description('search made-up codes, beside a plain read of the same memory')
    .option('--bits <b>', 'code length, a multiple of 8', wholeNumber('--bits', 8), 64)
    .option('--rows <n>', 'codes to search in', wholeNumber('--rows', 1), 1_000_000)
    .option('--queries <q>', 'codes of a batch', wholeNumber('--queries', 1), 64)
    .option('-k <n>', 'hits per query', wholeNumber('-k', 1, Number.MAX_SAFE_INTEGER), 10)
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--data <name>', 'uniform, clustered (20,000 centres)', oneOf('--data', CODES_ARE), 'uniform')
    .option('--method <name>', 'linear, mih (search tables), auto', oneOf('--method', METHODS), 'linear')
    .option('--seed <n>', 'seed of the codes', wholeNumber('--seed', 0, Number.MAX_SAFE_INTEGER))
    .addHelpText(
      'after',
      examples(
        'h2q bench hamming --bits 64 --rows 10000000',
        'h2q bench hamming --data clustered --method mih --threads 1 --json',
      ),
    )
    .option('--rounds <n>', 'rounds, whose medians count', wholeNumber('--rounds', 1), 11)
    .option('--json', 'print the result as JSON')
    .action((flags: Flags) => runBench(flags, context));
}

async function runBench({ json, ...options }: Flags, context: Context): Promise<void> {
  const { signal } = context;
  const measurement = await withProgress(context, 'measure', options.rounds, (update) =>
    measureHamming({ ...options, signal, onProgress: update }),
  );
  const result = { kernel: info().kernel, ...measurement };
  await (json ? printJson(context, result) : print(context, describe(result)));
}

function describe(result: HammingMeasurement & { kernel: string }): string {
  const { bits, rows, queries, k, threads, rounds, spread } = result;
  const between = ([lowest, highest]: [number, number], scale: number, digits: number) =>
    `(${(lowest * scale).toFixed(digits)} to ${(highest * scale).toFixed(digits)})`;
  const share = (100 * result.singleQueryBytesPerSecond) / result.memoryReadBytesPerSecond;
  return formatFacts({
    codes: `${rows} x ${bits} bits, ${result.data}`,
    search: `${result.method}, kernel ${result.kernel}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, k ${k}`,
    'one query': `${result.singleQueryMilliseconds.toFixed(3)} ms ${between(spread.singleQueryMilliseconds, 1, 3)}`,
    'of the read speed': `${share.toFixed(0)} %`,
    [`${queries} queries`]: `${(result.batchCodesPerSecond / 1e9).toFixed(2)} G codes/s ${between(spread.batchCodesPerSecond, 1e-9, 2)}`,
    'memory read': `${(result.memoryReadBytesPerSecond / 1e9).toFixed(1)} GB/s ${between(spread.memoryReadBytesPerSecond, 1e-9, 1)}`,
    'bytes per code': result.bytesPerCode.toFixed(1),
    ...(result.buildSeconds !== null && { 'tables built in': `${result.buildSeconds.toFixed(2)} s` }),
    rounds,
  });
}
