// Codes to search in: uniform ones, or clustered as `h2q bench hamming` makes them.
import { createCipheriv, createHash } from 'node:crypto';

/** Centres of clustered codes, and the probability that a bit of a code differs from its centre's. */
const CENTRES = 20_000;
const FLIPPED = 0.06;

/**
 * @param {'uniform' | 'clustered'} data every bit a coin, or around 20,000 random centres
 * @param {number} bits
 * @param {number} rows
 * @param {string} part codes of another part are others around the same centres
 * @param {number} [seed]
 */
export function makeCodes(data, bits, rows, part, seed = 0) {
  const bytes = bits / 8;
  const random = new RandomBytes(`${seed}/${part}`);
  if (data === 'uniform') return { data: random.bytes(rows * bytes), bits };
  const centres = new RandomBytes(`${seed}/centres`).bytes(CENTRES * bytes);
  const codes = new Uint8Array(rows * bytes);
  for (let row = 0; row < rows; row++) {
    const centre = Math.floor(random.unit() * CENTRES) * bytes;
    codes.set(centres.subarray(centre, centre + bytes), row * bytes);
  }
  // The gaps between flipped bits are drawn, not the bits.
  const gap = () => Math.floor(Math.log(1 - random.unit()) / Math.log(1 - FLIPPED));
  for (let bit = gap(); bit < codes.length * 8; bit += 1 + gap()) {
    codes[Math.floor(bit / 8)] = (codes[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8));
  }
  return { data: codes, bits };
}

/** A stream of random bytes that a name decides: the key stream of a cipher. */
class RandomBytes {
  #cipher;
  #words = new Uint32Array(0);
  #next = 0;

  /** @param {string} name */
  constructor(name) {
    const key = createHash('sha256').update(name).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  }

  /** @param {number} count */
  bytes(count) {
    const { buffer, byteOffset, length } = this.#cipher.update(new Uint8Array(count));
    return new Uint8Array(buffer, byteOffset, length);
  }

  /** A number in [0, 1), a multiple of 2^-32. */
  unit() {
    if (this.#next === this.#words.length) {
      this.#words = new Uint32Array(this.bytes(1 << 20).slice().buffer);
      this.#next = 0;
    }
    return /** @type {number} */ (this.#words[this.#next++]) / 2 ** 32;
  }
}
