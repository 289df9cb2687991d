/**
 * What every backend offers: the core's surface, in the shapes that cross the binding. The facade is
 * written against this alone. Methods come in pairs: the promise runs on the core's own threads and
 * takes a {@link CancelToken}; the `Sync` twin blocks.
 */

import type { EvaluationBackend, Labels } from './backend-evaluation.js';
import type { SearchBackend, SearchMethod } from './backend-search.js';

export type * from './backend-evaluation.js';
export type * from './backend-search.js';

/** Element types of raw buffers, as in `.npy` headers, little-endian. */
export type ElementType = 'f2' | 'f4' | 'f8' | 'u1' | 'i1';

/** How codes order their bits: `lsb` puts bit j at bit `j % 8` of byte `j / 8`, `msb` at bit `7 - j % 8`. */
export type Layout = 'lsb' | 'msb';

export type Method = 'h2q' | 'itq' | 'random' | 'identity';
/** What methods are compared by: the loss, the recall of float neighbours, the precision of labels. */
export type Criterion = 'loss' | 'neighbours' | 'labels';
export type Loss = 'bit-variance' | 'l2' | 'l1' | 'min-entropy';

/** What `h2q` minimises: a quantization loss, or how far rankings by code are from those by cosine of the input. */
export type Objective = Loss | 'neighbours';

/** Where the directions come from that are turned, where there are fewer bits than dimensions. */
export type ProjectionSource = 'pca' | 'learned';
export type Solver = 'auto' | 'sgd';
/** What a score of re-ranking by codes estimates when the factor of its row refines it. */
export type FactorMetric = 'cosine' | 'inner-product' | 'euclidean';

/** Asks running work to stop. */
export interface CancelToken {
  cancel(): void;
}

/** n x d float32 rows owned by the core; every value is finite. */
export interface CoreVectors {
  readonly rows: number;
  readonly columns: number;
  /** Gives the memory back once no work uses it any more; nothing else may be done with it then. */
  release(): void;
}

/** Where the rows of a file lie. */
export interface CoreRowLayout {
  rows: number;
  columns: number;
  element: ElementType;
  /** Byte at which row 0 begins. */
  first: number;
  /** Whether each row begins with its number of values as uint32. */
  counted: boolean;
}

/** A file of vectors in a memory map, read and checked row by row. */
export interface CoreMappedVectors {
  readonly rows: number;
  readonly columns: number;
  /** Lets the file go once no work reads it any more; nothing else may be done with it then. */
  close(): void;
}

/** Fills a {@link CoreVectors} in slices. `push` takes whole elements only. */
export interface CoreVectorsBuilder {
  push(bytes: Uint8Array, element: ElementType): void;
  finish(): CoreVectors;
}

/** Keeps a uniform sample of the rows that are pushed, whole rows at a time. */
export interface CoreVectorsSampler extends CoreVectorsBuilder {
  /** The numbers of the rows kept, in rising order; once, after `finish`. */
  chosen(): Float64Array;
}

/** Memory of the core that a backend gives back when it is told to, not only when the garbage collector comes by. */
export interface Releasable {
  /** Running work keeps its share until it ends; nothing else may be done with this then. */
  release?(): void;
}

/** n codes of `bits / 8` bytes in `lsb` layout, owned by the core. */
export interface CoreCodes extends Releasable {
  readonly rows: number;
  readonly bits: number;
}

export interface CoreCodesBuilder {
  push(bytes: Uint8Array): void;
  /** `model` is the fingerprint of where they come from, 16 bytes. */
  finish(model: Uint8Array | null): CoreCodes;
}

/** Every option resolved by the core's defaults when left out. */
export interface CoreFitOptions {
  bits?: number;
  method?: Method;
  /** Fits every method and keeps the best; instead of `method`. */
  criterion?: Criterion;
  loss?: Objective;
  projection?: ProjectionSource;
  solver?: Solver;
  epochs?: number;
  learningRate?: number;
  batchSize?: number;
  reflections?: number;
  center?: boolean;
  seed?: number;
  threads?: number;
}

/**
 * One epoch (sgd) or iteration (auto, itq) of a fit. Losses are means over entries (rows for min-entropy)
 * of the loss that the method minimises: l2 for itq.
 */
export interface EpochReport {
  /** The method that is being fitted. */
  method: Method;
  /** What it minimises. */
  loss: Objective;
  /** Counted from 1, for each method anew. */
  epoch: number;
  trainLoss: number;
  validationLoss: number;
  /** max |UᵀU − I| of the rotation after this epoch. */
  orthogonalityError: number;
  /** Seconds of the fit so far, without I/O. */
  seconds: number;
  /**
   * Floating-point operations of the matrix products of this method so far, those of trials of starts, of
   * polar steps (an SVD aside) and of the validation among them. Absent for `sgd`.
   */
  flops?: number;
}

