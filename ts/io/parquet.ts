/** `.parquet`, read by hyparquet, a row group at a time. */

import type { ColumnMetaData, Compressors, FileMetaData, ParquetScan, SchemaTree } from 'hyparquet';
import { H2qError } from '../errors.js';
import type { ByteSource } from '../platform.js';
import { blockRows, isList, RowValues } from './block-rows.js';
import { byFile } from './by-file.js';
import { emptyFile, formatError } from './npy.js';
import { hasSoundRuns } from './parquet-runs.js';
import type { RowFormat, RowSource } from './rows.js';
import { type ChosenColumns, chooseColumns, sideBySide, type TableColumn, toIds } from './tables.js';

/** What a damaged file may promise at most: values of a column in a row group, bytes of a page. */
const MAX_VALUES = 2 ** 28;
const MAX_PAGE_BYTES = 2 ** 29;

export const parquetRows = byFile(
  ({ arrived }) => arrived !== undefined,
  '.parquet is read from a file, not from a stream',
  readParquet,
);

async function readParquet(...[source, file, options]: Parameters<RowFormat>): Promise<RowSource> {
  return naming(file, async () => {
    const { parquetMetadataAsync, parquetScan, parquetSchema } = await import('hyparquet');
    const { parquetCompressors } = await import('./compression.js');
    const buffer = bufferOf(source);
    const metadata = await parquetMetadataAsync(buffer, { initialFetchSize: 64 * 1024 });
    const rows = checkRows(metadata, source, file);
    const chosen = chooseColumns(file, parquetSchema(metadata).children.map(toColumn), options);
    const groups = groupsOf(metadata);
    const first = groups[0] as Group;
    // Of each column it keeps what it read last, so that the first row group is read once.
    const compressors = parquetCompressors(file);
    const scan = await parquetScan({
      ...{ file: buffer, metadata, compressors },
      ...{ columns: namesOf(chosen), utf8: false, useOffsetIndex: false },
    });
    const reader: Reader = { file, buffer, scan, compressors, chosen };
    // The length of a list is nowhere but in the rows.
    const columns = chosen.numbers?.length ?? (await firstList(reader, first, chosen.list as string)).length;
    if (columns === 0) throw emptyFile(file, 'columns');
    async function* blocks(row: number) {
      for (const group of groups) {
        if (group.end <= row) continue;
        yield { firstRow: group.start, ...(await naming(file, () => readGroup(reader, group, columns))) };
      }
    }
    return blockRows({ file, rows, columns, hasIds: chosen.ids !== undefined, blocks });
  });
}

interface Reader {
  file: string;
  buffer: ReturnType<typeof bufferOf>;
  scan: ParquetScan;
  compressors: Compressors;
  chosen: ChosenColumns;
}

function namesOf({ list, numbers = [], ids }: ChosenColumns): string[] {
  return [...numbers, ...[list, ids].filter((name) => name !== undefined)];
}

/** A row group that has rows. */
interface Group {
  index: number;
  start: number;
  end: number;
}

function groupsOf({ row_groups }: FileMetaData): Group[] {
  let start = 0;
  const groups = row_groups.map(({ num_rows }, index) => {
    const group = { index, start, end: start + Number(num_rows) };
    start = group.end;
    return group;
  });
  return groups.filter(({ start, end }) => end > start);
}

async function readGroup(reader: Reader, group: Group, columns: number) {
  const { file, chosen } = reader;
  const { list, numbers, ids } = chosen;
  const rows = group.end - group.start;
  const read = (name: string) => readColumn(reader, group, name);
  const idColumn = ids === undefined ? {} : { ids: toIds(file, ids, await read(ids), group.start) };
  if (numbers) {
    const columns = [];
    for (const name of numbers) columns.push(await read(name));
    return { values: sideBySide(file, numbers, columns, rows, group.start), ...idColumn };
  }
  const lists = await read(list as string);
  const values = new Float32Array(rows * columns);
  const put = new RowValues(file, columns);
  for (let row = 0; row < rows; row++) put.put(values, row * columns, lists[row], group.start + row);
  return { values, ...idColumn };
}

async function firstList(reader: Reader, group: Group, name: string): Promise<ArrayLike<unknown>> {
  const [list] = Array.from(await readColumn(reader, group, name));
  if (isList(list)) return list;
  throw formatError(reader.file, `row 0: no list of numbers in column ${name}`, { row: 0, column: name });
}

/** The values of a column in a row group. */
async function readColumn(
  reader: Reader,
  { index, start, end }: Group,
  name: string,
): Promise<ArrayLike<unknown>> {
  const { file, scan } = reader;
  for (const { meta_data } of scan.metadata.row_groups[index]?.columns ?? []) {
    if (meta_data?.path_in_schema[0] === name) await checkPages(meta_data, reader);
  }
  const column = await scan.readColumn({ column: name, rowStart: start, rowEnd: end });
  if (column.length === end - start) return column;
  const problem = `column ${name}: ${column.length} values in a row group of ${end - start} rows`;
  throw formatError(file, problem);
}

