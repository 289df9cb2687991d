// `npm run reproduce [-- --full] [--resume]`: set-up, then the comparison of strategies on Fashion-MNIST; writes
// docs/results.md, in full docs/results-full.md. With --resume it takes up the cells of a run that was stopped.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeParts } from './lib/reproduce-data.mjs';
import { root } from './lib/root.mjs';
import { setUp } from './lib/setup.mjs';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    threads: { type: 'string', default: '0' },
  },
});

/** @type {Record<string, Pick<import('../dist/compare/grid.js').Grid, 'losses' | 'bits' | 'seeds'>>} */
const GRIDS = {
  first: { losses: ['dpsh', 'dch', 'hyp2', 'cel'], bits: [16, 32, 64], seeds: [0] },
  full: {
    losses: ['dpsh', 'dhn', 'dsh', 'dch', 'wglhh', 'hashnet', 'hyp2', 'cel', 'cosine'],
    bits: [16, 32, 48, 64],
    seeds: [0, 1, 2],
  },
};
const name = values.full ? 'full' : 'first';
const { losses, bits, seeds } = /** @type {NonNullable<(typeof GRIDS)[string]>} */ (GRIDS[name]);

await setUp();
const started = performance.now();
const parts = await writeParts();
const results = join(root, '.cache/reproduce', `${name}.jsonl`);
if (!values.resume) rmSync(results, { force: true });
const output = join(root, values.full ? 'docs/results-full.md' : 'docs/results.md');
const report = join(root, '.cache/reproduce', `${name}.html`);
const json = execFileSync(
  process.execPath,
  [
    join(root, 'dist/cli/main.js'),
    ...['compare', parts.train.vectors, '--labels', parts.train.labels],
    ...['--validation', parts.validation.vectors, '--validation-labels', parts.validation.labels],
    ...['--database', parts.database.vectors, '--database-labels', parts.database.labels],
    ...['--queries', parts.queries.vectors, '--query-labels', parts.queries.labels],
    ...['--losses', losses.join(), '--bits', bits.join(), '--seeds', seeds.join()],
    ...['--threads', values.threads, '-o', results],
    ...['--report', report, '--pictures', '28', '--json'],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 30, encoding: 'utf8' },
);
const minutes = (performance.now() - started) / 60_000;

const { codesTable, lostTable, tablesOf, toMarkdown } = await import('../dist/compare/markdown.js');
const { summarise } = await import('../dist/compare/summary.js');
const { STRATEGIES } = await import('../dist/compare/grid.js');
const { cells } = JSON.parse(json);
const grid = { losses, bits, seeds, strategies: STRATEGIES };
const tables = tablesOf(grid, summarise(cells, grid));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const text = [
  '# Results: strategies of quantization on Fashion-MNIST',
  '',
  'Written by `npm run reproduce`; what is compared and how: [learning.md](learning.md), [evaluation.md](evaluation.md).',
  '',
  `5,000 images (784 grey values) teach a head with two hidden layers of 512, 1,000 choose the epoch, 1,000 ask, 63,000 are`,
  `ranked. mAP@1000 over the relevant rows retrieved; equal Hamming distances are ordered by the cosine of the float embeddings.`,
  `Seeds ${seeds.join(', ')}; penalties with their default weights. h2q ${version}, ${cpus()[0]?.model.trim()}, ${minutes.toFixed(1)} minutes`,
  `for what was missing of ${cells.length} cells.`,
  '',
  ...tables.map(toMarkdown),
  toMarkdown(codesTable(grid, cells)),
  toMarkdown(lostTable(grid, cells)),
  'Where a penalty is the highest, look at the float mAP of its embedding: what codes **lose** against their own embedding is',
  'what a strategy of quantization is responsible for.',
  '',
].join('\n');
writeFileSync(output, text);
console.log(`${output}\n${report}`);
