// `npm run bench -- NAME [--quick]`: set-up, then bench/NAME.mjs.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/root.mjs';
import { setUp } from './lib/setup.mjs';

const folder = join(root, 'bench');
const name = process.argv[2] ?? '';
if (/^\w+$/.test(name) && existsSync(join(folder, `${name}.mjs`))) {
  await setUp();
  const { run } = await import(`../bench/${name}.mjs`);
  await run({ quick: process.argv.includes('--quick') });
} else {
  const names = readdirSync(folder).filter((file) => file.endsWith('.mjs'));
  console.error(
    `usage: npm run bench -- NAME [--quick], NAME one of ${names.map((file) => file.slice(0, -4)).join(', ')}`,
  );
  process.exitCode = 1;
}
