/** The results as Markdown: the tables of docs/results.md and, as text, of the terminal. */

import type { Grid } from './grid.js';
import type { Cell } from './measure.js';
import { formatSpread, type Spread, type Summary, scoreKey } from './summary.js';

/** Header and rows of text. */
export interface Table {
  title: string;
  header: string[];
  rows: string[][];
}

/** The mAP of every strategy, a table per loss; then what they amount to. */
export function tablesOf(grid: Grid, summary: Summary): Table[] {
  const names = grid.strategies.map(({ name }) => name);
  const scores = grid.losses.map((loss) => ({
    title: loss,
    header: ['mAP@1000', ...grid.bits.map((bits) => `${bits} bits`)],
    rows: [
      [
        'float embedding',
        ...grid.bits.map((bits) => formatSpread(summary.floats.get(scoreKey(loss, bits)) ?? NONE)),
      ],
      ...names.map((name) => [
        name,
        ...grid.bits.map((bits) => formatSpread(summary.scores.get(scoreKey(loss, bits, name)) ?? NONE)),
      ]),
    ],
  }));
  const overall = {
    title: 'all losses, bits and seeds',
    header: [
      'strategy',
      'highest mAP',
      'mean gain over sign',
      'above sign',
      'precision@1000',
      'neighbours in 100',
    ],
    rows: names.map((name) => {
      const { above, of } = summary.above.get(name) ?? { above: 0, of: 0 };
      return [
        name,
        formatWins(summary.wins.get(name) ?? 0),
        formatSpread(summary.gains.get(name) ?? NONE, 4),
        `${above} of ${of}`,
        meanOf(summary.precisions.get(name)),
        meanOf(summary.recalls.get(name)),
      ];
    }),
  };
  return [...scores, overall];
}

/** How far each strategy's codes fall behind their embedding, and what they look like: means over all cells. */
export function codesTable(grid: Grid, cells: readonly Cell[]): Table {
  const mean = (own: readonly Cell[], value: (cell: Cell) => number) =>
    own.reduce((sum, cell) => sum + value(cell), 0) / Math.max(1, own.length);
  return {
    title: 'what the codes look like',
    header: ['strategy', 'quantization loss (l2)', 'different codes', 'mAP lost against its own embedding'],
    rows: grid.strategies.map(({ name }) => {
      const own = cells.filter(({ strategy }) => strategy === name);
      return [
        name,
        mean(own, (cell) => cell.quantizationLoss).toFixed(3),
        Math.round(mean(own, (cell) => cell.distinctCodes)).toLocaleString('en-US'),
        mean(own, (cell) => cell.floatMeanAveragePrecision - cell.meanAveragePrecision).toFixed(4),
      ];
    }),
  };
}

/** Of all losses and bits together, whose spread says nothing of a strategy. */
function meanOf({ mean, count }: Spread = NONE): string {
  return formatSpread({ mean, deviation: null, count });
}

const NONE = { mean: 0, deviation: null, count: 0 };

function formatWins(wins: number): string {
  return Number.isInteger(wins) ? String(wins) : wins.toFixed(1);
}

export function toMarkdown({ title, header, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [`### ${title}`, '', line(header), line(header.map(() => '---')), ...rows.map(line), ''].join('\n');
}

/**
 * Of every loss, number of bits and seed in which another strategy is above every H²Q: both, what their float
 * embeddings reach, and what their codes lose against those. A penalty changes the embedding, H²Q never does.
 */
export function lostTable(grid: Grid, cells: readonly Cell[]): Table {
  const rows: string[][] = [];
  const highest = (list: readonly Cell[]) =>
    list.reduce<Cell | undefined>(
      (best, cell) => (best && best.meanAveragePrecision >= cell.meanAveragePrecision ? best : cell),
      undefined,
    );
  const isOurs = ({ strategy }: Cell) => strategy.startsWith('h2q-');
  const show = ({ strategy, meanAveragePrecision: codes, floatMeanAveragePrecision: float }: Cell) => [
    strategy,
    codes.toFixed(4),
    float.toFixed(4),
    (float - codes).toFixed(4),
  ];
  for (const loss of grid.losses) {
    for (const bits of grid.bits) {
      for (const seed of grid.seeds) {
        const here = cells.filter((cell) => cell.loss === loss && cell.bits === bits && cell.seed === seed);
        const [ours, other] = [highest(here.filter(isOurs)), highest(here.filter((cell) => !isOurs(cell)))];
        if (!ours || !other || other.meanAveragePrecision <= ours.meanAveragePrecision) continue;
        rows.push([loss, String(bits), String(seed), ...show(other), ...show(ours)]);
      }
    }
  }
  const columns = (whose: string) => [whose, 'mAP', 'float mAP', 'lost'];
  return {
    title: 'where H²Q is not the highest',
    header: ['loss', 'bits', 'seed', ...columns('highest'), ...columns('best H²Q')],
    rows,
  };
}
