/** What `transform` and `encode` share: a file of vectors in, an `.npy` of as many rows out. */

import { H2qError, inFile } from '../errors.js';
import { type NpyType, npyHeader, type Vectors, withVectorFile, writeFile } from '../node/index.js';
import type { Context } from './context.js';
import { mismatch } from './inputs.js';
import { withProgress } from './progress.js';

export interface RowMap {
  input: string;
  output: string;
  /** Dimensions wanted of the input, and the file that wants them. */
  dimensions: number;
  model: string;
  /** Type and columns of the output. */
  type: NpyType;
  columns: number;
  /** The values of a block of output. */
  map(block: Vectors): Promise<Uint8Array | Float32Array>;
}

/** Maps block by block, so that files larger than the memory work. Returns the number of rows. */
export function mapRows(job: RowMap, context: Context): Promise<number> {
  const { signal } = context;
  return withVectorFile(job.input, async (file) => {
    if (file.columns !== job.dimensions) {
      throw mismatch(job.input, 'dimensions', job.dimensions, job.model, file.columns);
    }
    await withProgress(context, `read ${job.input}`, file.rows, (update) =>
      writeFile(
        job.output,
        async (output) => {
          await output.write(npyHeader(job.type, [file.rows, job.columns]));
          for await (const { firstRow, vectors } of file.blocks({ signal })) {
            const { buffer, byteOffset, byteLength } = await job.map(vectors).catch((error) => {
              throw inWholeFile(error, firstRow, job.input);
            });
            await output.write(new Uint8Array(buffer, byteOffset, byteLength));
            update(firstRow + vectors.rows);
          }
        },
        signal,
      ),
    );
    return file.rows;
  });
}

/** An error about a row of a block, with the number that the row has in the file. */
function inWholeFile(error: unknown, firstRow: number, file: string): unknown {
  if (!(error instanceof H2qError) || error.code !== 'OUT_OF_RANGE') return error;
  const row = firstRow + Number(error.details['row']);
  const message = error.message.replace(/\brow \d+/, `row ${row}`);
  return inFile(file, new H2qError(error.code, message, { details: { row } }));
}
