/** The facade: everything public that does not depend on where it runs. */

import type { BackendInfo } from './backend.js';
import { backend } from './platform.js';

export { settled } from './abort.js';
export type {
  AveragePrecision,
  BackendInfo,
  Candidate,
  CodeStatistics,
  CodesAre,
  Criterion,
  EpochReport,
  FactorMetric,
  FitSummary,
  HeadSummary,
  Layout,
  LearnReport,
  Loss,
  LossValue,
  Method,
  MetricsAt,
  MetricsWithin,
  ModelSummary,
  Neighbours,
  Objective,
  Penalty,
  ProjectionSource,
  SearchMethod,
  SearchWork,
  SimilarityLoss,
  Solver,
  Ties,
} from './backend.js';
export { type CodeLayout, formatCodes } from './code-layouts.js';
export type { Codes } from './codes.js';
export { type ErrorCode, type ErrorDetails, H2qError } from './errors.js';
export {
  type CosineEvaluationOptions,
  type CosineEvaluationResult,
  type CutOff,
  type EvaluationOptions,
  type EvaluationResult,
  type EvaluationStatistics,
  evaluate,
  evaluateCosine,
  type MetricsByCutOff,
} from './evaluate.js';
export type { RerankEvaluation, RerankMode } from './evaluate-rerank.js';
export type { FilterOptions, IdSet } from './filter.js';
export { type FitOptions, type FitResult, type FitSyncOptions, fit, fitSync, type Progress } from './fit.js';
export {
  type Abortable,
  type BuildOptions,
  type BuildSyncOptions,
  type EmptyOptions,
  HammingIndex,
  type OpenOptions,
  type RadiusResult,
  type RerankedResult,
  type SearchOptions,
  type SearchResult,
  type SearchSyncOptions,
} from './hamming-index.js';
export {
  IndexFile,
  type RepairedIndex,
  repairIndex,
  type VerifiedIndex,
  verifyIndex,
} from './index-disk.js';
export * from './io/index.js';
export type { LabelsInput } from './labels.js';
export {
  type LearnOptions,
  type LearnProgress,
  type LearnResult,
  type LearnSyncOptions,
  learn,
  learnSync,
} from './learn.js';
export { type HammingMeasurement, type MeasureHammingOptions, measureHamming } from './measure-hamming.js';
export {
  type EncodeOptions,
  type EncodeSyncOptions,
  type FactorsOptions,
  type FactorsSyncOptions,
  Model,
  type TransformOptions,
  type TransformSyncOptions,
} from './model.js';
export { hammingDistance, popcount, quantizationLoss, reflectionProduct } from './primitives.js';
export type { AsymmetricRerank, FloatRerank, RerankOptions } from './rerank.js';
export { codeStatistics, quantizationLosses, type StatisticsOptions } from './statistics.js';
export { type CopyOptions, type Matrix, Vectors, type VectorsInput } from './vectors.js';

/** Which backend runs, with how many threads and which SIMD level. Throws NATIVE_UNAVAILABLE. */
export function info(): BackendInfo {
  return backend().info();
}
