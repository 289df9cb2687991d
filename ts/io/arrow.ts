/** `.arrow`, `.feather` (version 2) and `.ipc`: Arrow's IPC file and stream, read a batch of rows at a time. */

import type { ByteSource } from '../platform.js';
import {
  type BatchMessage,
  batchMessages,
  type Field,
  type Frame,
  readFrame,
  within,
} from './arrow-messages.js';
import { blockRows, toNumber } from './block-rows.js';
import { emptyFile, formatError } from './npy.js';
import type { RowFormat } from './rows.js';
import { fromHalf } from './stored-types.js';
import { type ChosenColumns, chooseColumns, sideBySide, toIds } from './tables.js';

/** Kinds of Arrow's `Type` that are told apart here. */
const KIND = {
  ...{ null: 1, int: 2, float: 3, binary: 4, utf8: 5, bool: 6, list: 12, struct: 13, union: 14 },
  ...{ fixedSizeList: 16, map: 17, largeBinary: 19, largeUtf8: 20, largeList: 21, runEndEncoded: 22 },
  ...{ binaryView: 23, utf8View: 24, listView: 25, largeListView: 26 },
} as const;

export const arrowRows: RowFormat = (source, file, options) =>
  within(file, async () => {
    const frame = await readFrame(source, file);
    const { fields } = frame;
    const chosen = chooseColumns(
      file,
      fields.map((field) => ({ name: field.name, kind: kindOf(field) })),
      options,
    );
    const isStream = source.arrived !== undefined;
    // The first batch tells how long lists are that do not all have the length of their type.
    const messages = batchMessages(source, file, frame);
    const first = await firstBatch(messages);
    if (!first) throw emptyFile(file, 'rows');
    const reader = { source, file, fields, chosen };
    const start = isStream ? await readBatch(reader, first, 0) : undefined;
    const columns = (start ?? (await readBatch(reader, first, 0))).columns;
    if (columns === 0) throw emptyFile(file, 'columns');
    const rows = isStream ? Number.POSITIVE_INFINITY : await countRows(source, file, frame);

    async function* blocks(row: number) {
      let firstRow = 0;
      if (start) {
        yield { firstRow, ...start };
        firstRow = first?.rows ?? 0;
      }
      for await (const message of start ? messages : batchMessages(source, file, frame)) {
        if (message.rows > 0 && (firstRow + message.rows > row || isStream)) {
          const block = await within(file, () => readBatch(reader, message, firstRow, columns));
          yield { firstRow, ...block };
        }
        firstRow += message.rows;
      }
    }
    return blockRows({ file, rows, columns, hasIds: chosen.ids !== undefined, blocks });
  });

async function firstBatch(messages: AsyncGenerator<BatchMessage, void>): Promise<BatchMessage | undefined> {
  for (;;) {
    const { done, value } = await messages.next();
    if (done) return undefined;
    if (value.rows > 0) return value;
  }
}

async function countRows(source: ByteSource, file: string, frame: Frame): Promise<number> {
  let rows = 0;
  for await (const message of batchMessages(source, file, frame)) {
    if (!(message.rows >= 0)) throw formatError(file, `a batch of ${message.rows} rows is damaged`);
    rows += message.rows;
  }
  return rows;
}

interface Reader {
  source: ByteSource;
  file: string;
  fields: readonly Field[];
  chosen: ChosenColumns;
}

