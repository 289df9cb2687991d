/** The small module as far as the facade asks a backend for encoding and searching: all else throws UNSUPPORTED. */

import type { Backend, SearchBackend } from '../backend.js';
import type { Instance } from '../wasm/instance.js';
import { atOnce, inTurns, WasmCancelToken } from '../wasm/turns.js';
import { absent } from './absent.js';
import { filterIds, filterRows } from './filter.js';
import { codesBuilder, idsBuilder, mismatch, vectorsBuilder } from './held.js';
import { createIndex, indexReader } from './index.js';
import { SmallModel } from './model.js';
import { Memory, type SmallExports } from './module.js';

export type SmallBackend = SearchBackend &
  Pick<
    Backend,
    | 'createCancelToken'
    | 'vectorsBuilder'
    | 'codesBuilder'
    | 'modelFromBytes'
    | 'hammingDistance'
    | 'popcount'
  >;

export function smallBackend(instance: Instance<SmallExports>): SmallBackend {
  const memory = new Memory(instance);
  const popcount = (bytes: Uint8Array) =>
    memory.lend([bytes], 'bytes', (wasm, at) => wasm.popcount(at!, bytes.length));
  return {
    createCancelToken: () => new WasmCancelToken(),
    vectorsBuilder,
    codesBuilder,
    idsBuilder,
    filterRows: (bytes, _rows, isDenied) => filterRows(bytes, isDenied),
    filterIds,
    modelFromBytes: (bytes) => new SmallModel(memory, bytes),
    createIndex: async (codes, ids, factors, cancel) =>
      factors ? absent('factors') : inTurns(createIndex(memory, codes, ids), cancel),
    createIndexSync: (codes, ids, factors) =>
      factors ? absent('factors') : atOnce(createIndex(memory, codes, ids)),
    emptyIndex: () => absent('an empty index, to add to'),
    indexReader: (bytes) => indexReader(memory, bytes),
    rerankByCodes: async () => absent('re-ranking'),
    rerankByCodesSync: () => absent('re-ranking'),
    rerankByVectors: async () => absent('re-ranking'),
    rerankByVectorsSync: () => absent('re-ranking'),
    hammingDistance: (a, b) => {
      if (a.length === b.length) return popcount(a.map((byte, i) => byte ^ b[i]!));
      throw mismatch('bytes of the second code', a.length, b.length);
    },
    popcount,
  };
}
