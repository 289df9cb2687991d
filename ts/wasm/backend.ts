/**
 * The WASM module as a {@link Backend}, as `ts/node/native.ts` makes one of the addon. There is one
 * thread: a promise is work in later turns of the event loop, cut into slices between which its cancel
 * token is looked at (`turns.ts`). Building, adding, tables and a judgement are one slice each; fits: `fit.ts`.
 */

import type { Backend, BackendInfo } from '../backend.js';
import { H2qError } from '../errors.js';
import type { WasmExports } from './exports.js';
import {
  codeStatistics,
  createFit,
  evaluateCodes,
  evaluateCosine,
  HammingMeasureInWasm,
  neighbours,
  quantizationLosses,
} from './fit.js';
import { codesBuilder, HeldFilter, idsBuilder, shareIds, vectorsBuilder, vectorsSampler } from './held.js';
import { createIndex, IndexInWasm, indexReader } from './index-in-wasm.js';
import type { Instance } from './instance.js';
import { ModelInWasm } from './model.js';
import { checkFitApart, FitApart, ranksNeighbours } from './neighbours.js';
import type { NeighboursModule } from './neighbours-module.js';
import { rerankByCodes, rerankByVectors } from './rerank.js';
import { atOnce, inTurns, later, WasmCancelToken } from './turns.js';

export function wasmBackend(instance: Instance<WasmExports>, neighboursModule: NeighboursModule): Backend {
  return {
    createCancelToken: () => new WasmCancelToken(),
    vectorsBuilder: (...args) => vectorsBuilder(instance, ...args),
    codesBuilder: (...args) => codesBuilder(instance, ...args),
    idsBuilder: (ids) => idsBuilder(instance, ids),
    filterRows: (bytes, rows, isDenied) =>
      new HeldFilter(
        instance,
        instance.run(({ Filter }) => Filter.rows(bytes, rows, isDenied)),
      ),
    filterIds: (ids, isDenied) => {
      const own = shareIds(ids);
      const filter = instance.run(({ Filter }) => Filter.ids(own, isDenied));
      instance.free(own);
      return new HeldFilter(instance, filter);
    },
    hammingDistance: (a, b) => instance.run((wasm) => wasm.hammingDistance(a, b)),
    popcount: (bytes) => instance.run((wasm) => wasm.popcount(bytes)),
    info: () => instance.run(infoOf),
    modelFromBytes: (bytes) =>
      new ModelInWasm(
        instance,
        instance.run(({ Model }) => Model.fromBytes(bytes)),
      ),
    createIndex: (codes, ids, factors, cancel) => inTurns(createIndex(instance, codes, ids, factors), cancel),
    createIndexSync: (...args) => atOnce(createIndex(instance, ...args)),
    emptyIndex: (...args) =>
      new IndexInWasm(
        instance,
        instance.run(({ emptyIndex }) => emptyIndex(...args)),
      ),
    indexReader: (bytes) => indexReader(instance, bytes),
    rerankByCodes: (index, codes, vectors, hits, k, _threads, cancel) =>
      inTurns(rerankByCodes(instance, index, codes, vectors, hits, k), cancel),
    rerankByCodesSync: (index, codes, vectors, hits, k) =>
      atOnce(rerankByCodes(instance, index, codes, vectors, hits, k)),
    rerankByVectors: (originals, vectors, hits, k, _threads, cancel) =>
      inTurns(rerankByVectors(instance, originals, vectors, hits, k), cancel),
    rerankByVectorsSync: (originals, vectors, hits, k) =>
      atOnce(rerankByVectors(instance, originals, vectors, hits, k)),
    vectorsSampler: (...args) => vectorsSampler(instance, ...args),
    checkFit: (dimensions, options, isBlocking) =>
      ranksNeighbours(options)
        ? checkFitApart(instance, neighboursModule, dimensions, options, isBlocking)
        : instance.run((wasm) => wasm.checkFit(dimensions, options)),
    createFit: (train, validation, options, ...rest) =>
      ranksNeighbours(options)
        ? new FitApart(instance, neighboursModule, train, validation, options, ...rest)
        : createFit(instance, train, validation, options, ...rest),
    checkLearn: () => notHere('learning'),
    createLearning: () => notHere('learning'),
    neighbours: (database, queries, count, _threads, cancel) =>
      inTurns(neighbours(instance, database, queries, count), cancel),
    evaluateCodes: (task, cancel) => inTurns(evaluateCodes(instance, task), cancel),
    evaluateCosine: (task, cancel) => inTurns(evaluateCosine(instance, task), cancel),
    codeStatistics: (codes, _threads, cancel) => inTurns(codeStatistics(instance, codes), cancel),
    quantizationLosses: (model, vectors, _threads, cancel) =>
      inTurns(quantizationLosses(instance, model, vectors), cancel),
    createHammingMeasure: (options, cancel) =>
      later(() => new HammingMeasureInWasm(instance, options), cancel),
    reflectionProduct: (reflections, dimensions) =>
      instance.run((wasm) => wasm.reflectionProduct(reflections, dimensions)),
    loss: (loss, z, columns) =>
      instance.run((wasm) => {
        const result = wasm.lossValue(loss, z, columns);
        const { value } = result;
        const gradient = result.gradient();
        result.free();
        return { value, gradient };
      }),
  };
}

function notHere(what: string): never {
  throw new H2qError('UNSUPPORTED', `${what} runs in the native addon alone; its models run here, too`);
}

function infoOf(wasm: WasmExports): BackendInfo {
  return {
    backend: 'wasm',
    version: wasm.version(),
    threads: 1,
    simd: wasm.simd(),
    kernel: wasm.kernel(),
  };
}
