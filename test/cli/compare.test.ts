/** `h2q compare`: a grid of strategies, resumed, in a table, in JSON and on a page. */

import { beforeEach, describe, expect, it } from 'vitest';
import { type Grid, STRATEGIES, type Strategy, trainingsOf } from '../../ts/compare/grid.js';
import { type Table, tablesOf, toMarkdown } from '../../ts/compare/markdown.js';
import type { Cell } from '../../ts/compare/measure.js';
import { parseResults } from '../../ts/compare/results.js';
import { formatSpread, spread, summarise } from '../../ts/compare/summary.js';
import { randomValues, Workplace } from './h2q.js';

const work = new Workplace();
const PARTS = { train: 120, v: 30, db: 90, q: 20 };
const FILES = [
  ...['compare', 'train.npy', '--labels', 'train-y.npy'],
  ...['--validation', 'v.npy', '--validation-labels', 'v-y.npy'],
  ...['--database', 'db.npy', '--database-labels', 'db-y.npy'],
  ...['--queries', 'q.npy', '--query-labels', 'q-y.npy'],
];
const SMALL = ['--epochs', '2', '--hidden', '12', '--bits', '8,16', '-o', 'r.jsonl'];

function writeParts(): void {
  for (const [i, [name, rows]] of Object.entries(PARTS).entries()) {
    const values = randomValues(rows * 10, i + 1);
    const labels = Uint8Array.from({ length: rows }, (_, row) => row % 3);
    labels.forEach((label, row) => {
      values[row * 10 + label] = (values[row * 10 + label] as number) + 3;
    });
    work.writeNpy(`${name}.npy`, 'f4', [rows, 10], values);
    work.writeNpy(`${name}-y.npy`, 'u1', [rows], labels);
  }
}

