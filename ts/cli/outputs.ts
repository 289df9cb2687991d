/** Where commands write rows: a file that appears complete or not at all, or standard output. */

import { type NpyType, npyHeader, writeFile } from '../node/index.js';
import { type Context, print } from './context.js';
import { flagError } from './options.js';
import { bytesOf } from './writers.js';

export interface RowsOut {
  /** What a file begins with, once the number of rows is known. */
  header: ((rows: number) => Uint8Array) | undefined;
  /** Infinity where only the end of the input tells. */
  rows: number;
}

const LINES_AT_ONCE = 10_000;

type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * Hands `fill` a function that writes; `fill` tells the rows that it wrote. The header of a file whose rows were
 * not known is written at the end; standard output, `-`, gets none.
 */
export function withOutput(
  output: string,
  { header, rows }: RowsOut,
  context: Context,
  fill: (write: Write) => Promise<number>,
): Promise<number> {
  if (output === '-') return fill((bytes) => print(context, bytes));
  return writeFile(
    output,
    async (file) => {
      const isKnown = Number.isFinite(rows);
      if (header && !isKnown && !file.rewrite) {
        throw flagError('--output', `${output} begins with a number of rows, which a stream does not tell`);
      }
      // Of the same length for any number of rows.
      if (header) await file.write(header(isKnown ? rows : 1));
      const written = await fill((bytes) => file.write(bytes));
      if (header && !isKnown) await file.rewrite?.(header(written));
      return written;
    },
    context.signal,
  );
}

/** Writes one number per row, in an `.npy` of one dimension. */
export function writeColumn(
  path: string,
  type: NpyType,
  parts: readonly (BigInt64Array | Int32Array)[],
  { signal }: Context,
): Promise<void> {
  const rows = parts.reduce((sum, { length }) => sum + length, 0);
  const fill = async (file: { write(bytes: Uint8Array): Promise<void> }) => {
    await file.write(npyHeader(type, [rows]));
    for (const data of parts) await file.write(bytesOf({ data }));
  };
  return writeFile(path, fill, signal);
}

/** Writes a line of text per row. */
export function writeLines(path: string, lines: readonly string[], { signal }: Context): Promise<void> {
  const encoder = new TextEncoder();
  const fill = async (file: { write(bytes: Uint8Array): Promise<void> }) => {
    for (let i = 0; i < lines.length; i += LINES_AT_ONCE) {
      const some = lines.slice(i, i + LINES_AT_ONCE).map((line) => `${line}\n`);
      await file.write(encoder.encode(some.join('')));
    }
  };
  return writeFile(path, fill, signal);
}
