/** Codes: n x bits/8 bytes, the signs of n transformed vectors. */

import { checkOneOf, invalidArgument, kindOf } from './arguments.js';
import type { CoreCodes, Layout } from './backend.js';
import { H2qError, inContext } from './errors.js';
import { fromHex, isFingerprint } from './fingerprint.js';
import { backend } from './platform.js';
import { copySlices } from './slices.js';
import type { Work } from './work.js';

/** Codes in rows of `bits / 8` bytes. */
export interface Codes {
  data: Uint8Array;
  /** Code length, a multiple of 8. */
  bits: number;
  /**
   * Order of the bits within each byte; `lsb` when left out. `lsb` puts bit j at bit `j % 8` of byte
   * `floor(j / 8)`, `msb` at bit `7 - j % 8`.
   */
  layout?: Layout | undefined;
  /**
   * Fingerprint of the model that they come from, as `encode` puts it here: an index of codes of one model
   * refuses codes of another. Unknown when left out.
   */
  model?: string | undefined;
}

export const LAYOUTS: readonly Layout[] = ['lsb', 'msb'];

/** Number of codes. Throws INVALID_ARGUMENT or EMPTY_INPUT for anything but whole rows. */
export function checkCodes(codes: Codes, name: string): number {
  if (typeof codes !== 'object' || codes === null) {
    throw invalidArgument(name, `expected { data, bits }, got ${kindOf(codes)}`);
  }
  const { data, bits, model } = codes;
  if (!(data instanceof Uint8Array)) {
    throw invalidArgument(name, `data is ${kindOf(data)}, not a Uint8Array`);
  }
  if (!Number.isInteger(bits) || bits < 8 || bits % 8 !== 0) {
    throw invalidArgument(name, `bits is ${String(bits)}, not a positive multiple of 8`);
  }
  if (model !== undefined && !isFingerprint(model)) {
    throw invalidArgument(name, `model is ${String(model)}, not 32 hexadecimal digits`);
  }
  if (data.length === 0) throw new H2qError('EMPTY_INPUT', `${name}: no rows`, { details: { what: name } });
  if (data.length % (bits / 8) !== 0) {
    throw invalidArgument(name, `${data.length} bytes are not whole codes of ${bits / 8} bytes`);
  }
  return data.length / (bits / 8);
}

/** The codes in the core's memory and layout; `name` is the argument that errors name. */
export function* toCoreCodes(codes: Codes, name: string): Work<CoreCodes> {
  const rows = checkCodes(codes, name);
  const layout = checkOneOf('layout', codes.layout ?? 'lsb', LAYOUTS);
  const toLsb = layout === 'lsb' ? (bytes: Uint8Array) => bytes : reverseBits;
  try {
    const builder = backend().codesBuilder(rows, codes.bits);
    yield* copySlices(codes.data, (bytes) => builder.push(toLsb(bytes)));
    return builder.finish(codes.model === undefined ? null : fromHex(codes.model));
  } catch (error) {
    throw inContext(name, error);
  }
}

const REVERSED = Uint8Array.from({ length: 256 }, (_, byte) => {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit++) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
});

/** A copy with the bits of each byte in the opposite order: `lsb` to `msb` and back. */
export function reverseBits(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => REVERSED[byte] as number);
}
