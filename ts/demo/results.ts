/** The table of results, as text: the terminal and the page show the same one. */

import { formatCount, formatLoss, formatScore, formatSeconds, formatSpeed } from './page-format.js';
import type { DemoReport, MethodKey, MethodReport } from './report.js';

/** A table whose first column is the method's name. */
export interface ResultsTable {
  columns: { title: string; better: 'more' | 'less' | null }[];
  rows: { key: MethodKey; cells: Cell[] }[];
}

/** A formatted value. */
export interface Cell {
  text: string;
  /** The best of the binary methods without labels, as far as the text shows. */
  best: boolean;
}

interface Column {
  title: string;
  better: 'more' | 'less' | null;
  /** Null where the method has no such value. */
  value: (method: MethodReport) => number | null;
  format: (value: number) => string;
}

/** Columns whose best is singled out. */
const JUDGED: readonly Column[] = [
  { title: 'quantization loss', better: 'less', value: (m) => m.quantizationLoss, format: formatLoss },
  { title: 'mAP@1000', better: 'more', value: (m) => m.meanAveragePrecision1000, format: formatScore },
  { title: 'precision@100', better: 'more', value: (m) => m.precision100, format: formatScore },
  { title: 'neighbour recall@100', better: 'more', value: (m) => m.neighbourRecall100, format: formatScore },
];

/** Not sizes, which are all equal, nor times, which vary from run to run. */
const COLUMNS: readonly Column[] = [
  ...JUDGED,
  { title: 'bytes per image', better: 'less', value: (m) => m.bytesPerImage, format: formatCount },
  { title: 'fit seconds', better: 'less', value: (m) => m.fitSeconds, format: formatSeconds },
  { title: 'queries per second', better: 'more', value: (m) => m.queriesPerSecond, format: formatSpeed },
];

/** Those that know vectors alone and give codes: neither floats nor what has seen labels. */
function isRival({ key }: MethodReport): boolean {
  return key !== 'float' && key !== 'learnt';
}

/** All methods of a report, in its order. */
export function resultsTable({ methods }: DemoReport): ResultsTable {
  const best = COLUMNS.map((column) => bestText(column, methods));
  return {
    columns: [{ title: 'method', better: null }, ...COLUMNS.map(({ title, better }) => ({ title, better }))],
    rows: methods.map((method) => ({
      key: method.key,
      cells: [
        { text: method.name, best: false },
        ...COLUMNS.map((column, i) => {
          const text = cellText(column, method);
          return { text, best: isRival(method) && text === best[i] };
        }),
      ],
    })),
  };
}

/** The table for a terminal. */
export function formatResults(report: DemoReport): string {
  const { columns, rows } = resultsTable(report);
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map(({ cells }) => cells.map(({ text }) => text)),
  ];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const format = (line: string[]) =>
    line.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join('  ');
  return `${lines.map(format).join('\n')}\n`;
}

function bestText(column: Column, methods: MethodReport[]): string | null {
  if (!JUDGED.includes(column)) return null;
  const sign = column.better === 'less' ? -1 : 1;
  const score = (method: MethodReport) => sign * (column.value(method) ?? Number.NaN);
  const binary = methods.filter((method) => isRival(method) && column.value(method) !== null);
  const [winner] = binary.sort((a, b) => score(b) - score(a));
  return winner ? cellText(column, winner) : null;
}

function cellText(column: Column, method: MethodReport): string {
  const value = column.value(method);
  return value === null ? '–' : column.format(value);
}
