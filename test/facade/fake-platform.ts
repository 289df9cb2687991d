/** A platform with real files and a backend whose work is scripted by the test. */

import { setImmediate } from 'node:timers/promises';
import type { Backend, CancelToken, CoreFit, CoreModel, EpochReport, FitSummary } from '../../ts/backend.js';
import { checkWritable, createFile, createNew, openSource } from '../../ts/node/files.js';
import { setPlatform } from '../../ts/platform.js';

/** An error as bindings throw it. */
export function coreError(code: string, message: string, details: object = {}): Error {
  return Object.assign(new Error(message), { code, details });
}

export class FakeCancelToken implements CancelToken {
  isCancelled = false;

  cancel(): void {
    this.isCancelled = true;
  }
}

export interface FakeVectors {
  rows: number;
  columns: number;
  values: Float32Array;
  release(): void;
}

export interface FakeState {
  tokens: FakeCancelToken[];
  /** Turns of the event loop that the facade waited for. */
  turns: number;
  /** Lengths of all slices pushed. */
  slices: number[];
  /** How many vectors were released. */
  releases: number;
}

/** Installs the fake; `overrides` replace parts of the backend. */
export function useFakePlatform(overrides: Partial<Backend> = {}): FakeState {
  const state: FakeState = { tokens: [], turns: 0, slices: [], releases: 0 };
  const fake = { ...vectorsAndCodes(state), ...overrides } as Backend;
  setPlatform({
    backend: () => fake,
    nextTurn: async () => {
      state.turns++;
      await setImmediate();
    },
    openSource,
    mapVectors: () => {
      throw new Error('the fake maps no files');
    },
    checkWritable,
    createFile,
    createNew,
    indexFiles: () => {
      throw new Error('no index files here');
    },
  });
  return state;
}

function vectorsAndCodes(state: FakeState): Partial<Backend> {
  return {
    checkFit: () => {},
    createCancelToken: () => {
      const token = new FakeCancelToken();
      state.tokens.push(token);
      return token;
    },
    vectorsBuilder: (rows, columns, firstRow) => {
      const values = new Float32Array(rows * columns);
      let filled = 0;
      return {
        push: (bytes, element) => {
          if (element !== 'f4') throw new Error(`the fake reads f4, not ${element}`);
          state.slices.push(bytes.length);
          const some = new Float32Array(bytes.slice().buffer);
          const bad = some.findIndex((value) => !Number.isFinite(value));
          if (bad >= 0) {
            const [row, column] = [firstRow + Math.floor((filled + bad) / columns), (filled + bad) % columns];
            throw coreError('NOT_FINITE', `row ${row}, column ${column}: NaN`, { row, column });
          }
          values.set(some, filled);
          filled += some.length;
        },
        finish: () => {
          if (filled !== values.length) throw coreError('MISMATCH', 'values are missing');
          return { rows, columns, values, release: () => void state.releases++ };
        },
      };
    },
    codesBuilder: (rows, bits) => {
      const data = new Uint8Array((rows * bits) / 8);
      let filled = 0;
      return {
        push: (bytes) => {
          state.slices.push(bytes.length);
          data.set(bytes, filled);
          filled += bytes.length;
        },
        finish: () => ({ rows, bits, data }),
      };
    },
  };
}

/** Work that ends only when it is cancelled, and not before `stopMilliseconds` later. */
export function untilCancelled(cancel: CancelToken, stopMilliseconds = 0): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setInterval(() => {
      if (!(cancel as FakeCancelToken).isCancelled) return;
      clearInterval(timer);
      setTimeout(() => reject(coreError('ABORTED', 'aborted')), stopMilliseconds);
    }, 1);
  });
}

/** A fit with these validation losses, one per epoch. */
export function scriptedFit(losses: number[], calls: string[]): CoreFit {
  let epoch = 0;
  let isEnded = false;
  const next = (): EpochReport[] => {
    calls.push('step');
    const validationLoss = losses[epoch++] as number;
    const report = { trainLoss: validationLoss, validationLoss, orthogonalityError: 0, seconds: epoch };
    return [{ method: 'h2q', loss: 'bit-variance', epoch, ...report }];
  };
  const prepare = () => void calls.push('prepare');
  const finish = () => {
    calls.push('finish');
    return fakeModel(epoch);
  };
  return {
    plannedEpochs: losses.length,
    get done() {
      return isEnded || epoch === losses.length;
    },
    candidates: [],
    endMethod: () => {
      isEnded = true;
    },
    prepare: async () => prepare(),
    prepareSync: prepare,
    step: async () => next(),
    stepSync: next,
    finish: async () => finish(),
    finishSync: finish,
  };
}

export function fakeModel(epochs: number): CoreModel {
  const summary = { rows: 4, dimensions: 8, bits: 8, epochs } as FitSummary;
  const unused = () => {
    throw new Error('not part of the fake');
  };
  return {
    dimensions: 8,
    bits: 8,
    fingerprint: '0'.repeat(32),
    summary,
    transform: async ({ rows }) => new Float32Array(rows * 8).fill(1),
    transformSync: ({ rows }) => new Float32Array(rows * 8).fill(1),
    encode: async ({ rows }) => new Uint8Array(rows),
    encodeSync: unused,
    factors: unused,
    factorsSync: unused,
    toBytes: () => Uint8Array.from([1, 2, 3]),
    withHeadOf: unused,
  };
}
