/** The file of results: a line of JSON for each judged cell, so that a run that was stopped goes on. */

import { H2qError } from '../errors.js';
import { type CellKey, keyOf, optionsOf, STRATEGIES } from './grid.js';
import type { Cell } from './measure.js';

/** A line of the file. `data` tells inputs and settings apart. */
export interface Line extends Cell {
  data: string;
}

/** What strategies were while lines did not tell it: of what such lines are results. */
const UNTOLD: Readonly<Record<string, string>> = {
  sign: 'method identity, penalty none',
  'l2-penalty': 'method identity, penalty l2',
  'hswd-penalty': 'method identity, penalty hswd',
  random: 'method random, penalty none',
  itq: 'method itq, penalty none',
  'h2q-bit-variance': 'loss bit-variance, method h2q, penalty none',
  'h2q-l2': 'loss l2, method h2q, penalty none',
  'h2q-l1': 'loss l1, method h2q, penalty none',
  'h2q-min-entropy': 'loss min-entropy, method h2q, penalty none',
  'h2q-neighbours': 'loss neighbours, method h2q, penalty none',
};

/** What a file holds. */
export interface Results {
  cells: Cell[];
  /** Lines of strategies that have other options now: their cells are missing. */
  outdated: number;
}

/**
 * Reads the lines of a file; one that was cut off at the end is left out.
 *
 * @param strategies as they are now
 * @throws FILE_FORMAT for a line that is no result, or results of other data
 */
export function parseResults(text: string, data: string, file: string, strategies = STRATEGIES): Results {
  const options = new Map(strategies.map((strategy) => [strategy.name, optionsOf(strategy)]));
  const results: Results = { cells: [], outdated: 0 };
  // What follows the last line break was not written to its end.
  for (const [i, line] of text.split('\n').slice(0, -1).entries()) {
    if (line.trim() === '') continue;
    const cell = parseLine(line);
    if (!cell) throw wrong(file, `line ${i + 1} is no result`);
    if (cell.data !== data) throw wrong(file, `line ${i + 1} is a result of other files or settings`);
    const { data: _, ...rest } = cell;
    // A strategy that is none any more is in no grid, so that it does not matter what it was.
    if ((options.get(rest.strategy) ?? rest.options) === rest.options) results.cells.push(rest);
    else results.outdated++;
  }
  return results;
}

function parseLine(line: string): Line | undefined {
  try {
    const read = JSON.parse(line) as Line;
    const value = { ...read, options: read.options ?? UNTOLD[read.strategy] ?? '' };
    const texts = [value.data, value.loss, value.strategy, value.options];
    const numbers = [value.bits, value.seed, value.meanAveragePrecision, value.floatMeanAveragePrecision];
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
