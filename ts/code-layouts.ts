/** Codes as other software takes them. */

import { checkOneOf } from './arguments.js';
import type { Layout } from './backend.js';
import { type Codes, checkCodes, LAYOUTS, reverseBits } from './codes.js';
import type { NpyType } from './io/npy.js';

/**
 * Named layouts of codes (docs/formats.md):
 * - `lsb`: bit j is bit `j % 8` of byte `floor(j / 8)`; `faiss` is another name for it
 * - `msb`: bit j is bit `7 - j % 8`, as numpy's `packbits` and usearch order them
 * - `binary`: the bytes of `msb` less 128, signed, as `sentence_transformers` has them
 * - `pgvector`: text, a line of `0` and `1` per code, for columns of type `bit(n)`
 */
export type CodeLayout = Layout | 'faiss' | 'binary' | 'pgvector';

export const CODE_LAYOUTS: readonly CodeLayout[] = [...LAYOUTS, 'faiss', 'binary', 'pgvector'];

/** What the core packs, before {@link layOut} makes a named layout of it. */
export function packedAs(layout: CodeLayout): Layout {
  return layout === 'lsb' || layout === 'faiss' ? 'lsb' : 'msb';
}

/** Type of the `.npy` that holds codes of a layout; text is no array. */
export function npyTypeOf(layout: CodeLayout): NpyType | undefined {
  return layout === 'pgvector' ? undefined : layout === 'binary' ? 'i1' : 'u1';
}

/**
 * Codes in a named layout: bytes, signed ones for `binary`, text for `pgvector`.
 *
 * @throws INVALID_ARGUMENT, INVALID_OPTION, EMPTY_INPUT
 */
export function formatCodes(codes: Codes, layout: Layout | 'faiss'): Uint8Array;
export function formatCodes(codes: Codes, layout: 'binary'): Int8Array;
export function formatCodes(codes: Codes, layout: 'pgvector'): string;
export function formatCodes(codes: Codes, layout: CodeLayout): Uint8Array | Int8Array | string;
export function formatCodes(codes: Codes, layout: CodeLayout): Uint8Array | Int8Array | string {
  checkCodes(codes, 'codes');
  checkOneOf('layout', layout, CODE_LAYOUTS);
  const from = checkOneOf('layout', codes.layout ?? 'lsb', LAYOUTS);
  const bytes = from === packedAs(layout) ? codes.data.slice() : reverseBits(codes.data);
  const formatted = layOut(bytes, codes.bits, layout);
  return layout === 'pgvector' ? new TextDecoder().decode(formatted) : formatted;
}

/** Bytes in {@link packedAs} order as those of a layout, of text its characters; may work in place. */
export function layOut(bytes: Uint8Array, bits: number, layout: CodeLayout): Uint8Array | Int8Array {
  if (layout === 'pgvector') return toLines(bytes, bits);
  if (layout !== 'binary') return bytes;
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < signed.length; i++) signed[i] = (bytes[i] as number) - 128;
  return signed;
}

const [ZERO, NEWLINE] = [0x30, 0x0a];

function toLines(bytes: Uint8Array, bits: number): Uint8Array {
  const rows = (bytes.length * 8) / bits;
  const text = new Uint8Array(rows * (bits + 1));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let bit = 0; bit < bits; bit++) {
      const byte = bytes[(row * bits + bit) >> 3] as number;
      text[at++] = ZERO + ((byte >> (7 - (bit & 7))) & 1);
    }
    text[at++] = NEWLINE;
  }
  return text;
}