/** What embeddings are learnt by: docs/learning.md. */
export type SimilarityLoss = 'dpsh' | 'dhn' | 'dsh' | 'dch' | 'wglhh' | 'hashnet' | 'hyp2' | 'cel' | 'cosine';
/** Quantization penalties of the baselines. */
export type Penalty = 'none' | 'l2' | 'hswd';

/** Every option resolved by the core's defaults when left out. */
export interface CoreLearnOptions {
  bits?: number;
  loss?: SimilarityLoss;
  hidden?: number[];
  epochs?: number;
  batchSize?: number;
  learningRate?: number;
  weightDecay?: number;
  dropout?: number;
  penalty?: Penalty;
  penaltyWeight?: number;
  continuation?: boolean;
  patience?: number;
  seed?: number;
  threads?: number;
}

/** One epoch of learning. */
export interface LearnReport {
  /** Counted from 1. */
  epoch: number;
  /** Mean over the batches of the loss before each step, penalty included. */
  trainLoss: number;
  /**
   * mAP@1000, over the relevant rows retrieved, of the float embeddings by cosine: up to 1,000 validation rows
   * ask, up to 10,000 training rows are ranked.
   */
  meanAveragePrecision: number;
  /** Seconds so far, without I/O. */
  seconds: number;
}

/** Learning in progress: `prepare`, `step` until `done`, `finish`. */
export interface CoreLearning extends Releasable {
  /** Epochs that there will be, at most. */
  readonly plannedEpochs: number;
  readonly done: boolean;
  prepare(cancel: CancelToken): Promise<void>;
  prepareSync(): void;
  /** Runs up to `epochs` more epochs and returns their reports. */
  step(epochs: number, cancel: CancelToken): Promise<LearnReport[]>;
  stepSync(epochs: number): LearnReport[];
  /** The state after the last whole epoch; nothing before the preparation. */
  checkpoint(): Uint8Array | null;
  /** Takes up a checkpoint, before the preparation. */
  resume(bytes: Uint8Array): void;
  /** The model of the best epoch so far. */
  finish(cancel: CancelToken): Promise<CoreModel>;
  finishSync(): CoreModel;
}

/** How the head of a model was learnt. */
export interface HeadSummary {
  /** Rows that it was learnt from, those for validation included. */
  rows: number;
  /** Of the embeddings that it gives. */
  dimensions: number;
  loss: SimilarityLoss;
  penalty: Penalty;
  penaltyWeight: number;
  seed: number;
  epochs: number;
  /** mAP@1000 of the float embeddings of the validation rows, at the epoch that was kept. */
  meanAveragePrecision: number;
}

/** How a model was fitted. */
export interface ModelSummary {
  /** Rows given to the fit, the validation split included. */
  rows: number;
  dimensions: number;
  bits: number;
  method: Method;
  /** The loss of `trainLoss` and `validationLoss`: the one asked for, but l2 of `method: 'itq'`. */
  loss: Objective;
  solver: Solver;
  epochs: number;
  /** Of the fit alone, without I/O. Absent in a model read from a file, so that equal fits give equal files. */
  seconds?: number;
  /** Of the rotation kept; by the loss `neighbours` the mean over the batches of the last epoch. */
  trainLoss: number;
  /** Of the rotation or projection kept, on rows that were held out. */
  validationLoss: number;
  orthogonalityError: number;
  /** Of a model whose vectors pass a learnt head first. */
  head?: HeadSummary;
}

/**
 * How one method did for `method: 'auto'`, judged on held-out rows (at most 2,000) that search among
 * training rows (at most 10,000).
 */
export interface Candidate {
  method: Method;
  /** What `h2q` minimised; of other methods the loss that all are compared by. */
  loss: Objective;
  /** By the loss that all are compared by: a quantization loss. */
  validationLoss: number;
  /** Share of the 10 nearest rows by cosine of the input that are among the first 100 by Hamming distance. */
  neighbourRecall: number;
  /** Share of the first 100 by Hamming distance with the label of the query; only where labels were given. */
  labelPrecision?: number;
  /** Of this method alone with its start, without the preparation that all share. */
  seconds: number;
}

/** What a fit ended with; `h2q fit --json` prints exactly this. */
export interface FitSummary extends ModelSummary {
  seconds: number;
  /** What `method: 'auto'` chose by, */
  criterion?: Criterion;
  /** and what it chose from; `method` names the winner. */
  candidates?: Candidate[];
}

/** A running fit: `takeOver` where there is one, `prepare`, `step` until `done`, `finish`. */
export interface CoreFit extends Releasable {
  /** Epochs that there will have been, at most, of all methods; falls when one ends before it had to. */
  readonly plannedEpochs: number;
  readonly done: boolean;
  /** The methods judged so far; empty without a criterion. */
  readonly candidates: Candidate[];
  /** Loads what the fit needs and takes its vectors to where it runs: after that it needs the given ones no more. */
  takeOver?(cancel: CancelToken): Promise<void>;
  takeOverSync?(): void;
  prepare(cancel: CancelToken): Promise<void>;
  prepareSync(): void;
  /** Runs up to `epochs` more epochs and returns their reports. */
  step(epochs: number, cancel: CancelToken): Promise<EpochReport[]>;
  stepSync(epochs: number): EpochReport[];
  /** Ends the epochs of the method that is running, as if it had converged. */
  endMethod(): void;
  /** The best model so far. */
  finish(cancel: CancelToken): Promise<CoreModel>;
  finishSync(): CoreModel;
}

