/** Where commands write rows: a file that appears complete or not at all, or standard output. */

import { writeFile } from '../node/index.js';
import { type Context, print } from './context.js';
import { flagError } from './options.js';

export interface RowsOut {
  /** What a file begins with, once the number of rows is known. */
  header: ((rows: number) => Uint8Array) | undefined;
  /** Infinity where only the end of the input tells. */
  rows: number;
}

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
