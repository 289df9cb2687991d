/**
 * `.safetensors`: the length of a JSON header as uint64, the header, then the values of every tensor.
 * https://huggingface.co/docs/safetensors
 */

import type { ByteSource } from '../platform.js';
import { emptyFile, formatError } from './npy.js';
import { chooseOne, contiguousRows, type RowFormat } from './rows.js';
import { type StoredType, storedRows } from './stored-types.js';

/** What the format's own reader allows. */
const MAX_HEADER_BYTES = 100_000_000;

const TYPES: Readonly<Record<string, StoredType>> = {
  F16: 'f2',
  BF16: 'bf2',
  F32: 'f4',
  F64: 'f8',
  I8: 'i1',
  U8: 'u1',
};

interface Tensor {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A tensor of two dimensions. */
export const safetensorsRows: RowFormat = async (source, file, { tensor }) => {
  const { tensors, first } = await readHeader(source, file);
  const isMatrix = ([, { dtype, shape }]: [string, Tensor]) => shape.length === 2 && dtype in TYPES;
  const candidates = [...tensors].filter(isMatrix).map(([name]) => name);
  const name = chooseOne(file, 'tensor', tensor, candidates);
  const { dtype, shape, data_offsets } = tensors.get(name) as Tensor;
  const [[rows, columns], [begin, end]] = [shape as [number, number], data_offsets];
  if (rows === 0 || columns === 0) throw emptyFile(file, rows === 0 ? 'rows' : 'columns');
  const type = TYPES[dtype] as StoredType;
  if (end - begin !== rows * columns * storedRows(type).size) {
    throw formatError(file, `tensor ${name}: ${end - begin} bytes are not ${rows} x ${columns} of ${dtype}`);
  }
  if (first + end > source.byteLength) {
    throw formatError(
      file,
      `truncated: tensor ${name} ends at ${first + end}, the file at ${source.byteLength}`,
    );
  }
  return contiguousRows(source, file, rows, columns, type, first + begin, false);
};

async function readHeader(source: ByteSource, file: string) {
  const there = source.arrived ? await source.arrived(8) : source.byteLength;
  if (there < 8) throw formatError(file, 'truncated: a .safetensors file starts with 8 bytes of length');
  const start = await source.slice(0, 8);
  const length = Number(new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES || 8 + length > source.byteLength) {
    throw formatError(file, `not a .safetensors file (it promises a header of ${length} bytes)`);
  }
  const text = new TextDecoder().decode(await source.slice(8, 8 + length));
  return { tensors: parseHeader(text, file), first: 8 + length };
}

function parseHeader(text: string, file: string): Map<string, Tensor> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw formatError(file, 'not a .safetensors file (its header is not JSON)');
  }
  if (typeof header !== 'object' || header === null) throw formatError(file, 'the header is not an object');
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__');
  const bad = tensors.find(([, tensor]) => !isTensor(tensor));
  if (bad) throw formatError(file, `the header says nothing readable of tensor ${bad[0]}`);
  return new Map(tensors);
}

function isTensor(value: Partial<Tensor> | null): value is Tensor {
  const areNumbers = (list: unknown) =>
    Array.isArray(list) && list.every((number) => Number.isSafeInteger(number) && number >= 0);
  return (
    typeof value?.dtype === 'string' &&
    areNumbers(value.shape) &&
    areNumbers(value.data_offsets) &&
    value.data_offsets?.length === 2
  );
}