describe('h2q compare', () => {
  beforeEach(writeParts);

  it('judges every cell once, goes on where it ended, and gives the same numbers again', async () => {
    const grid = [...SMALL, '--losses', 'cel,dsh'];
    const some = await work.succeed(...FILES, ...grid, '--strategies', 'sign,itq', '--json');
    expect(JSON.parse(some).cells).toHaveLength(8);
    // A line that was not written to its end counts as missing.
    const lines = work.read('r.jsonl').toString();
    work.write('r.jsonl', new TextEncoder().encode(lines.slice(0, -20)));
    const all = await work.run(...FILES, ...grid, '--json', '--report', 'report.html', '--pictures', '5');
    expect([all.code, all.stderr]).toEqual([0, 'h2q: r.jsonl: 7 cells are there, 33 are missing\n']);
    const { cells } = JSON.parse(all.stdout) as { cells: Cell[] };
    expect(new Set(cells.map(({ strategy }) => strategy))).toEqual(
      new Set(STRATEGIES.map(({ name }) => name)),
    );
    expect(cells).toHaveLength(2 * 2 * STRATEGIES.length);
    for (const cell of cells) {
      expect(cell.meanAveragePrecision).toBeGreaterThan(0.3);
      expect(cell.meanAveragePrecision).toBeLessThanOrEqual(1);
    }
    const scoreOf = (list: readonly Cell[], { loss, bits, strategy }: Cell) =>
      list.find((cell) => cell.loss === loss && cell.bits === bits && cell.strategy === strategy)
        ?.meanAveragePrecision;
    for (const cell of JSON.parse(some).cells) expect(scoreOf(cells, cell)).toBe(cell.meanAveragePrecision);
    const page = work.read('report.html').toString();
    expect(page).toContain('id="plot-dsh"');
    expect(page.match(/aria-label="Query of label/g)).toHaveLength(3);
    expect(page.match(/class="tile"/g)).toHaveLength(3 * (1 + 10 * STRATEGIES.length));
    expect(page).not.toMatch(/(src|href)="?http/);
    const text = await work.succeed(...FILES, ...grid);
    expect(text).toMatch(/cel\nmAP@1000 +8 bits +16 bits\nfloat embedding +0\.\d{3}/);
    expect(text).toMatch(/h2q-l1 .* of 4/);
  }, 60_000);

  it('judges anew only what strategies that have changed gave, and knows lines that do not tell what theirs was', async () => {
    const grid = [...SMALL, '--losses', 'cel', '--strategies', 'sign,itq,h2q-l2', '--json'];
    const before = JSON.parse(await work.succeed(...FILES, ...grid)).cells as Cell[];
    const lines = work.read('r.jsonl').toString();
    expect(lines).toContain('"options":"loss l2, method h2q, penalty none"');
    // As they were written before lines told it.
    const untold = lines.replaceAll(/"options":"[^"]*",/g, '');
    work.write('r.jsonl', new TextEncoder().encode(untold));
    const known = await work.run(...FILES, ...grid);
    expect([known.code, known.stderr]).toEqual([0, 'h2q: r.jsonl: 6 cells are there, 0 are missing\n']);
    expect(JSON.parse(known.stdout).cells).toEqual(before);
    const changed = lines.replaceAll('"options":"method itq', '"options":"iterations 9, method itq');
    work.write('r.jsonl', new TextEncoder().encode(changed));
    const again = await work.run(...FILES, ...grid);
    expect([again.code, again.stderr]).toEqual([
      0,
      'h2q: r.jsonl: 2 cells are left out, their strategies have changed since\n' +
        'h2q: r.jsonl: 4 cells are there, 2 are missing\n',
    ]);
    expect(work.read('r.jsonl').toString()).not.toContain('iterations 9');
    expect(JSON.parse(again.stdout).cells).toHaveLength(6);
  }, 60_000);

  it('refuses results of other files, and files that do not fit', async () => {
    const grid = [...SMALL, '--losses', 'cel', '--strategies', 'sign'];
    await work.succeed(...FILES, ...grid);
    const other = await work.run(...FILES, ...grid, '--epochs', '3');
    expect([other.code, other.stderr]).toEqual([
      1,
      'h2q: r.jsonl: line 1 is a result of other files or settings\n',
    ]);
    const wrong = await work.run(...FILES, ...SMALL, '--query-labels', 'db-y.npy');
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('db-y.npy')]);
    const bits = await work.run(...FILES, ...SMALL, '--bits', '12');
    expect([bits.code, bits.stderr]).toEqual([1, 'h2q: --bits: 12 is not a multiple of 8 from 8 to 16384\n']);
    const loss = await work.run(...FILES, ...SMALL, '--losses', 'cel,hinge');
    expect([loss.code, loss.stderr]).toEqual([1, expect.stringContaining("--losses: 'hinge'")]);
  });
});

describe('what cells amount to', () => {
  const grid: Grid = {
    losses: ['cel'],
    bits: [16],
    seeds: [0, 1],
    strategies: STRATEGIES.filter(({ name }) => ['sign', 'itq', 'l2-penalty'].includes(name)),
  };
  const OPTIONS: Record<string, string> = {
    sign: 'method identity, penalty none',
    itq: 'method itq, penalty none',
    'l2-penalty': 'method identity, penalty l2',
  };
  const cell = (strategy: string, seed: number, meanAveragePrecision: number): Cell => ({
    loss: 'cel',
    bits: 16,
    seed,
    strategy,
    options: OPTIONS[strategy]!,
    meanAveragePrecision,
    precision: meanAveragePrecision / 2,
    neighbourRecall: meanAveragePrecision / 4,
    floatMeanAveragePrecision: 0.9,
    distinctCodes: 3,
    quantizationLoss: 0.1,
    learnSeconds: 0,
    fitSeconds: 0,
  });
  const cells = [
    cell('sign', 0, 0.5),
    cell('itq', 0, 0.7),
    cell('l2-penalty', 0, 0.7),
    cell('sign', 1, 0.6),
    cell('itq', 1, 0.5),
  ];

  it('is means, deviations, shared wins and gains of the same seed', () => {
    const summary = summarise(cells, grid);
    expect(summary.wins).toEqual(
      new Map([
        ['sign', 1],
        ['l2-penalty', 0.5],
        ['itq', 0.5],
      ]),
    );
    expect(summary.above.get('itq')).toEqual({ above: 1, of: 2 });
    expect(summary.gains.get('itq')?.mean).toBeCloseTo(0.05);
    expect(formatSpread(spread([0.5, 0.7]))).toBe('0.600 ± 0.141');
    expect(formatSpread(spread([0.5]))).toBe('0.500');
    expect(formatSpread(spread([]))).toBe('–');
    const [first, overall] = tablesOf(grid, summary) as [Table, Table];
    expect(first.rows.map(([name, value]) => `${name} ${value}`)).toEqual([
      'float embedding 0.900 ± 0.000',
      'sign 0.550 ± 0.071',
      'l2-penalty 0.700',
      'itq 0.600 ± 0.141',
    ]);
    expect(toMarkdown(overall).split('\n')[2]).toBe(
      '| strategy | highest mAP | mean gain over sign | above sign | precision@1000 | neighbours in 100 |',
    );
    expect(overall.rows.map((row) => row.slice(-2))).toEqual([
      ['0.275', '0.138'],
      ['0.350', '0.175'],
      ['0.300', '0.150'],
    ]);
  });

  it('needs a training for each penalty, and none for what is known', () => {
    expect(trainingsOf(grid, () => false)).toHaveLength(4);
    const known = trainingsOf(grid, ({ strategy, seed }) => seed === 0 || strategy !== 'itq');
    expect(known.map(({ penalty, strategies }) => [penalty, strategies.map(({ name }) => name)])).toEqual([
      ['none', ['itq']],
    ]);
  });

  it('is read back line by line', () => {
    const line = JSON.stringify({ data: 'a', ...cells[0] });
    const found = { cells: [cells[0]], outdated: 0 };
    expect(parseResults(`${line}\n`, 'a', 'f')).toEqual(found);
    expect(parseResults(`${line}\n{"str`, 'a', 'f')).toEqual(found);
    for (const wrong of ['{}', 'null', '3', line.replace('"method identity', '{"a":"')]) {
      expect(() => parseResults(`${wrong}\n`, 'a', 'f')).toThrow('f: line 1 is no result');
    }
    expect(() => parseResults(`${line}\n`, 'b', 'f')).toThrow('other files or settings');
  });

  it('of a strategy is outdated when any of its options is another one', () => {
    const lines = cells.map((cell) => `${JSON.stringify({ data: 'a', ...cell })}\n`).join('');
    const untold = lines.replaceAll(/"options":"[^"]*",/g, '');
    const read = (text: string, change: (strategy: Strategy) => Partial<Strategy>) => {
      const changed = STRATEGIES.map((strategy) => ({ ...strategy, ...change(strategy) }));
      const { cells: kept, outdated } = parseResults(text, 'a', 'f', changed);
      return [kept.map(({ strategy }) => strategy), outdated];
    };
    const all = cells.map(({ strategy }) => strategy);
    for (const text of [lines, untold]) {
      expect(parseResults(text, 'a', 'f')).toEqual({ cells, outdated: 0 });
      expect(read(text, () => ({}))).toEqual([all, 0]);
      for (const change of [
        { revision: 1 },
        { loss: 'l2' },
        { method: 'random' },
        { penalty: 'hswd' },
      ] as const) {
        const kept = all.filter((strategy) => strategy !== 'itq');
        expect(read(text, ({ name }) => (name === 'itq' ? change : {}))).toEqual([kept, 2]);
      }
      expect(parseResults(text, 'a', 'f', []).cells).toEqual(cells);
    }
  });
});
