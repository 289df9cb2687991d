// The changes that the crash test makes to an index file: change i follows from a seed and i alone.
import { HammingIndex, IndexFile } from '../../dist/node/index.js';

export const BITS = 64;

/** The code of an id. @param {bigint} id */
export function codeOf(id) {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, (id + 1n) * 0x9e3779b97f4a7c15n), true);
  return bytes;
}

/** @param {bigint[]} ids */
export function codesOf(ids) {
  const data = new Uint8Array(ids.length * 8);
  for (const [i, id] of ids.entries()) data.set(codeOf(id), i * 8);
  return { data, bits: BITS };
}

/**
 * @param {number} seed
 * @param {number} i
 */
function random(seed, i) {
  let state = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b);
  return (/** @type {number} */ below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    state ^= state >>> 13;
    return (state >>> 0) % below;
  };
}

/**
 * @param {number} seed
 * @param {number} i
 * @returns {{ kind: 'append' | 'remove', ids: bigint[] } | { kind: 'compact' }}
 */
export function changeAt(seed, i) {
  const next = random(seed, i);
  const kind = next(10);
  if (kind === 9) return { kind: 'compact' };
  const first = i * 100_000;
  if (kind > 5) {
    // Of any earlier change, there or not.
    const ids = Array.from({ length: 50 }, () => BigInt(next(i + 1) * 100_000 + next(100)));
    return { kind: 'remove', ids };
  }
  return { kind: 'append', ids: Array.from({ length: 1 + next(4000) }, (_, j) => BigInt(first + j)) };
}

/**
 * @param {IndexFile} file
 * @param {number} seed
 * @param {number} i
 */
export async function apply(file, seed, i) {
  const change = changeAt(seed, i);
  if (change.kind === 'append') {
    await file.append(codesOf(change.ids), { ids: BigInt64Array.from(change.ids) });
  } else if (change.kind === 'remove') await file.remove(BigInt64Array.from(change.ids));
  else await file.compact();
}

/**
 * The ids after the first `count` changes.
 *
 * @param {number} seed
 * @param {number} count
 */
export function idsAfter(seed, count) {
  /** @type {Set<bigint>} */
  const ids = new Set();
  for (let i = 0; i < count; i++) {
    const change = changeAt(seed, i);
    if (change.kind === 'append') for (const id of change.ids) ids.add(id);
    if (change.kind === 'remove') for (const id of change.ids) ids.delete(id);
  }
  return ids;
}

/** What an index holds: ids with the distance of their code to zero. @param {HammingIndex} index */
export async function contentsOf(index) {
  if (index.size === 0) return new Map();
  const zero = { data: new Uint8Array(8), bits: BITS };
  const { ids, distances } = await index.search(zero, index.size);
  return new Map(Array.from(ids ?? [], (id, i) => [id, /** @type {number} */ (distances[i])]));
}
