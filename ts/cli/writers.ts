/** Formats that commands write vectors in, by the endings of names. */

import { H2qError } from '../errors.js';
import { endingOf } from '../io/url.js';
import { npyHeader } from '../node/index.js';
import type { Matrix } from '../vectors.js';

/** A format that is written: what comes before all rows, and the bytes of some. */
export interface Writer {
  header?: (rows: number, columns: number) => Uint8Array;
  bytes(block: Matrix): Uint8Array;
}

const WRITERS: Readonly<Record<string, Writer>> = {
  npy: { header: (rows, columns) => npyHeader('f4', [rows, columns]), bytes: bytesOf },
  fbin: { header: (rows, columns) => bytesOf({ data: new Uint32Array([rows, columns]) }), bytes: bytesOf },
  fvecs: { bytes: countedRows },
};

/** Throws FILE_FORMAT. */
export function writerOf(output: string): Writer {
  const writer = WRITERS[endingOf(output)];
  if (writer) return writer;
  const known = Object.keys(WRITERS).map((name) => `.${name}`);
  throw new H2qError('FILE_FORMAT', `${output}: vectors are written to ${known.join(', ')}`, {
    details: { file: output },
  });
}

export function bytesOf({ data }: { data: ArrayBufferView }): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Rows of `.fvecs`: each begins with its dimensions. */
function countedRows({ data, columns }: Matrix): Uint8Array {
  const rows = data.length / columns;
  const out = new Float32Array(rows * (columns + 1));
  const counts = new Uint32Array(out.buffer);
  for (let row = 0; row < rows; row++) {
    counts[row * (columns + 1)] = columns;
    out.set(data.subarray(row * columns, (row + 1) * columns), row * (columns + 1) + 1);
  }
  return bytesOf({ data: out });
}
