/** Files in memory, for readers that only want `{ byteLength, slice }`. */

import type { ByteSource } from '../../ts/platform.js';

export function sourceOf(bytes: Uint8Array): ByteSource {
  return { byteLength: bytes.length, slice: async (start, end) => bytes.slice(start, end) };
}

export function concat(...parts: readonly ArrayBufferView[]): Uint8Array {
  return Buffer.concat(
    parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  );
}

export { seededRandom } from '../conformance/random.js';
