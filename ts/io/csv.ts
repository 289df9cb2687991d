/** `.csv`, `.tsv`: numbers between commas or tabs; a first line with anything else is a header. */

import { formatError } from './npy.js';
import type { RowFormat, RowOptions } from './rows.js';
import { type LineFormat, textRows } from './text-rows.js';

export function csvRows(separator: ',' | '\t'): RowFormat {
  return (source, file, options) => textRows(source, file, (lines) => learn(lines, separator, file, options));
}

function learn(
  [first, second]: readonly string[],
  separator: string,
  file: string,
  { ids }: RowOptions,
): LineFormat {
  // A byte order mark is no part of the first name.
  const start = cellsOf((first as string).replace(/^\uFEFF/, ''), separator);
  const idColumn = ids === undefined ? -1 : findIds(start, ids, file);
  const isNamed = idColumn >= 0 && !/^\d+$/.test(ids as string);
  const isHeader =
    isNamed ||
    start.some((cell, column) => column !== idColumn && cell !== '' && toValue(cell) === undefined);
  const example = isHeader && second !== undefined ? cellsOf(second, separator) : start;
  const parse = (line: string, row: number) => {
    const cells = cellsOf(row === 0 && !isHeader ? line.replace(/^\uFEFF/, '') : line, separator);
    const id = idColumn < 0 ? {} : { id: cells.splice(idColumn, 1)[0]?.trim() };
    const values = cells.map((cell) => toValue(cell) ?? (cell.trim() === '' ? null : cell));
    return { values, ...id };
  };
  const hasIds = idColumn >= 0;
  return { columns: example.length - (hasIds ? 1 : 0), skip: isHeader ? 1 : 0, hasIds, parse };
}

/** The column of ids, by its name in the header or its number. */
function findIds(start: readonly string[], ids: string, file: string): number {
  const named = start.findIndex((cell) => cell.trim() === ids);
  const column = named < 0 && /^\d+$/.test(ids) ? Number(ids) : named;
  if (column >= 0 && column < start.length) return column;
  throw formatError(file, `no column of ids named ${ids}`, { option: 'ids' });
}

/** undefined for anything but a number; what is not finite is refused later, by its place. */
function toValue(cell: string): number | undefined {
  const text = cell.trim();
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  // Number takes '' for 0, and '0x10' for 16.
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

/** The cells of a line. Quotes are taken off; a separator within them separates nothing. */
function cellsOf(line: string, separator: string): string[] {
  if (!line.includes('"')) return line.split(separator);
  const cells: string[] = [];
  let [cell, isQuoted] = ['', false];
  for (let i = 0; i < line.length; i++) {
    const character = line[i] as string;
    if (character === '"') {
      if (isQuoted && line[i + 1] === '"') cell += line[++i];
      else isQuoted = !isQuoted;
    } else if (character === separator && !isQuoted) {
      cells.push(cell);
      cell = '';
    } else cell += character;
  }
  return [...cells, cell];
}