/** Checks what the headers of pages promise, and the runs in them, before anything is made of that size. */
async function checkPages(
  column: ColumnMetaData,
  { buffer, file, scan, compressors }: Reader,
): Promise<void> {
  const { parquetHeader } = await import('hyparquet/src/column.js');
  const { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } = await import(
    'hyparquet/src/schema.js'
  );
  const schema = getSchemaPath(scan.metadata.schema, column.path_in_schema);
  const levels = { repetition: getMaxRepetitionLevel(schema), definition: getMaxDefinitionLevel(schema) };
  // What cannot be decompressed is refused when it is decoded.
  const decompress = compressors[column.codec] ?? ((compressed: Uint8Array) => compressed);
  const isKnown = column.codec === 'UNCOMPRESSED' || column.codec in compressors;
  const { dictionary_page_offset, data_page_offset, total_compressed_size, num_values } = column;
  const starts = [data_page_offset, dictionary_page_offset].filter((at) => at !== undefined && at > 0n);
  const start = Math.min(...starts.map(Number));
  const end = start + Number(total_compressed_size);
  const bytes = await buffer.slice(start, end);
  const reader = { view: new DataView(bytes), offset: 0 };
  let values = 0;
  while (reader.offset < bytes.byteLength - 1) {
    const page = parquetHeader(reader);
    const { num_values: count = 0 } =
      page.data_page_header ?? page.data_page_header_v2 ?? page.dictionary_page_header ?? {};
    const sizes = [page.compressed_page_size, page.uncompressed_page_size, count];
    if (sizes.some((size) => !(size >= 0 && size <= MAX_PAGE_BYTES)))
      throw formatError(file, 'a page is damaged');
    if (page.type !== 'DICTIONARY_PAGE') values += count;
    else if (count > MAX_VALUES) throw formatError(file, 'a dictionary is damaged');
    const stored = new Uint8Array(bytes).subarray(reader.offset, reader.offset + page.compressed_page_size);
    if (isKnown && !hasSoundRuns({ header: page, bytes: stored, levels, decompress })) {
      throw formatError(file, 'the runs of a page are damaged');
    }
    reader.offset += page.compressed_page_size;
  }
  if (values === Number(num_values) && values <= MAX_VALUES) return;
  const problem = `column ${column.path_in_schema[0]}: pages of ${values} values, the file promises ${num_values}`;
  throw formatError(
    file,
    values > MAX_VALUES ? `${problem}; a row group has at most ${MAX_VALUES}` : problem,
  );
}

function toColumn(tree: SchemaTree): TableColumn {
  const { element, children } = tree;
  const isRepeated = element.repetition_type === 'REPEATED';
  if (children.length === 0) {
    return { name: element.name, kind: isNumber(tree) ? (isRepeated ? 'list' : 'number') : 'other' };
  }
  const isListOfLeaves = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST';
  const item = leafOf(children[0]);
  return { name: element.name, kind: isListOfLeaves && item && isNumber(item) ? 'list' : 'other' };
}

/** The only thing below a list, whatever its groups are called. */
function leafOf(tree: SchemaTree | undefined): SchemaTree | undefined {
  if (!tree || tree.children.length === 0) return tree;
  const [only] = tree.children;
  return tree.children.length === 1 && only?.children.length === 0 ? only : undefined;
}

function isNumber({ element }: SchemaTree): boolean {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (type === 'FLOAT' || type === 'DOUBLE') return true;
  if (logical?.type === 'FLOAT16') return true;
  if (type !== 'INT32' && type !== 'INT64') return false;
  const isPlain = converted === undefined || /^U?INT_/.test(converted);
  return isPlain && (logical === undefined || logical.type === 'INTEGER');
}

/** Throws FILE_FORMAT unless the numbers of rows agree and every column lies in the file. */
function checkRows({ num_rows, row_groups }: FileMetaData, source: ByteSource, file: string): number {
  const total = row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
  if (total !== num_rows || row_groups.some((group) => group.num_rows < 0n)) {
    throw formatError(file, `row groups of ${total} rows, the file promises ${num_rows}`);
  }
  for (const { num_rows, columns } of row_groups) {
    for (const { meta_data } of columns) {
      if (!meta_data) throw formatError(file, 'columns in other files or encrypted ones are not read');
      const { data_page_offset, total_compressed_size: size, num_values } = meta_data;
      if (data_page_offset < 4n || size < 0n || data_page_offset + size > BigInt(source.byteLength) + size) {
        throw formatError(file, `column ${meta_data.path_in_schema.join('.')} lies outside of the file`);
      }
      if (num_values < 0n || num_rows > num_values) throw formatError(file, 'a row group is damaged');
    }
  }
  if (num_rows === 0n) throw emptyFile(file, 'rows');
  return Number(num_rows);
}

/** A source as hyparquet wants it, which asks damaged files for what lies beyond their end. */
function bufferOf(source: ByteSource) {
  const { byteLength } = source;
  const read = async (start: number, end: number): Promise<ArrayBuffer> => {
    if (!(start >= 0 && start <= end && end <= byteLength)) throw new Error('it points outside of itself');
    return (await source.slice(start, end)).slice().buffer as ArrayBuffer;
  };
  const slice = (start: number, end = byteLength) => {
    const bytes = read(start < 0 ? byteLength + start : start, end);
    // Of what it asks for ahead it may never look at the answer, once another one has failed.
    bytes.catch(() => {});
    return bytes;
  };
  return { byteLength, slice };
}

/** Errors of the library as errors about the file. */
async function naming<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof H2qError) throw cause;
    // What it says of damage that it did not look for is about its own code.
    const isTold = cause instanceof Error && /^(parquet |it points)(?!.*undefined)/.test(cause.message);
    const problem = isTold ? cause.message.replace(/^parquet /, '') : 'it is damaged';
    throw new H2qError('FILE_FORMAT', `${file}: not a readable .parquet file: ${problem}`, {
      details: { file },
      cause,
    });
  }
}
