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

/** The fields of the schema, and where the messages after it begin. */
export async function readSchema(
  source: ByteSource,
  file: string,
): Promise<{ fields: Field[]; next: number }> {
  const there = source.arrived ? await source.arrived(8) : source.byteLength;
  if (there < 8) throw formatError(file, 'truncated: an Arrow file starts with 8 bytes');
  const isFile = new TextDecoder().decode(await source.slice(0, 6)) === FILE_MAGIC;
  const message = await readMessage(source, file, isFile ? 8 : 0);
  if (message?.kind !== HEADER.schema)
    throw formatError(file, 'not an Arrow file (it does not start with a schema)');
  if (message.header.int16(0) === 1) throw formatError(file, 'big-endian values');
  return { fields: message.header.tables(1).map((field) => toField(field, 0)), next: message.end };
}

/** All batches from byte `at` on; what lies between them (dictionaries) is left out. */
export async function* batchMessages(
  source: ByteSource,
  file: string,
  at: number,
): AsyncGenerator<BatchMessage, void> {
  for (let next = at; ; ) {
    const message = await readMessage(source, file, next);
    if (!message) return;
    next = message.end;
    if (message.kind === HEADER.recordBatch)
      yield toBatch(message.header, message.bodyStart, message.bodyLength);
  }
}

/** The message at byte `at`; undefined at the end, which a file marks with zeros. */
async function readMessage(source: ByteSource, file: string, at: number) {
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
