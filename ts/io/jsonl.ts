/** `.jsonl`, `.ndjson`: a line is a list of numbers, or an object with one. */

import { show } from './block-rows.js';
import { formatError } from './npy.js';
import { chooseOne, type RowFormat, type RowOptions } from './rows.js';
import { type LineFormat, textRows } from './text-rows.js';

const WANTED = 'a list of numbers or an object with one';

export const jsonlRows: RowFormat = (source, file, options) =>
  textRows(source, file, ([first]) => learn(first as string, file, options));

function learn(line: string, file: string, { column, ids }: RowOptions): LineFormat {
  const first = parseJson(line, file, 0);
  if (Array.isArray(first)) {
    for (const [option, value] of Object.entries({ column, ids })) {
      if (value !== undefined) throw formatError(file, `no ${option} named ${value}: its lines are lists`);
    }
    const parse = (text: string, row: number) => ({ values: parseJson(text, file, row) });
    return { columns: first.length, skip: 0, hasIds: false, parse };
  }
  const fields = fieldsOf(first, file, 0, WANTED);
  const isVector = (value: unknown) => Array.isArray(value) && typeof value[0] === 'number';
  const candidates = Object.keys(fields).filter((name) => isVector(fields[name]));
  const name = chooseOne(file, 'column', column, candidates);
  const parse = (text: string, row: number) => {
    const object = fieldsOf(parseJson(text, file, row), file, row, WANTED);
    return { values: object[name], ...(ids === undefined ? {} : { id: object[ids] }) };
  };
  return { columns: (fields[name] as unknown[]).length, skip: 0, hasIds: ids !== undefined, parse };
}

/** The value on a line. Throws FILE_FORMAT. */
export function parseJson(line: string, file: string, row: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw formatError(file, `row ${row}: not JSON: ${show(line)}`, { row });
  }
}

/** The fields of an object. Throws FILE_FORMAT, which tells what was wanted. */
export function fieldsOf(value: unknown, file: string, row: number, wanted: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw formatError(file, `row ${row}: ${show(value)}, not ${wanted}`, { row });
}
