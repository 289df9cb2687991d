/**
 * The messages of Arrow's IPC formats: the length and the bytes of a flatbuffer, then a body. A stream is a
 * schema and batches of rows; a file is the same between the bytes `ARROW1`.
 * https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 */

import type { ByteSource } from '../platform.js';
import { Table } from './flatbuffer.js';
import { formatError } from './npy.js';

/** Real ones have some KiB. */
const MAX_METADATA_BYTES = 64 * 1024 * 1024;
const FILE_MAGIC = 'ARROW1';
const CONTINUATION = 0xffffffff;

const HEADER = { schema: 1, recordBatch: 3 } as const;

/** A field of a schema; `type` is the number of its kind in Arrow's `Type`. */
export interface Field {
  name: string;
  type: number;
  table: Table | undefined;
  isDictionary: boolean;
  children: Field[];
}

/** Where a batch of rows lies, and how its body is divided. */
export interface BatchMessage {
  rows: number;
  nodes: { length: number; nulls: number }[];
  buffers: { offset: number; length: number }[];
  /** 0 for LZ4 frames, 1 for zstd. */
  codec?: number;
  bodyStart: number;
  bodyLength: number;
}

/** What stands before and after the batches of rows, which lie between `first` and `end`. */
export interface Frame {
  fields: Field[];
  first: number;
  end: number;
}

export async function readFrame(source: ByteSource, file: string): Promise<Frame> {
  const there = source.arrived ? await source.arrived(8) : source.byteLength;
  if (there < 8) throw formatError(file, 'truncated: an Arrow file starts with 8 bytes');
  const isFile = isMagic(await source.slice(0, 6));
  if (isFile && !source.arrived) return readFooter(source, file);
  const message = await readMessage(source, file, isFile ? 8 : 0, Number.POSITIVE_INFINITY);
  if (message?.kind !== HEADER.schema) {
    const where = isFile ? '; its end may have one, but that of a stream comes too late' : '';
    throw formatError(file, `not an Arrow file (it does not start with a schema${where})`);
  }
  return { fields: toFields(message.header, file), first: message.end, end: Number.POSITIVE_INFINITY };
}

/** A file ends with a table of its contents, the length of that, and the bytes it began with. */
async function readFooter(source: ByteSource, file: string): Promise<Frame> {
  const end = source.byteLength - 10;
  const tail = end < 8 ? new Uint8Array(10) : await source.slice(end, end + 10);
  if (!isMagic(tail.subarray(4))) throw formatError(file, 'truncated: an Arrow file ends with ARROW1');
  const length = new DataView(tail.buffer, tail.byteOffset, 4).getUint32(0, true);
  if (length > end - 8) throw formatError(file, 'not a readable Arrow file: its end is damaged');
  return within(file, async () => {
    const footer = Table.root(await source.slice(end - length, end));
    return { fields: toFields(footer.table(1), file), first: 8, end: end - length };
  });
}

function isMagic(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes) === FILE_MAGIC;
}

function toFields(schema: Table, file: string): Field[] {
  if (schema.int16(0) === 1) throw formatError(file, 'big-endian values');
  return schema.tables(1).map((field) => toField(field, 0));
}

/** All batches of a frame; what lies between them (schema, dictionaries) is left out. */
export async function* batchMessages(
  source: ByteSource,
  file: string,
  { first, end }: Frame,
): AsyncGenerator<BatchMessage, void> {
  for (let next = first; ; ) {
    const message = await readMessage(source, file, next, end);
    if (!message) return;
    next = message.end;
    const { kind, header, bodyStart, bodyLength } = message;
    if (kind !== HEADER.recordBatch) continue;
    yield await within(file, async () => toBatch(header, bodyStart, bodyLength));
  }
}

/** The message at byte `at`; undefined at the end, which a file marks with zeros. */
async function readMessage(source: ByteSource, file: string, at: number, limit: number) {
  if (at >= limit) return undefined;
  const there = source.arrived ? await source.arrived(at + 8) : source.byteLength;
  if (there <= at) return undefined;
  if (there < at + 4) throw truncated(file, at);
  const start = await source.slice(at, Math.min(there, at + 8));
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  // Before Arrow 0.15 there was nothing before the length.
  const isMarked = view.getUint32(0, true) === CONTINUATION;
  if (isMarked && start.length < 8) throw truncated(file, at);
  const length = view.getUint32(isMarked ? 4 : 0, true);
  if (length === 0) return undefined;
  const begin = at + (isMarked ? 8 : 4);
  if (length > MAX_METADATA_BYTES)
    throw formatError(file, `not an Arrow file (a message of ${length} bytes)`);
  await requireBytes(source, file, begin + length);
  return within(file, async () => {
    const message = Table.root(await source.slice(begin, begin + length));
    const [kind, bodyLength] = [message.uint8(1), message.int64(3)];
    const bodyStart = begin + length;
    if (!(bodyLength >= 0)) throw new RangeError('a message is damaged');
    await requireBytes(source, file, bodyStart + bodyLength);
    return { kind, header: message.table(2), bodyStart, bodyLength, end: bodyStart + bodyLength };
  });
}

function toField(field: Table, depth: number): Field {
  if (depth > 64) throw new RangeError('a schema is damaged');
  return {
    name: field.string(0),
    type: field.uint8(2),
    table: field.has(3) ? field.table(3) : undefined,
    isDictionary: field.has(4),
    children: field.tables(5).map((child) => toField(child, depth + 1)),
  };
}

function toBatch(header: Table, bodyStart: number, bodyLength: number): BatchMessage {
  const pairs = (field: number) =>
    header.structs(field, 16).map((at) => [header.int64At(at), header.int64At(at + 8)]);
  return {
    rows: header.int64(0),
    nodes: pairs(1).map(([length, nulls]) => ({ length: length as number, nulls: nulls as number })),
    buffers: pairs(2).map(([offset, length]) => ({ offset: offset as number, length: length as number })),
    ...(header.has(3) ? { codec: header.table(3).uint8(0) } : {}),
    bodyStart,
    bodyLength,
  };
}

/** A body that ends with a file is there; that of a stream comes later. */
async function requireBytes(source: ByteSource, file: string, end: number): Promise<void> {
  if (!source.arrived && end > source.byteLength) throw truncated(file, source.byteLength);
}

/** Errors of damaged flatbuffers, which point outside of themselves, as errors about the file. */
export async function within<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw formatError(file, 'not a readable Arrow file: a message is damaged');
  }
}

function truncated(file: string, at: number) {
  return formatError(file, `truncated: a message ends beyond byte ${at}`);
}