export interface CoreModel {
  readonly dimensions: number;
  readonly bits: number;
  /** 32 hexadecimal digits over mean, projection and rotation. */
  readonly fingerprint: string;
  readonly summary: ModelSummary;
  transform(vectors: CoreVectors, threads: number, cancel: CancelToken): Promise<Float32Array>;
  transformSync(vectors: CoreVectors, threads: number): Float32Array;
  encode(vectors: CoreVectors, layout: Layout, threads: number, cancel: CancelToken): Promise<Uint8Array>;
  encodeSync(vectors: CoreVectors, layout: Layout, threads: number): Uint8Array;
  /** One factor per row, for {@link Backend.rerankByCodes}. */
  factors(
    vectors: CoreVectors,
    metric: FactorMetric,
    threads: number,
    cancel: CancelToken,
  ): Promise<Float32Array>;
  factorsSync(vectors: CoreVectors, metric: FactorMetric, threads: number): Float32Array;
  toBytes(): Uint8Array;
  /** The model that applies the head of `learnt` first, of which this one is fitted to the embeddings. */
  withHeadOf(learnt: CoreModel): CoreModel;
}

/** How made-up codes lie: every bit a coin, or around 20,000 centres with each bit flipped at p = 0.06. */
export type CodesAre = 'uniform' | 'clustered';

export interface HammingMeasureOptions {
  bits: number;
  rows: number;
  queries: number;
  k: number;
  data: CodesAre;
  seed: number;
  threads: number;
  method: SearchMethod;
}

/** Seconds of one round of measurements. */
export interface HammingRound {
  singleQuery: number;
  /** All queries in one call. */
  batch: number;
  /** A plain read of the index by one thread with the widest loads, */
  read: number;
  /** of so many bytes. */
  readBytes: number;
}

/** Made-up codes in an index, and queries. */
export interface CoreHammingMeasure {
  /** Seconds that building search tables took, where the method needs them. */
  readonly buildSeconds: number | null;
  /** Bytes that the index holds, tables included. */
  readonly memory: number;
  round(cancel: CancelToken): Promise<HammingRound>;
}

export interface BackendInfo {
  backend: 'native' | 'wasm';
  version: string;
  /** Threads that `threads: 0` uses. */
  threads: number;
  /** The SIMD level of the float kernels. */
  simd: string;
  /** The kernel of the Hamming scan; the environment variable `H2Q_KERNEL` forces one. */
  kernel: string;
}

/** A loss at `z` (rows x columns) and its gradient with respect to each entry. */
export interface LossValue {
  value: number;
  gradient: Float32Array;
}

export interface Backend extends SearchBackend, EvaluationBackend {
  info(): BackendInfo;
  createCancelToken(): CancelToken;
  /** `firstRow` is added to row numbers in errors. */
  vectorsBuilder(rows: number, columns: number, firstRow: number): CoreVectorsBuilder;
  vectorsSampler(rows: number, columns: number, keep: number, seed: number): CoreVectorsSampler;
  codesBuilder(rows: number, bits: number): CoreCodesBuilder;
  /** Throws unless a head over vectors of so many dimensions can be learnt with these options. */
  checkLearn(dimensions: number, options: CoreLearnOptions): void;
  createLearning(
    train: CoreVectors,
    labels: Labels,
    validation: CoreVectors | null,
    validationLabels: Labels | null,
    options: CoreLearnOptions,
  ): CoreLearning;
  /**
   * Throws unless vectors of so many dimensions can be fitted with these options. Where a fit needs what is not loaded
   * yet, a blocking one loads it here; for others `takeOver` does, and tells what cannot be told before.
   */
  checkFit(dimensions: number, options: CoreFitOptions, isBlocking: boolean): void;
  createFit(
    train: CoreVectors,
    validation: CoreVectors | null,
    options: CoreFitOptions,
    labels: Labels | null,
    validationLabels: Labels | null,
  ): CoreFit;
  modelFromBytes(bytes: Uint8Array): CoreModel;
  createHammingMeasure(options: HammingMeasureOptions, cancel: CancelToken): Promise<CoreHammingMeasure>;
  // Primitives, for research and teaching; small inputs, synchronous.
  /** U = H1 H2 … Hm, dimensions x dimensions row-major, of `m` reflection vectors (rows of `reflections`). */
  reflectionProduct(reflections: Float32Array, dimensions: number): Float32Array;
  loss(loss: Loss, z: Float32Array, columns: number): LossValue;
  hammingDistance(a: Uint8Array, b: Uint8Array): number;
  popcount(bytes: Uint8Array): number;
}
