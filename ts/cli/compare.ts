/** `h2q compare`: strategies of quantization side by side, on embeddings that are learnt for it. */

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { SimilarityLoss } from '../backend.js';
import { type CellKey, type Grid, STRATEGIES, trainingsOf } from '../compare/grid.js';
import { tablesOf } from '../compare/markdown.js';
import { type Cell, type Labelled, measure, type Splits } from '../compare/measure.js';
import { renderComparePage } from '../compare/page.js';
import { isAmong, parseResults } from '../compare/results.js';
import { type Sheet, sampleQueries, tilesOf } from '../compare/sheet.js';
import { summarise } from '../compare/summary.js';
import { buildSprite, type TileSource } from '../demo/images.js';
import { writeFile } from '../io/files.js';
import { withSource } from '../io/input.js';
import { checkLearnOptions, PENALTIES, SIMILARITY_LOSSES } from '../learn.js';
import { info, readLabels, withVectorFile } from '../node/index.js';
import { platform } from '../platform.js';
import { type Context, note, print, printJson } from './context.js';
import { expectDimensions, type Shape, shapeOf } from './inputs.js';
import { expectSameLabels, type LabelledFile, readIfThere, readLabelled } from './labelled.js';
import { examples, flagError, hiddenSizes, oneOf, VECTORS, wholeNumber, wholeNumbers } from './options.js';
import { withProgress } from './progress.js';
import { formatTable } from './table.js';

interface Flags {
  labels: string;
  validation: string;
  validationLabels: string;
  database: string;
  databaseLabels: string;
  queries: string;
  queryLabels: string;
  output: string;
  report?: string;
  losses: SimilarityLoss[];
  bits: number[];
  seeds: number[];
  strategies: string[];
  pictures?: number;
  hidden?: number[] | undefined;
  epochs?: number | undefined;
  threads?: number;
  json?: boolean;
}

const NAMES = STRATEGIES.map(({ name }) => name);
const LOSSES: SimilarityLoss[] = ['dpsh', 'dch', 'hyp2', 'cel'];

export function addCompare(program: Command, context: Context): void {
  program
    .command('compare')
    .description('compare strategies of quantization on learnt embeddings: losses x bits x seeds')
    .argument('<vectors>', `that teach; ${VECTORS}`)
    .requiredOption('--labels <file>', 'their labels')
    .requiredOption('--validation <file>', 'vectors that choose the epoch')
    .requiredOption('--validation-labels <file>', 'their labels')
    .requiredOption('--database <file>', 'vectors that are ranked')
    .requiredOption('--database-labels <file>', 'their labels')
    .requiredOption('--queries <file>', 'vectors that ask')
    .requiredOption('--query-labels <file>', 'their labels')
    .requiredOption(
      '-o, --output <file>',
      'the results, a line of JSON for each; a run goes on where it ended',
    )
    .option('--report <file>', 'an HTML page of tables and plots')
    .option(
      '--pictures <width>',
      'of the report: the vectors are grey pictures of so many columns, 0 to 255',
      wholeNumber('--pictures', 1),
    )
    .option(
      '--losses <names>',
      `of ${SIMILARITY_LOSSES.join(', ')}`,
      namesOf('--losses', SIMILARITY_LOSSES),
      LOSSES,
    )
    .option('--bits <b,…>', 'code lengths', wholeNumbers('--bits', 8), [16, 32, 48, 64])
    .option('--seeds <n,…>', 'seeds', wholeNumbers('--seeds', 0, Number.MAX_SAFE_INTEGER), [0])
    .option('--strategies <names>', `of ${NAMES.join(', ')}`, namesOf('--strategies', NAMES), NAMES)
    .option('--hidden <sizes>', 'hidden layers of the head, or none (default: 512,512)', hiddenSizes)
    .option('--epochs <n>', 'largest number of epochs (default: 60)', wholeNumber('--epochs', 1))
    .option('--threads <n>', 'threads (default: all)', wholeNumber('--threads'))
    .option('--json', 'print all cells as JSON')
    .addHelpText(
      'after',
      examples(
        'h2q compare train.npy --labels train-y.npy --validation v.npy --validation-labels v-y.npy \\',
        '  --database db.npy --database-labels db-y.npy --queries q.npy --query-labels q-y.npy \\',
        '  --losses cel,hyp2 --bits 16,32 --seeds 0,1,2 -o results.jsonl --report report.html',
      ),
    )
    .action((input: string, flags: Flags) => runCompare(input, flags, context));
}

