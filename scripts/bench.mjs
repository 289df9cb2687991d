// `npm run bench -- NAME [--quick] [OPTIONS]`: set-up, then bench/NAME.mjs, which may have options of its own.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './lib/root.mjs';
import { setUp } from './lib/setup.mjs';

const folder = join(root, 'bench');
const name = process.argv[2] ?? '';
if (/^\w+$/.test(name) && existsSync(join(folder, `${name}.mjs`))) {
  await setUp();
  const { run, options } = await import(`../bench/${name}.mjs`);
  process.exitCode = await attempt(run, options);
} else {
  const names = readdirSync(folder).filter((file) => file.endsWith('.mjs'));
  console.error(
    `usage: npm run bench -- NAME [--quick], NAME one of ${names.map((file) => file.slice(0, -4)).join(', ')}`,
  );
  process.exitCode = 1;
}

/**
 * @param {(request: object) => Promise<unknown>} run
 * @param {import('node:util').ParseArgsConfig['options']} options of this bench
 * @returns {Promise<number>} the exit code
 */
async function attempt(run, options) {
  try {
    const known = /** @type {const} */ ({ quick: { type: 'boolean', default: false }, ...options });
    await run(parseArgs({ args: process.argv.slice(3), options: known }).values);
    return 0;
  } catch (error) {
    // What a file or an option has wrong needs no stack.
    const isKnown = error instanceof Error && ('code' in error || error.message.startsWith('--'));
    console.error(isKnown ? error.message : error);
    return 1;
  }
}
