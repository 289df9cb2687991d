/** Text with a row of numbers per line: `.jsonl` and `.csv`. */

import type { ByteSource } from '../platform.js';
import { blockRows, RowValues, toId } from './block-rows.js';
import { countLines, lineBatches } from './lines.js';
import { emptyFile } from './npy.js';
import type { RowSource } from './rows.js';

/** How the lines of a file are understood, once the first ones are known. */
export interface LineFormat {
  columns: number;
  /** Lines before row 0. */
  skip: number;
  hasIds: boolean;
  /** The numbers of a line and what its id is. */
  parse(line: string, row: number): { values: unknown; id?: unknown };
}

/** Rows of a text file. What learns its format from the first line makes one pass that counts, unless it is a stream. */
export async function textRows(
  source: ByteSource,
  file: string,
  learn: (firstLines: readonly string[]) => LineFormat,
): Promise<RowSource> {
  const isStream = source.arrived !== undefined;
  const first = lineBatches(source, file);
  const start = await first.next();
  if (start.done) throw emptyFile(file, 'rows');
  const format = learn(start.value);
  const { columns, skip, hasIds } = format;
  const rows = isStream ? Number.POSITIVE_INFINITY : (await countLines(source)) - skip;
  if (columns === 0) throw emptyFile(file, 'columns');
  if (rows === 0 || (isStream && start.value.length <= skip)) throw emptyFile(file, 'rows');

  async function* batches() {
    // A stream comes once: what told the format is also its beginning.
    if (isStream && !start.done) yield start.value;
    yield* isStream ? first : lineBatches(source, file);
  }
  const numbers = new RowValues(file, columns);
  async function* blocks() {
    let [firstRow, toSkip] = [0, skip];
    for await (const lines of batches()) {
      const some = lines.slice(toSkip);
      toSkip -= lines.length - some.length;
      const values = new Float32Array(some.length * columns);
      const ids = hasIds ? { ids: new BigInt64Array(some.length) } : {};
      some.forEach((line, i) => {
        const parsed = format.parse(line, firstRow + i);
        numbers.put(values, i * columns, parsed.values, firstRow + i);
        if (ids.ids) ids.ids[i] = toId(parsed.id, file, firstRow + i, 'ids');
      });
      if (some.length > 0) yield { firstRow, values, ...ids };
      firstRow += some.length;
    }
  }
  return blockRows({ file, rows, columns, hasIds, blocks });
}
