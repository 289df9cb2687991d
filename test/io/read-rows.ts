/** Reads files of vectors without a backend, as plain numbers. */

import { fileURLToPath } from 'node:url';
import type { ElementType } from '../../ts/backend.js';
import { formatOf, readerOf, type VectorFormat } from '../../ts/io/formats.js';
import { nameOf, openInput, type StreamInput } from '../../ts/io/input.js';
import type { RowOptions } from '../../ts/io/rows.js';
import { toFloats } from '../../ts/io/stored-types.js';

export interface Read {
  rows: number[][];
  ids: bigint[];
  columns: number;
  element: ElementType;
  stored: string;
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/vectors/${name}`, import.meta.url));
}

/** All rows, `step` at a time; of a stream as many as come. */
export async function readRows(
  input: StreamInput,
  options: RowOptions & { format?: VectorFormat; step?: number } = {},
): Promise<Read> {
  const { format, step = 2, ...parts } = options;
  const name = nameOf(input);
  const read = readerOf(formatOf(name, format), parts);
  const source = await openInput(input);
  try {
    const opened = await read(source, name, parts);
    const { columns, element, stored } = opened;
    const result: Read = { rows: [], ids: [], columns, element, stored };
    const buffer = new Uint8Array(step * opened.rowBytes);
    for (let row = 0; row < opened.rows; ) {
      const end = Math.min(row + step, opened.rows);
      const ids = new BigInt64Array(end - row);
      const values = [...toFloats(await opened.readRows(row, end, buffer, ids), element)];
      if (values.length === 0) break;
      const count = values.length / columns;
      for (let i = 0; i < count; i++) result.rows.push(values.slice(i * columns, (i + 1) * columns));
      if (opened.hasIds) result.ids.push(...ids.subarray(0, count));
      row += count;
    }
    await opened.close?.();
    return result;
  } finally {
    await source.close();
  }
}

/** Bytes as a stream, in pieces of `size`. */
export async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
