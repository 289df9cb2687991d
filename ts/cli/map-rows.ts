/** What `transform` and `encode` share: vectors in, as many rows out, in an `.npy` or as bytes alone. */

import { H2qError, inFile } from '../errors.js';
import { type FormatOptions, type NpyType, npyHeader, type Vectors, withVectorFile } from '../node/index.js';
import type { Context } from './context.js';
import { inputOf, mismatch } from './inputs.js';
import { withOutput } from './outputs.js';
import { withProgress } from './progress.js';

export interface RowMap {
  input: string;
  format?: FormatOptions;
  output: string;
  /** Dimensions wanted of the input, and the file that wants them. */
  dimensions: number;
  model: string;
  /** Type and columns of the output; what has no type is no `.npy`. */
  type: NpyType | undefined;
  columns: number;
  /** The values of a block of output. */
  map(block: Vectors): Promise<ArrayBufferView>;
}

/** Maps block by block, so that files larger than the memory and streams work. Returns the number of rows. */
export function mapRows(job: RowMap, context: Context): Promise<number> {
  const { signal } = context;
  const { type, columns, format = {} } = job;
  const header = type && ((rows: number) => npyHeader(type, [rows, columns]));
  return withVectorFile(
    inputOf(job.input, format, context),
    async (file) => {
      if (file.columns !== job.dimensions) {
        throw mismatch(file.path, 'dimensions', job.dimensions, job.model, file.columns);
      }
      const work = (update: (done: number) => void) =>
        withOutput(job.output, { header, rows: file.rows }, context, async (write) => {
          let rows = 0;
          for await (const { firstRow, vectors } of file.blocks({ signal })) {
            const { buffer, byteOffset, byteLength } = await job.map(vectors).catch((error) => {
              throw inWholeFile(error, firstRow, file.path);
            });
            await write(new Uint8Array(buffer, byteOffset, byteLength));
            rows = firstRow + vectors.rows;
            // The garbage collector comes late for memory that is not its own.
            vectors.release();
            update(rows);
          }
          return rows;
        });
      return withProgress(context, `read ${file.path}`, file.rows, work, 'rows');
    },
    { ...format, signal },
  );
}

/** An error about a row of a block, with the number that the row has in the file. */
function inWholeFile(error: unknown, firstRow: number, file: string): unknown {
  if (!(error instanceof H2qError) || error.code !== 'OUT_OF_RANGE') return error;
  const row = firstRow + Number(error.details['row']);
  const message = error.message.replace(/\brow \d+/, `row ${row}`);
  return inFile(file, new H2qError(error.code, message, { details: { row } }));
}
