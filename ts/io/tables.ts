/** What tables (`.parquet`, `.arrow`) have in common: which of their columns are the vectors. */

import { toId, toNumber } from './block-rows.js';
import { formatError } from './npy.js';
import { chooseOne, type RowOptions } from './rows.js';

export interface TableColumn {
  name: string;
  /** A list of numbers per row, one number per row, or nothing that vectors are made of. */
  kind: 'list' | 'number' | 'other';
}

/** The columns that are read: one of lists, or all of numbers side by side; and the ids beside them. */
export interface ChosenColumns {
  list?: string;
  numbers?: readonly string[];
  ids?: string;
}

export function chooseColumns(
  file: string,
  columns: readonly TableColumn[],
  { column, ids }: RowOptions,
): ChosenColumns {
  const named = (kind: TableColumn['kind']) =>
    columns.filter((one) => one.kind === kind && one.name !== ids).map(({ name }) => name);
  const withIds = ids === undefined ? {} : { ids };
  if (ids !== undefined && !columns.some(({ name, kind }) => name === ids && kind === 'number')) {
    const names = columns.filter(({ kind }) => kind === 'number').map(({ name }) => name);
    throw formatError(file, `no column of ids named ${ids}; there are ${names.join(', ') || 'none'}`);
  }
  const [lists, numbers] = [named('list'), named('number')];
  if (column !== undefined && numbers.includes(column)) return { numbers: [column], ...withIds };
  if (column === undefined && lists.length === 0 && numbers.length > 0) return { numbers, ...withIds };
  return { list: chooseOne(file, 'column', column, lists), ...withIds };
}

/** One number per row of several columns, side by side. */
export function sideBySide(
  file: string,
  names: readonly string[],
  columns: readonly ArrayLike<unknown>[],
  rows: number,
  firstRow: number,
): Float32Array {
  const values = new Float32Array(rows * names.length);
  columns.forEach((column, j) => {
    for (let row = 0; row < rows; row++) {
      values[row * names.length + j] = toNumber(column[row], file, firstRow + row, names[j] as string);
    }
  });
  return values;
}

export function toIds(
  file: string,
  name: string,
  column: ArrayLike<unknown>,
  firstRow: number,
): BigInt64Array {
  return BigInt64Array.from({ length: column.length }, (_, row) =>
    toId(column[row], file, firstRow + row, name),
  );
}
