/** What the whole WASM module exports (crates/wasm), as far as this package uses it. Every call blocks. */

import type {
  Candidate,
  CoreFitOptions,
  EpochReport,
  HammingRound,
  MetricsAt,
  ModelSummary,
} from '../backend.js';

/** Memory of WASM behind an object of JavaScript; the garbage collector frees what nobody freed. */
export interface Handle {
  free(): void;
}

/** A handle to something that lives until all its handles are freed. */
export interface Shared<T> extends Handle {
  share(): T;
}

export interface WasmVectors extends Shared<WasmVectors> {
  readonly rows: number;
  readonly columns: number;
  /** The values of these rows. */
  slice(first: number, rows: number): Float32Array;
}

export interface WasmVectorsBuilder extends Handle {
  push(bytes: Uint8Array, element: string): void;
  finish(): WasmVectors;
}

export interface WasmVectorsSampler extends WasmVectorsBuilder {
  chosen(): Float64Array;
}

export interface WasmCodes extends Shared<WasmCodes> {
  readonly rows: number;
  readonly bits: number;
  slice(first: number, rows: number): WasmCodes;
}

export interface WasmCodesBuilder extends Handle {
  push(bytes: Uint8Array): void;
  finish(model: Uint8Array | null): WasmCodes;
}

export interface WasmIds extends Shared<WasmIds> {}

export interface WasmIdsBuilder extends Handle {
  push(bytes: Uint8Array): void;
  pushRows(bytes: Uint8Array): void;
  finish(): WasmIds;
}

export interface WasmFilter extends Shared<WasmFilter> {}

/** Each array is given away, once. */
export interface WasmHits extends Handle {
  rows(): Uint32Array;
  distances(): Int32Array;
  ids(): BigInt64Array | undefined;
  offsets(): Uint32Array;
  /** Of a re-ranking. */
  scores(): Float32Array;
  readonly candidates: number;
  readonly buckets: number;
}

/** What is passed as `ids`, `factors` or `filter` belongs to the callee. */
export interface WasmIndex extends Handle {
  readonly size: number;
  readonly rows: number;
  readonly bits: number;
  readonly hasIds: boolean;
  readonly hasFactors: boolean;
  readonly model: Uint8Array | undefined;
  readonly memory: number;
  frozen(): WasmIndex;
  searchSync(queries: WasmCodes, k: number, method: string, filter?: WasmFilter | null): WasmHits;
  searchRadiusSync(queries: WasmCodes, radius: number, method: string, filter?: WasmFilter | null): WasmHits;
  addSync(codes: WasmCodes, ids?: WasmIds | null, factors?: WasmVectors | null): number;
  removeSync(ids: WasmIds): number;
  buildTablesSync(): void;
  idsSync(first: number, rows: number): BigInt64Array;
  writer(): WasmIndexWriter;
}

export interface WasmIndexWriter extends Handle {
  next(atMost: number): Uint8Array;
}

export interface WasmIndexReader extends Handle {
  push(bytes: Uint8Array): void;
  wanted(): number;
  finish(): WasmIndex;
}

export interface WasmModel extends Shared<WasmModel> {
  readonly dimensions: number;
  readonly bits: number;
  /** 16 bytes. */
  readonly fingerprint: Uint8Array;
  /** Multiplications. */
  readonly productsPerRow: number;
  readonly summary: unknown;
  transformSync(vectors: WasmVectors, first: number, rows: number): Float32Array;
  encodeSync(vectors: WasmVectors, first: number, rows: number, layout: string): Uint8Array;
  toBytes(): Uint8Array;
  withHeadOf(learnt: WasmModel): WasmModel;
  factorsSync(vectors: WasmVectors, first: number, rows: number, metric: string): Float32Array;
}

/** A {@link ModelSummary}, made by the core. */
export function summaryOf(model: WasmModel): ModelSummary {
  return model.summary as ModelSummary;
}

export interface WasmLabels extends Handle {}

/** What a fit ends with: in the whole module a model that can be used. */
export interface WasmFit<M = WasmModel> extends Handle {
  readonly plannedEpochs: number;
  readonly done: boolean;
  /** {@link Candidate}[] */
  readonly candidates: unknown;
  endMethod(): void;
  /** A part of the preparation: true once that was all. */
  preparePart(): boolean;
  /** A part of an epoch: {@link EpochReport} once it is over. */
  stepPart(): unknown;
  /** A part of what the model needs: undefined until it has all. */
  finishPart(): M | undefined;
}

export interface WasmStoredVectors extends Shared<WasmStoredVectors> {
  push(bytes: Uint8Array): void;
  finish(): void;
}

export interface WasmHammingMeasure extends Handle {
  readonly buildSeconds: number | undefined;
  readonly memory: number;
  /** {@link HammingRound} */
  roundSync(): unknown;
}

