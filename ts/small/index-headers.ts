/** Headers and commits of an index file (docs/formats.md): `crates/core/src/index/file.rs` and `commit.rs`. */

import { H2qError } from '../errors.js';
import { toHex } from '../fingerprint.js';
import { type Memory, u64At, viewOf } from './module.js';
import { lineBytes } from './segment.js';

/** Bytes of any header. */
export const HEADER = 64;
const PAGE = 4096;
/** Where records begin. */
export const FRONT = 3 * PAGE;
/** Bytes that share a checksum. */
export const CHUNK = 2 ** 16;
/** Bytes that may have come together with their commit. */
const MAX_PENDING = 2 ** 20;

export interface Header {
  bits: number;
  hasIds: boolean;
  hasFactors: boolean;
  /** Zeros where nobody said. */
  model: string;
}

export function bad(reason: string): H2qError {
  return new H2qError('INDEX_FORMAT', `not a readable index: ${reason}`, { details: { reason } });
}

export function padded(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}

/** Whether the last of 64 bytes are the checksum of the others. */
function isSealed(memory: Memory, bytes: Uint8Array): boolean {
  return memory.checksum(bytes.subarray(0, 56)) === viewOf(bytes).getBigUint64(56, true);
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function magicOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, 8));
}

/** Whatever opens a file is there twice. */
function copies(front: Uint8Array, page: number): Uint8Array[] {
  return [page, page + HEADER].map((at) => front.subarray(at, at + HEADER));
}

export function readFront(memory: Memory, front: Uint8Array) {
  if (front.length < 2 * HEADER) {
    const isIndex = 'H2QINDEX'.startsWith(magicOf(front));
    throw bad(isIndex ? 'it is truncated' : 'it does not start with H2QINDEX');
  }
  const [first, second] = copies(front, 0) as [Uint8Array, Uint8Array];
  let header: Header;
  try {
    header = readHeader(memory, first);
  } catch (error) {
    try {
      header = readHeader(memory, second);
    } catch {
      throw error;
    }
  }
  if (front.length < FRONT) throw bad('it is truncated');
  const commits = [PAGE, 2 * PAGE]
    .flatMap((page) => copies(front, page))
    .filter(
      (bytes) => magicOf(bytes) === 'H2QCOMIT' && isSealed(memory, bytes) && isZero(bytes.subarray(40, 56)),
    )
    .map(viewOf)
    .filter((view) => view.getBigUint64(8, true) <= 2n ** 62n);
  if (commits.length === 0) throw bad('it has no commit that is whole');
  const last = commits.reduce((best, view) =>
    view.getBigUint64(8, true) >= best.getBigUint64(8, true) ? view : best,
  );
  const commit = {
    settled: last.getBigUint64(16, true) - last.getBigUint64(24, true),
    length: u64At(last, 16),
    pending: u64At(last, 24),
    checksum: last.getBigUint64(32, true),
  };
  const isPossible =
    commit.pending <= MAX_PENDING &&
    commit.length >= FRONT + commit.pending &&
    commit.length % 64 === 0 &&
    commit.pending % 64 === 0;
  if (!isPossible) throw bad('its commit is impossible');
  return { header, commit };
}

function readHeader(memory: Memory, bytes: Uint8Array): Header {
  if (magicOf(bytes) !== 'H2QINDEX') throw bad('it does not start with H2QINDEX');
  if (!isSealed(memory, bytes)) throw bad('the header is damaged');
  const view = viewOf(bytes);
  const version = view.getUint32(8, true);
  if (version !== 2) throw bad(`it has version ${version}, this reads version 2`);
  if (!isZero(bytes.subarray(16, 32))) throw bad('its header has what this version does not know');
  const [size, bits, flags] = [view.getUint32(12, true), view.getUint32(48, true), view.getUint32(52, true)];
  if (size !== HEADER || bits === 0 || bits % 8 !== 0 || bits > 2 ** 30 || flags > 3) {
    throw bad('its header is impossible');
  }
  const model = toHex(bytes.subarray(32, 48));
  return { bits, hasIds: (flags & 1) !== 0, hasFactors: (flags & 2) !== 0, model };
}

/** What the header of a record says. */
export interface Record {
  isRemoval: boolean;
  hasRows: boolean;
  firstRow: number;
  count: number;
  /** After the header: a table of checksums, and the payload that they are of. */
  bytes: number;
  chunks: number;
  payload: number;
  /** Of the table. */
  checksum: bigint;
}

/** The header of a record behind which `left` bytes follow. */
export function readRecord(
  memory: Memory,
  bytes: Uint8Array,
  { bits, hasIds, hasFactors }: Header,
  left: number,
): Record {
  if (!isSealed(memory, bytes)) throw bad('the header of a record is damaged');
  const magic = magicOf(bytes);
  if (magic !== 'H2QSEGMT' && magic !== 'H2QREMOV') throw bad('it has a record of an unknown kind');
  const isRemoval = magic === 'H2QREMOV';
  const view = viewOf(bytes);
  const flag = view.getUint32(12, true);
  const firstRow = u64At(view, 16);
  const isKnown = isZero(bytes.subarray(8, 12)) && isZero(bytes.subarray(48, 56));
  if (!isKnown || flag > (isRemoval ? 0 : 1) || (isRemoval && firstRow !== 0)) {
    throw bad('a record has what this version does not know');
  }
  const [count, announced] = [u64At(view, 24), u64At(view, 32)];
  const hasRows = flag === 1;
  const sections = isRemoval
    ? [4 * count]
    : [lineBytes(count, bits), hasIds ? 8 * count : 0, hasRows ? 4 * count : 0, hasFactors ? 4 * count : 0];
  const payload = sections.reduce((sum, section) => sum + padded(section), 0);
  const chunks = Math.ceil(payload / CHUNK);
  const expected = payload + padded(8 * chunks);
  if (expected >= 2 ** 64) throw bad('a record reaches past its end');
  if (announced !== expected || count === 0) throw bad('the header of a record is impossible');
  if (expected > left) throw bad('it is truncated within a record');
  const checksum = view.getBigUint64(40, true);
  return { isRemoval, hasRows, firstRow, count, bytes: expected, chunks, payload, checksum };
}