/** The rows of a batch; `columns` of each, where they are known from an earlier one. */
async function readBatch(
  { source, file, fields, chosen }: Reader,
  message: BatchMessage,
  firstRow: number,
  columns?: number,
) {
  const batch = new Batch(source, file, message);
  const { rows } = message;
  const byName = new Map<string, Column>();
  for (const field of fields) byName.set(field.name, batch.column(field));
  const ofName = (name: string) => byName.get(name) as Column;
  const number = (name: string) => batch.numbers(ofName(name));
  const list = async (name: string) => {
    const column = ofName(name);
    const items = column.children[0] as Column;
    return { bounds: await batch.bounds(column), numbers: await batch.numbers(items), items: items.length };
  };
  const toArray = (read: (row: number) => unknown) => Array.from({ length: rows }, (_, row) => read(row));
  const { ids } = chosen;
  const withIds = ids === undefined ? {} : { ids: toIds(file, ids, toArray(await number(ids)), firstRow) };
  if (chosen.numbers) {
    const read = [];
    for (const name of chosen.numbers) read.push(toArray(await number(name)));
    const values = sideBySide(file, chosen.numbers, read, rows, firstRow);
    return { values, columns: chosen.numbers.length, ...withIds };
  }
  const { bounds, numbers, items } = await list(chosen.list as string);
  const starts: number[] = [];
  let length = columns;
  for (let row = 0; row < rows; row++) {
    const bound = bounds(row);
    const place = { row: firstRow + row };
    if (!bound) throw formatError(file, `row ${place.row}: no value, not a list of numbers`, place);
    const count = bound[1] - bound[0];
    length ??= count;
    if (count !== length)
      throw formatError(file, `row ${place.row}: ${count} values, row 0 has ${length}`, place);
    starts.push(bound[0]);
  }
  // Lists that share items would be many more than the file has bytes.
  if (rows * (length ?? 0) > items) throw new RangeError('items of lists are missing');
  const values = new Float32Array(rows * (length ?? 0));
  starts.forEach((start, row) => {
    for (let column = 0; column < (length ?? 0); column++) {
      values[row * (length ?? 0) + column] = toNumber(numbers(start + column), file, firstRow + row, column);
    }
  });
  return { values, columns: length ?? 0, ...withIds };
}

/** A column in a batch: its buffers by their number, and the columns below it. */
interface Column {
  field: Field;
  length: number;
  nulls: number;
  buffers: number;
  children: Column[];
}

/** A batch of rows. Fields take nodes and buffers one after the other, depth first. */
class Batch {
  readonly #source: ByteSource;
  readonly #file: string;
  readonly #message: BatchMessage;
  #node = 0;
  #buffer = 0;
  /** Of a stream, which passes once. */
  #body: Promise<Uint8Array> | undefined;

  constructor(source: ByteSource, file: string, message: BatchMessage) {
    this.#source = source;
    this.#file = file;
    this.#message = message;
  }