export interface WasmLossValue extends Handle {
  readonly value: number;
  gradient(): Float32Array;
}

/** A model outside of the whole module. */
export interface WasmFittedModel extends Handle {
  /** Of the fit. */
  readonly seconds: number;
  toBytes(): Uint8Array;
}

/** What fits are made with, by the whole module and by that of the loss `neighbours`. */
export interface FitExports<M = WasmFittedModel> {
  VectorsBuilder: new (rows: number, columns: number, firstRow: number) => WasmVectorsBuilder;
  Labels: {
    single(values: BigInt64Array): WasmLabels;
    multi(values: Uint8Array, classes: number): WasmLabels;
  };
  checkFit(dimensions: number, options: CoreFitOptions): void;
  Fit: new (
    train: WasmVectors,
    validation: WasmVectors | null | undefined,
    options: CoreFitOptions,
    labels?: WasmLabels | null,
    validationLabels?: WasmLabels | null,
  ) => WasmFit<M>;
}

/** The module. */
export interface WasmExports extends FitExports<WasmModel> {
  CodesBuilder: new (rows: number, bits: number) => WasmCodesBuilder;
  IdsBuilder: new (ids: number) => WasmIdsBuilder;
  IndexReader: new (bytes: number) => WasmIndexReader;
  Filter: {
    rows(bytes: Uint8Array, rows: number, isDenied: boolean): WasmFilter;
    ids(ids: WasmIds, isDenied: boolean): WasmFilter;
  };
  Model: { fromBytes(bytes: Uint8Array): WasmModel };
  hammingDistance(a: Uint8Array, b: Uint8Array): number;
  popcount(bytes: Uint8Array): number;
  version(): string;
  simd(): string;
  kernel(): string;
  Hits: new (
    rows: Uint32Array,
    distances: Int32Array,
    ids: BigInt64Array | null | undefined,
    offsets: Uint32Array,
  ) => WasmHits;
  createIndexSync(codes: WasmCodes, ids?: WasmIds | null, factors?: WasmVectors | null): WasmIndex;
  emptyIndex(bits: number, hasIds: boolean, hasFactors: boolean): WasmIndex;
  rerankByCodesSync(
    index: WasmIndex,
    codes: WasmCodes,
    vectors: WasmVectors,
    hits: WasmHits,
    k: number,
  ): WasmHits;
  rerankByVectorsSync(originals: WasmVectors, vectors: WasmVectors, hits: WasmHits, k: number): WasmHits;
  VectorsSampler: new (rows: number, columns: number, keep: number, seed: number) => WasmVectorsSampler;
  StoredVectors: new (
    bytes: number,
    rows: number,
    columns: number,
    element: string,
    first: number,
    counted: boolean,
  ) => WasmStoredVectors;
  rerankByStoredSync(originals: WasmStoredVectors, vectors: WasmVectors, hits: WasmHits, k: number): WasmHits;
  neighboursSync(database: WasmVectors, queries: WasmVectors, count: number): Uint32Array;
  /** `{ metrics: MetricsAt[], within: Float64Array }`, seven numbers for each radius. */
  evaluateCodesSync(
    database: WasmCodes,
    queries: WasmCodes,
    databaseLabels: WasmLabels,
    queryLabels: WasmLabels,
    neighbours: Uint32Array,
    at: Float64Array,
    ties: string,
    averagePrecision: string,
    databaseVectors?: WasmVectors | null,
    queryVectors?: WasmVectors | null,
  ): unknown;
  /** `{ metrics: MetricsAt[], neighbours: Uint32Array }` */
  evaluateCosineSync(
    database: WasmVectors,
    queries: WasmVectors,
    databaseLabels: WasmLabels,
    queryLabels: WasmLabels,
    at: Float64Array,
    averagePrecision: string,
    neighbours: number,
  ): unknown;
  /** Rows, bits, different codes, mean and largest correlation, ones of each bit, entropy of each bit. */
  codeStatisticsSync(codes: WasmCodes): Float64Array;
  quantizationLossesSync(model: WasmModel, vectors: WasmVectors): Float64Array;
  HammingMeasure: new (
    bits: number,
    rows: number,
    queries: number,
    k: number,
    data: string,
    seed: number,
    method: string,
  ) => WasmHammingMeasure;
  reflectionProduct(reflections: Float32Array, dimensions: number): Float32Array;
  lossValue(loss: string, z: Float32Array, columns: number): WasmLossValue;
}

/** What objects of plain values are, behind an `unknown` of the exports. */
export interface Plain {
  candidates: Candidate[];
  report: EpochReport;
  round: HammingRound;
  codes: { metrics: MetricsAt[]; within: Float64Array };
  cosine: { metrics: MetricsAt[]; neighbours: Uint32Array };
}
