/** The file of results: a line of JSON for each judged cell, so that a run that was stopped goes on. */

import { H2qError } from '../errors.js';
import { type CellKey, keyOf } from './grid.js';
import type { Cell } from './measure.js';

/** A line of the file. `data` tells inputs and settings apart. */
export interface Line extends Cell {
  data: string;
}

/**
 * Reads the lines of a file; one that was cut off at the end is left out.
 *
 * @throws FILE_FORMAT for a line that is no result, or results of other data
 */
export function parseResults(text: string, data: string, file: string): Cell[] {
  const lines = text.split('\n');
  // What follows the last line break was not written to its end.
  return lines.slice(0, -1).flatMap((line, i) => {
    if (line.trim() === '') return [];
    const cell = parseLine(line);
    if (!cell) throw wrong(file, `line ${i + 1} is no result`);
    if (cell.data !== data) throw wrong(file, `line ${i + 1} is a result of other files or settings`);
    const { data: _, ...rest } = cell;
    return [rest];
  });
}

function parseLine(line: string): Line | undefined {
  try {
    const value = JSON.parse(line) as Line;
    const texts = [value?.data, value?.loss, value?.strategy];
    const numbers = [value?.bits, value?.seed, value?.meanAveragePrecision, value?.floatMeanAveragePrecision];
    const isCell =
      texts.every((text) => typeof text === 'string') && numbers.every((number) => Number.isFinite(number));
    return isCell ? value : undefined;
  } catch {
    return undefined;
  }
}

function wrong(file: string, problem: string): H2qError {
  return new H2qError('FILE_FORMAT', `${file}: ${problem}`, { details: { file } });
}

/** Tells of a cell whether it is among those that are there. */
export function isAmong(cells: readonly Cell[]): (cell: CellKey) => boolean {
  const known = new Set(cells.map(keyOf));
  return (cell) => known.has(keyOf(cell));
}