  column(field: Field, depth = 0): Column {
    const { nodes } = this.#message;
    const isTop = depth === 0;
    const node = nodes[this.#node++];
    if (!node || !(node.length >= 0)) throw new RangeError('a column is missing');
    if (isTop && node.length !== this.#message.rows)
      throw new RangeError('a column is too short or too long');
    const column = { field, length: node.length, nulls: node.nulls, buffers: this.#buffer };
    this.#buffer += countBuffers(field, this.#file);
    const below = field.isDictionary ? [] : field.children;
    return { ...column, children: below.map((child) => this.column(child, depth + 1)) };
  }

  /** The number at a position, null where there is none. */
  async numbers({ field, length, buffers, nulls }: Column): Promise<(at: number) => number | bigint | null> {
    const isValid = await this.#validity(buffers, nulls, length);
    const bytes = await this.#bytes(buffers + 1);
    const { size, read } = numberType(field);
    if (bytes.length < length * size) throw new RangeError('values are missing');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return (at) => (at < length && isValid(at) ? read(view, at * size) : outside(at, length));
  }

  /** Where the items of a list begin and end; undefined for a null. */
  async bounds({
    field,
    length,
    buffers,
    nulls,
  }: Column): Promise<(at: number) => [number, number] | undefined> {
    const isValid = await this.#validity(buffers, nulls, length);
    if (field.type === KIND.fixedSizeList) {
      const size = field.table?.int32(0) ?? 0;
      if (size < 0) throw new RangeError('a list of negative length');
      return (at) => (at < length && isValid(at) ? [at * size, (at + 1) * size] : undefined);
    }
    const offsets = await this.#bytes(buffers + 1);
    const view = new DataView(offsets.buffer, offsets.byteOffset, offsets.length);
    const offset =
      field.type === KIND.largeList
        ? (at: number) => Number(view.getBigInt64(at * 8, true))
        : (at: number) => view.getInt32(at * 4, true);
    return (at) => {
      if (!(at < length && isValid(at))) return undefined;
      const [begin, end] = [offset(at), offset(at + 1)];
      if (!(begin >= 0 && end >= begin)) throw new RangeError('a list ends before it begins');
      return [begin, end];
    };
  }

  async #validity(index: number, nulls: number, length: number): Promise<(at: number) => boolean> {
    if (nulls === 0) return () => true;
    const bits = await this.#bytes(index);
    if (bits.length === 0) return () => true;
    if (bits.length * 8 < length) throw new RangeError('a bitmap is too short');
    return (at) => (((bits[at >> 3] as number) >> (at & 7)) & 1) === 1;
  }

  async #bytes(index: number): Promise<Uint8Array> {
    const { buffers, bodyStart, bodyLength, codec } = this.#message;
    const { offset = -1, length = 0 } = buffers[index] ?? {};
    if (!(offset >= 0 && length >= 0 && offset + length <= bodyLength))
      throw new RangeError('a buffer lies outside');
    const bytes = this.#source.arrived
      ? (await this.#whole()).subarray(offset, offset + length)
      : await this.#source.slice(bodyStart + offset, bodyStart + offset + length);
    if (codec === undefined || bytes.length === 0) return bytes;
    const { arrowBuffer } = await import('./compression.js');
    return arrowBuffer(bytes, codec, this.#file);
  }

  #whole(): Promise<Uint8Array> {
    const { bodyStart, bodyLength } = this.#message;
    this.#body ??= this.#source.slice(bodyStart, bodyStart + bodyLength);
    return this.#body;
  }
}

function outside(at: number, length: number): null {
  if (at < length) return null;
  throw new RangeError('a value lies outside');
}

function countBuffers({ type, isDictionary }: Field, file: string): number {
  if (isDictionary) return 2;
  if (type === KIND.null || type === KIND.runEndEncoded) return 0;
  if (type === KIND.struct || type === KIND.fixedSizeList) return 1;
  const withOffsets: number[] = [KIND.binary, KIND.utf8, KIND.largeBinary, KIND.largeUtf8];
  if (withOffsets.includes(type)) return 3;
  const unknown: number[] = [KIND.union, KIND.binaryView, KIND.utf8View, KIND.listView, KIND.largeListView];
  if (unknown.includes(type)) throw formatError(file, 'a table with unions or views is not read');
  return 2;
}

function kindOf(field: Field): 'list' | 'number' | 'other' {
  if (field.isDictionary) return 'other';
  if (isNumber(field)) return 'number';
  const isList = [KIND.list, KIND.largeList, KIND.fixedSizeList].some((kind) => kind === field.type);
  return isList && field.children[0] && isNumber(field.children[0]) ? 'list' : 'other';
}

function isNumber({ type, isDictionary }: Field): boolean {
  return !isDictionary && (type === KIND.int || type === KIND.float);
}

interface NumberType {
  size: number;
  read(view: DataView, at: number): number | bigint;
}

function numberType({ type, table }: Field): NumberType {
  if (type === KIND.float) {
    const precision = table?.int16(0) ?? 0;
    if (precision === 0) return { size: 2, read: (view, at) => fromHalf(view.getUint16(at, true)) };
    if (precision === 1) return { size: 4, read: (view, at) => view.getFloat32(at, true) };
    return { size: 8, read: (view, at) => view.getFloat64(at, true) };
  }
  const [bits, isSigned] = [table?.int32(0) ?? 0, table?.bool(1) ?? false];
  const read: Readonly<Record<number, NumberType['read']>> = isSigned
    ? {
        8: (view, at) => view.getInt8(at),
        16: (view, at) => view.getInt16(at, true),
        32: (view, at) => view.getInt32(at, true),
        64: (view, at) => view.getBigInt64(at, true),
      }
    : {
        8: (view, at) => view.getUint8(at),
        16: (view, at) => view.getUint16(at, true),
        32: (view, at) => view.getUint32(at, true),
        64: (view, at) => view.getBigUint64(at, true),
      };
  const reader = read[bits];
  if (!reader) throw new RangeError(`integers of ${bits} bits`);
  return { size: bits / 8, read: reader };
}
