/** Formats that are decoded a block at a time, behind the same interface as those that lie ready in their file. */

import { formatError } from './npy.js';
import type { RowSource } from './rows.js';

/** Some rows, one after the other. */
export interface Block {
  values: Float32Array;
  ids?: BigInt64Array;
}

export interface BlockFormat {
  file: string;
  /** Infinity where only the end of a stream tells. */
  rows: number;
  columns: number;
  hasIds: boolean;
  /** All blocks from one that holds `row` or lies before it; the first comes with its row. */
  blocks(row: number): AsyncGenerator<Block & { firstRow: number }, void>;
}

/** Rows are best asked for in their order: going back begins anew. */
export function blockRows({ file, rows, columns, hasIds, blocks }: BlockFormat): RowSource {
  let position = 0;
  let running: ReturnType<BlockFormat['blocks']> | undefined;
  let current: (Block & { firstRow: number }) | undefined;

  const stop = async () => {
    await running?.return();
    running = undefined;
    current = undefined;
  };
  /** The block with `row`; undefined at the end. */
  const blockWith = async (row: number) => {
    if (row < position) await stop();
    running ??= blocks(row);
    while (!current || current.firstRow + current.values.length / columns <= row) {
      const next = await running.next();
      if (next.done) return undefined;
      current = next.value;
    }
    position = current.firstRow;
    return current;
  };

  const readRows = async (start: number, end: number, buffer?: Uint8Array, ids?: BigInt64Array) => {
    const isStream = rows === Number.POSITIVE_INFINITY;
    const room = buffer && buffer.byteOffset % 4 === 0 ? buffer : undefined;
    const values = room
      ? new Float32Array(room.buffer, room.byteOffset, (end - start) * columns)
      : new Float32Array((end - start) * columns);
    let row = start;
    while (row < end) {
      // What a stream has not brought yet need not be waited for.
      if (isStream && row > start) break;
      const block = await blockWith(row);
      if (!block) break;
      const skip = row - block.firstRow;
      const count = Math.min(end - row, block.values.length / columns - skip);
      values.set(block.values.subarray(skip * columns, (skip + count) * columns), (row - start) * columns);
      if (block.ids) ids?.set(block.ids.subarray(skip, skip + count), row - start);
      row += count;
    }
    if (row < end && !isStream) throw formatError(file, `only ${row} rows, where ${rows} were counted`);
    return new Uint8Array(values.buffer, values.byteOffset, (row - start) * columns * 4);
  };
  return {
    rows,
    columns,
    element: 'f4',
    stored: 'numbers',
    readRows,
    rowBytes: columns * 4,
    hasIds,
    close: stop,
  };
}

/** Turns what a table holds into float32, and says where something else stands. */
export class RowValues {
  readonly #file: string;
  readonly #columns: number;

  constructor(file: string, columns: number) {
    this.#file = file;
    this.#columns = columns;
  }

  /** Puts a row of numbers into `target`. Throws FILE_FORMAT for other lengths, nulls and other types. */
  put(target: Float32Array, offset: number, values: unknown, row: number): void {
    const columns = this.#columns;
    if (!isList(values))
      throw formatError(this.#file, `row ${row}: ${show(values)}, not a list of numbers`, { row });
    if (values.length !== columns) {
      throw formatError(this.#file, `row ${row}: ${values.length} values, row 0 has ${columns}`, { row });
    }
    for (let column = 0; column < columns; column++) {
      target[offset + column] = toNumber(values[column], this.#file, row, column);
    }
  }
}

/** A number, also as a bigint. Throws FILE_FORMAT for a null or anything else. */
export function toNumber(value: unknown, file: string, row: number, column: number | string): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  throw formatError(file, `row ${row}, column ${column}: ${show(value)}, not a number`, { row, column });
}

/** An id: a whole number of 64 bits. */
export function toId(value: unknown, file: string, row: number, column: number | string): bigint {
  const isWhole =
    typeof value === 'bigint' ||
    Number.isSafeInteger(value) ||
    (typeof value === 'string' && /^[+-]?\d{1,20}$/.test(value));
  const id = isWhole ? BigInt(value as bigint) : undefined;
  if (id !== undefined && BigInt.asIntN(64, id) === id) return id;
  const problem = `row ${row}, column ${column}: ${show(value)}, not an id (a whole number of 64 bits)`;
  throw formatError(file, problem, { row, column });
}

export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

export function show(value: unknown): string {
  if (value === null || value === undefined) return 'no value';
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`;
  return typeof value === 'object' ? (isList(value) ? 'a list' : 'an object') : String(value);
}
