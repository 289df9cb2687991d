/** The native addon as a {@link Backend}. */

import { createRequire } from 'node:module';
import type {
  Backend,
  CancelToken,
  CoreCodesBuilder,
  CoreFilter,
  CoreFit,
  CoreIds,
  CoreIdsBuilder,
  CoreIndexReader,
  CoreLearning,
  CoreMappedVectors,
  CoreModel,
  CoreRowLayout,
  CoreVectorsBuilder,
  CoreVectorsSampler,
} from '../backend.js';
import type { CoreIndex, CoreIndexFile } from '../backend-search.js';
import { H2qError, inFile, toH2qError } from '../errors.js';
import type { IndexFiles } from '../platform.js';
import { readError } from './files.js';

/** What `native/index.cjs` exports. */
interface Addon
  extends Pick<
    Backend,
    | 'info'
    | 'checkFit'
    | 'checkLearn'
    | 'createIndex'
    | 'createIndexSync'
    | 'emptyIndex'
    | 'rerankByCodes'
    | 'rerankByCodesSync'
    | 'rerankByVectors'
    | 'rerankByVectorsSync'
    | 'neighbours'
    | 'evaluateCodes'
    | 'evaluateCosine'
    | 'codeStatistics'
    | 'quantizationLosses'
    | 'createHammingMeasure'
    | 'reflectionProduct'
    | 'hammingDistance'
    | 'popcount'
  > {
  CancelToken: new () => CancelToken;
  VectorsBuilder: new (...args: Parameters<Backend['vectorsBuilder']>) => CoreVectorsBuilder;
  VectorsSampler: new (...args: Parameters<Backend['vectorsSampler']>) => CoreVectorsSampler;
  CodesBuilder: new (...args: Parameters<Backend['codesBuilder']>) => CoreCodesBuilder;
  IdsBuilder: new (ids: number) => CoreIdsBuilder;
  IndexReader: new (bytes: number) => CoreIndexReader;
  Filter: {
    rows(bytes: Uint8Array, rows: number, isDenied: boolean): CoreFilter;
    ids(ids: CoreIds, isDenied: boolean): CoreFilter;
  };
  Learning: new (...args: Parameters<Backend['createLearning']>) => CoreLearning;
  Fit: new (...args: Parameters<Backend['createFit']>) => CoreFit;
  Model: { fromBytes(bytes: Uint8Array): CoreModel };
  MappedVectors: { open(path: string, layout: CoreRowLayout): CoreMappedVectors };
  lossValue: Backend['loss'];
  openIndexFile(path: string): Promise<CoreIndexFile>;
  mapIndex(path: string): Promise<CoreIndex>;
  verifyIndex: IndexFiles['verify'];
  repairIndex: IndexFiles['repair'];
}

let loaded: Addon | undefined;
let backend: Backend | undefined;

/** Loads the addon at the first call. Throws `NATIVE_UNAVAILABLE` with the reason as `cause`. */
export function nativeBackend(): Backend {
  backend ??= adapt(addon());
  return backend;
}

/** A file of vectors in a memory map. Throws `FILE_UNREADABLE` or what the core finds wrong. */
export function mapVectors(path: string, layout: CoreRowLayout): CoreMappedVectors {
  const { MappedVectors } = addon();
  try {
    return MappedVectors.open(path, layout);
  } catch (cause) {
    throw toH2qError(cause) instanceof H2qError ? inFile(path, cause) : readError(path, cause);
  }
}

/** Index files in memory maps. Throws `NATIVE_UNAVAILABLE`. */
export function indexFiles(): IndexFiles {
  const { openIndexFile, mapIndex, verifyIndex, repairIndex } = addon();
  return { open: openIndexFile, map: mapIndex, verify: verifyIndex, repair: repairIndex };
}

function addon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  try {
    // The same distance from ts/node and from dist/node.
    return createRequire(import.meta.url)('../../native/index.cjs');
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`;
    throw new H2qError('NATIVE_UNAVAILABLE', `the native addon cannot be loaded on ${platform}`, { cause });
  }
}

function adapt(addon: Addon): Backend {
  return {
    info: addon.info,
    createCancelToken: () => new addon.CancelToken(),
    vectorsBuilder: (...args) => new addon.VectorsBuilder(...args),
    vectorsSampler: (...args) => new addon.VectorsSampler(...args),
    codesBuilder: (...args) => new addon.CodesBuilder(...args),
    checkFit: addon.checkFit,
    checkLearn: addon.checkLearn,
    createLearning: (...args) => new addon.Learning(...args),
    createFit: (...args) => new addon.Fit(...args),
    modelFromBytes: (bytes) => addon.Model.fromBytes(bytes),
    createIndex: addon.createIndex,
    createIndexSync: addon.createIndexSync,
    emptyIndex: addon.emptyIndex,
    indexReader: (bytes) => new addon.IndexReader(bytes),
    idsBuilder: (ids) => new addon.IdsBuilder(ids),
    filterRows: (bytes, rows, isDenied) => addon.Filter.rows(bytes, rows, isDenied),
    filterIds: (ids, isDenied) => addon.Filter.ids(ids, isDenied),
    rerankByCodes: addon.rerankByCodes,
    rerankByCodesSync: addon.rerankByCodesSync,
    rerankByVectors: addon.rerankByVectors,
    rerankByVectorsSync: addon.rerankByVectorsSync,
    neighbours: addon.neighbours,
    evaluateCodes: addon.evaluateCodes,
    evaluateCosine: addon.evaluateCosine,
    codeStatistics: addon.codeStatistics,
    quantizationLosses: addon.quantizationLosses,
    createHammingMeasure: addon.createHammingMeasure,
    reflectionProduct: addon.reflectionProduct,
    loss: addon.lossValue,
    hammingDistance: addon.hammingDistance,
    popcount: addon.popcount,
  };
}