async function runCompare(input: string, flags: Flags, context: Context): Promise<void> {
  const { signal } = context;
  const files = filesOf(input, flags);
  const { columns } = await checkFiles(files);
  if (flags.pictures !== undefined && columns % flags.pictures !== 0) {
    throw flagError('--pictures', `${columns} values are no whole rows of ${flags.pictures}`);
  }
  for (const path of [flags.output, flags.report]) if (path) await platform().checkWritable(path);
  const grid: Grid = {
    losses: [...new Set(flags.losses)],
    bits: [...new Set(flags.bits)],
    seeds: [...new Set(flags.seeds)],
    strategies: STRATEGIES.filter(({ name }) => flags.strategies.includes(name)),
  };
  const learning = { hidden: flags.hidden ?? [512, 512], epochs: flags.epochs ?? 60 };
  for (const loss of grid.losses) {
    for (const bits of grid.bits) checkLearnOptions({ ...learning, loss, bits, labels: true }, columns);
  }
  const data = await fingerprintOf(files, learning);
  const before = await readIfThere(flags.output);
  const text = before ? new TextDecoder().decode(before) : '';
  const { cells: known, outdated } = parseResults(text, data, flags.output);
  if (outdated > 0) {
    note(context, `${flags.output}: ${outdated} cells are left out, their strategies have changed since`);
  }
  const cells = await runGrid(grid, files, known, { data, learning }, flags, context);
  signal.throwIfAborted();

  const shown = cells.filter((cell) => isIn(grid, cell));
  const summary = summarise(shown, grid);
  if (flags.report) {
    const { readPlotLibrary } = await import('../demo/surroundings.js');
    const page = renderComparePage({
      grid,
      summary,
      lead: lead(grid, files),
      conditions: conditions(grid, shown),
      sheet: flags.pictures === undefined ? undefined : await sheetOf(files, shown, flags.pictures, context),
      ...(await readPlotLibrary()),
    });
    await writeFile(flags.report, (file) => file.write(new TextEncoder().encode(page)));
  }
  const tables = tablesOf(grid, summary).map(
    ({ title, header, rows }) => `${title}\n${formatTable(header, rows)}`,
  );
  await (flags.json ? printJson(context, { data, cells: shown }) : print(context, tables.join('\n')));
}

/** Judges what is not known yet; after each cell the file of results holds it. */
async function runGrid(
  grid: Grid,
  files: Files,
  known: readonly Cell[],
  { data, learning }: { data: string; learning: { hidden: number[]; epochs: number } },
  { output, threads }: Flags,
  context: Context,
): Promise<Cell[]> {
  const { signal } = context;
  const cells = [...known];
  const trainings = trainingsOf(grid, isAmong(known));
  const missing = trainings.reduce((sum, { strategies }) => sum + strategies.length, 0);
  if (known.length > 0) note(context, `${output}: ${known.length} cells are there, ${missing} are missing`);
  if (missing === 0) return cells;
  const splits = await readSplits(files, context);
  const { labels } = splits.queries;
  const samples = 'classes' in labels ? [] : sampleQueries(labels);
  await withProgress(context, 'compare', missing, async (update) => {
    for (const training of trainings) {
      const { loss, bits, seed, penalty } = training;
      const shown = `| ${loss}, ${bits} bits, seed ${seed}${penalty === 'none' ? '' : `, ${penalty}`}`;
      update(cells.length - known.length, { note: shown });
      for await (const cell of measure(training, splits, { learning, samples, threads, signal })) {
        cells.push(cell);
        const lines = cells.map((done) => `${JSON.stringify({ data, ...done })}\n`).join('');
        await writeFile(output, (file) => file.write(new TextEncoder().encode(lines)));
        update(cells.length - known.length, { note: shown });
      }
    }
  });
  for (const { vectors } of Object.values(splits) as Labelled[]) vectors.release();
  return cells;
}

type Part = keyof Splits;
type Files = Record<Part, { vectors: string; labels: string }>;

function filesOf(input: string, flags: Flags): Files {
  return {
    train: { vectors: input, labels: flags.labels },
    validation: { vectors: flags.validation, labels: flags.validationLabels },
    database: { vectors: flags.database, labels: flags.databaseLabels },
    queries: { vectors: flags.queries, labels: flags.queryLabels },
  };
}

