/** `h2q demo`: the main job on real images. */

import type { Command } from 'commander';
import type { Context } from './context.js';
import { examples, wholeNumber } from './options.js';

interface Flags {
  output: string;
  threads?: number;
  json?: boolean;
}

export function addDemo(program: Command, context: Context): void {
  program
    .command('demo')
    .description('learn, encode, search and evaluate 70,000 real images, and write a page to look at')
    .option('-o, --output <file>', 'the page to write', 'demo.html')
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print the measurements as JSON')
    .addHelpText('after', examples('h2q demo', 'h2q demo -o page.html --json'))
    .action(async ({ output, threads, json }: Flags) => {
      // The demo draws and downloads; no other command should load that.
      const { runDemo } = await import('../demo/demo.js');
      await runDemo({ output, json: json ?? false, threads, signal: context.signal });
    });
}
