/** The native addon as a {@link Backend}. */

import { createRequire } from 'node:module';
import type {
  Backend,
  CancelToken,
  CoreCodesBuilder,
  CoreFilter,
  CoreFit,
  CoreIndexReader,
  CoreModel,
  CoreVectorsBuilder,
  CoreVectorsSampler,
} from '../backend.js';
import { H2qError } from '../errors.js';

/** What `native/index.cjs` exports. */
interface Addon
  extends Pick<
    Backend,
    | 'info'
    | 'checkFit'
    | 'createIndex'
    | 'createIndexSync'
    | 'emptyIndex'
    | 'neighbours'
    | 'evaluateCodes'
    | 'evaluateCosine'
    | 'createHammingMeasure'
    | 'reflectionProduct'
    | 'hammingDistance'
    | 'popcount'
  > {
  CancelToken: new () => CancelToken;
  VectorsBuilder: new (...args: Parameters<Backend['vectorsBuilder']>) => CoreVectorsBuilder;
  VectorsSampler: new (...args: Parameters<Backend['vectorsSampler']>) => CoreVectorsSampler;
  CodesBuilder: new (...args: Parameters<Backend['codesBuilder']>) => CoreCodesBuilder;
  IndexReader: new (bytes: number) => CoreIndexReader;
  Filter: {
    rows(bytes: Uint8Array, rows: number, isDenied: boolean): CoreFilter;
    ids(ids: BigInt64Array, isDenied: boolean): CoreFilter;
  };
  Fit: new (...args: Parameters<Backend['createFit']>) => CoreFit;
  Model: { fromBytes(bytes: Uint8Array): CoreModel };
  lossValue: Backend['loss'];
}

let loaded: Backend | undefined;

/** Loads the addon at the first call. Throws `NATIVE_UNAVAILABLE` with the reason as `cause`. */
export function nativeBackend(): Backend {
  loaded ??= adapt(load());
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
    createFit: (...args) => new addon.Fit(...args),
    modelFromBytes: (bytes) => addon.Model.fromBytes(bytes),
    createIndex: addon.createIndex,
    createIndexSync: addon.createIndexSync,
    emptyIndex: addon.emptyIndex,
    indexReader: (bytes) => new addon.IndexReader(bytes),
    filterRows: (bytes, rows, isDenied) => addon.Filter.rows(bytes, rows, isDenied),
    filterIds: (ids, isDenied) => addon.Filter.ids(ids, isDenied),
    neighbours: addon.neighbours,
    evaluateCodes: addon.evaluateCodes,
    evaluateCosine: addon.evaluateCosine,
    createHammingMeasure: addon.createHammingMeasure,
    reflectionProduct: addon.reflectionProduct,
    loss: addon.lossValue,
    hammingDistance: addon.hammingDistance,
    popcount: addon.popcount,
  };
}