/** The pictures of the first loss, number of bits and seed. */
async function sheetOf(
  files: Files,
  cells: readonly Cell[],
  width: number,
  { signal }: Context,
): Promise<Sheet | undefined> {
  const [first] = cells;
  const queryLabels = await readLabels(files.queries.labels, { signal });
  const databaseLabels = await readLabels(files.database.labels, { signal });
  if (!first || 'classes' in queryLabels || 'classes' in databaseLabels) return undefined;
  const own = cells.filter(
    ({ loss, bits, seed }) => loss === first.loss && bits === first.bits && seed === first.seed,
  );
  const queries = sampleQueries(queryLabels);
  const wanted = tilesOf(own, queries);
  const tiles = [
    ...(await picturesOf(files.queries.vectors, wanted.query, width, 'query', signal)),
    ...(await picturesOf(files.database.vectors, wanted.database, width, 'database', signal)),
  ];
  return { cells: own, queries, queryLabels, databaseLabels, sprite: buildSprite(tiles) };
}

/** The named rows of a file as pictures. */
async function picturesOf(path: string, rows: number[], width: number, name: string, signal: AbortSignal) {
  const wanted = new Set(rows);
  return withVectorFile(path, async (file) => {
    const tiles: TileSource[] = [];
    for await (const { firstRow, data, columns } of file.matrices({ signal })) {
      for (let row = firstRow; row < firstRow + data.length / columns; row++) {
        if (!wanted.has(row)) continue;
        const at = (row - firstRow) * columns;
        const images = Uint8Array.from(data.subarray(at, at + columns));
        tiles.push({ key: `${name}:${row}`, set: { images, width, height: columns / width }, row: 0 });
      }
    }
    return tiles;
  });
}

/** Shapes that fit together, before anything is read. */
async function checkFiles(files: Files): Promise<Shape> {
  const train = await shapeOf(files.train.vectors);
  const { columns } = train;
  const others: LabelledFile[] = [];
  for (const { vectors, labels } of [files.validation, files.database, files.queries]) {
    others.push({ vectors, labels, shape: await expectDimensions(vectors, columns, files.train.vectors) });
  }
  await expectSameLabels({ ...files.train, shape: train }, ...others);
  return train;
}

async function readSplits(files: Files, context: Context): Promise<Splits> {
  const parts: Partial<Splits> = {};
  for (const [part, { vectors, labels }] of Object.entries(files)) {
    const read = await readLabelled(vectors, labels, { rows: Number.MAX_SAFE_INTEGER }, context);
    parts[part as Part] = read as Labelled;
  }
  return parts as Splits;
}

/** Raised whenever a change of the code changes cells of all strategies: of one, its options or its `revision` do. */
const PROCEDURE = 3;
const HASH_BYTES = 64 * 1024 * 1024;

/** Tells the bytes of all files and what else decides a cell apart. */
async function fingerprintOf(files: Files, learning: object): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify({ learning, PROCEDURE }));
  for (const { vectors, labels } of Object.values(files)) {
    for (const path of [vectors, labels]) {
      await withSource(path, async (source) => {
        for (let first = 0; first < source.byteLength; first += HASH_BYTES) {
          hash.update(await source.slice(first, Math.min(first + HASH_BYTES, source.byteLength)));
        }
      });
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function isIn({ losses, bits, seeds, strategies }: Grid, cell: CellKey): boolean {
  return (
    losses.includes(cell.loss) &&
    bits.includes(cell.bits) &&
    seeds.includes(cell.seed) &&
    strategies.some(({ name }) => name === cell.strategy)
  );
}

function lead(grid: Grid, files: Files): string {
  const count = (items: readonly unknown[], one: string, several: string) =>
    `${items.length} ${items.length === 1 ? one : several}`;
  const sizes = [
    count(grid.losses, 'loss', 'losses'),
    count(grid.bits, 'code length', 'code lengths'),
    count(grid.seeds, 'seed', 'seeds'),
  ];
  const name = (part: Part) => basename(files[part].vectors);
  return `${sizes.join(', ')}: embeddings of ${name('train')} by a learnt head, in codes by ${count(grid.strategies, 'strategy', 'strategies')}, judged by ${name('queries')} against ${name('database')}.`;
}

function conditions(grid: Grid, cells: readonly Cell[]): Record<string, string> {
  const seconds = cells.reduce((sum, cell) => sum + cell.learnSeconds, 0) / Math.max(1, cells.length);
  const { version, backend, simd, threads } = info();
  return {
    Scores:
      'mAP@1000 over the relevant rows retrieved; ties of Hamming distance by the cosine of the float embeddings',
    Seeds: grid.seeds.join(', '),
    Learning: `${seconds.toFixed(1)} s on average; penalties: ${PENALTIES.slice(1).join(', ')} with their default weights`,
    Version: `${version}, ${backend}, ${simd}, ${threads} threads`,
  };
}

function namesOf<T extends string>(flag: string, choices: readonly T[]): (text: string) => T[] {
  const parse = oneOf(flag, choices);
  return (text) => text.split(',').map((name) => parse(name.trim()));
}
