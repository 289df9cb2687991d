/** Formats of files of vectors (docs/formats.md), by the endings of their names. */

import { checkOneOf } from '../arguments.js';
import { H2qError } from '../errors.js';
import { arrowRows } from './arrow.js';
import { csvRows } from './csv.js';
import { hdf5Rows } from './hdf5.js';
import { jsonlRows } from './jsonl.js';
import { parquetRows } from './parquet.js';
import { binRows, npyRows, type RowFormat, type RowOptions, vecsRows } from './rows.js';
import { safetensorsRows } from './safetensors.js';
import { endingOf } from './url.js';

interface Format {
  endings: readonly string[];
  read: RowFormat;
  /** The options that it knows. */
  options?: readonly (keyof RowOptions)[];
}

const FORMATS = {
  npy: { endings: ['npy'], read: npyRows },
  fvecs: { endings: ['fvecs'], read: vecsRows('f4') },
  bvecs: { endings: ['bvecs'], read: vecsRows('u1') },
  ivecs: { endings: ['ivecs'], read: vecsRows('i4') },
  fbin: { endings: ['fbin'], read: binRows('f4') },
  u8bin: { endings: ['u8bin'], read: binRows('u1') },
  i8bin: { endings: ['i8bin'], read: binRows('i1') },
  ibin: { endings: ['ibin'], read: binRows('i4') },
  safetensors: { endings: ['safetensors'], read: safetensorsRows, options: ['tensor'] },
  parquet: { endings: ['parquet', 'pq'], read: parquetRows, options: ['column', 'ids'] },
  arrow: { endings: ['arrow', 'feather', 'ipc', 'arrows'], read: arrowRows, options: ['column', 'ids'] },
  hdf5: { endings: ['hdf5', 'h5'], read: hdf5Rows, options: ['dataset'] },
  jsonl: { endings: ['jsonl', 'ndjson'], read: jsonlRows, options: ['column', 'ids'] },
  csv: { endings: ['csv'], read: csvRows(','), options: ['ids'] },
  tsv: { endings: ['tsv'], read: csvRows('\t'), options: ['ids'] },
} as const satisfies Record<string, Format>;

/** Formats of files of vectors (docs/formats.md). */
export type VectorFormat = keyof typeof FORMATS;

export const VECTOR_FORMATS = Object.keys(FORMATS) as VectorFormat[];

/** The format that was asked for, else that the ending of `path` names. Throws FILE_FORMAT, INVALID_OPTION. */
export function formatOf(path: string, format?: VectorFormat): VectorFormat {
  if (format !== undefined) return checkOneOf('format', format, VECTOR_FORMATS);
  const extension = endingOf(path);
  const named = VECTOR_FORMATS.find((known) =>
    (FORMATS[known].endings as readonly string[]).includes(extension),
  );
  if (named) return named;
  const known = VECTOR_FORMATS.flatMap((known) => FORMATS[known].endings.map((ending) => `.${ending}`));
  throw new H2qError('FILE_FORMAT', `${path}: unknown extension; vectors are read from ${known.join(', ')}`, {
    details: { file: path, extension },
  });
}

/** The reader of a format. Throws INVALID_OPTION for options of other formats. */
export function readerOf(format: VectorFormat, options: RowOptions): RowFormat {
  const { read, options: known = [] }: Format = FORMATS[format];
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || known.includes(option as keyof RowOptions)) continue;
    throw new H2qError('INVALID_OPTION', `${option}: .${format} has no ${option}`, {
      details: { option, value, expected: `a format with ${option}` },
    });
  }
  return read;
}
