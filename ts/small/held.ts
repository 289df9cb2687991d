/** What the facade gives to a backend first: vectors, codes, ids. Here they wait in memory of JavaScript. */

import type {
  CoreCodes,
  CoreCodesBuilder,
  CoreIds,
  CoreIdsBuilder,
  CoreVectors,
  CoreVectorsBuilder,
} from '../backend.js';
import { H2qError } from '../errors.js';
import { toHex } from '../fingerprint.js';
import { bytesOf, zeros } from './module.js';

interface SmallVectors extends CoreVectors {
  /** None after a release; work that runs has them still. */
  values: Float32Array;
}

export interface SmallCodes extends CoreCodes {
  /** In `lsb` layout. */
  readonly bytes: Uint8Array;
  readonly model: string | null;
}

interface SmallIds extends CoreIds {
  /** As they were given: rows are numbers of 32 bits. */
  readonly values: BigInt64Array | Uint32Array;
}

/** All of it was made here. */
export const valuesOf = (vectors: CoreVectors) => vectors as SmallVectors;
export const codesOf = (codes: CoreCodes) => codes as SmallCodes;
export const idsOf = (ids: CoreIds) => (ids as SmallIds).values;

export function mismatch(what: string, expected: number, actual: number): H2qError {
  return new H2qError('MISMATCH', `${what}: expected ${expected}, got ${actual}`, {
    details: { what, expected, actual },
  });
}

export function vectorsBuilder(rows: number, columns: number, firstRow: number): CoreVectorsBuilder {
  const values = zeros(Float32Array, rows * columns, `${rows} x ${columns} vectors`);
  const bytes = bytesOf(values);
  let filled = 0;
  return {
    // Of other types are the vectors of files alone, which this entry does not read.
    push: (slice) => {
      bytes.set(slice, filled);
      const end = filled + slice.length;
      for (let i = filled / 4; i < end / 4; i++) {
        if (!Number.isFinite(values[i])) throw notFinite(firstRow, columns, i, values[i]!);
      }
      filled = end;
    },
    finish: () => {
      if (filled !== bytes.length) throw mismatch('values', values.length, filled / 4);
      const release = () => {
        own.values = new Float32Array();
      };
      const own: SmallVectors = { rows, columns, values, release };
      return own;
    },
  };
}

function notFinite(firstRow: number, columns: number, at: number, found: number): H2qError {
  const details = {
    row: firstRow + Math.floor(at / columns),
    column: at % columns,
    value: String(found).replace('Infinity', 'inf'),
  };
  const problem = `row ${details.row}, column ${details.column}: ${details.value} is not a finite float32`;
  return new H2qError('NOT_FINITE', problem, { details });
}

export function codesBuilder(rows: number, bits: number): CoreCodesBuilder {
  const bytes = zeros(Uint8Array, rows * (bits / 8), `${rows} codes of ${bits} bits`);
  let filled = 0;
  return {
    push: (slice) => {
      bytes.set(slice, filled);
      filled += slice.length;
    },
    finish: (model) => {
      if (filled !== bytes.length) throw mismatch('bytes of codes', bytes.length, filled);
      return { rows, bits, bytes, model: model && toHex(model) } as CoreCodes;
    },
  };
}

export function idsBuilder(count: number): CoreIdsBuilder {
  let values: BigInt64Array | Uint32Array = new Uint32Array();
  let filled = 0;
  const taking = (type: typeof BigInt64Array | typeof Uint32Array) => (slice: Uint8Array) => {
    if (filled === 0) values = zeros<BigInt64Array | Uint32Array>(type, count, 'ids');
    bytesOf(values).set(slice, filled);
    filled += slice.length;
  };
  return {
    push: taking(BigInt64Array),
    pushRows: taking(Uint32Array),
    finish: () => ({ values }) as CoreIds,
  };
}
