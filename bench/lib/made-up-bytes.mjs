/**
 * Bytes that look random and follow from a seed.
 *
 * @param {number} length a multiple of 4
 * @param {number} seed
 */
export function madeUp(length, seed) {
  const words = new Uint32Array(length / 4);
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}
