/** What codes look like without any query, and how far vectors are from their signs (docs/evaluation.md). */

import { runAbortable } from './abort.js';
import { checkOptions, checkThreads, invalidArgument, kindOf } from './arguments.js';
import type { CodeStatistics, CoreCodes, CoreVectors, Loss } from './backend.js';
import { type Codes, toCoreCodes } from './codes.js';
import { Model } from './model.js';
import { backend } from './platform.js';
import { checkDimensions, toVectors, type VectorsInput } from './vectors.js';
import { run } from './work.js';

export interface StatisticsOptions {
  /** Threads of the core; 0 (default) uses all. Results do not depend on it. */
  threads?: number | undefined;
  /** Ends the work; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

/** The losses in the order in which the core returns them. */
const LOSS_ORDER = ['bit-variance', 'l2', 'l1', 'min-entropy'] as const satisfies readonly Loss[];

/**
 * Balance and entropy of each bit, correlation between bits, and the number of different codes. Time grows with
 * rows x bits².
 *
 * @throws INVALID_ARGUMENT, INVALID_OPTION, EMPTY_INPUT
 */
export async function codeStatistics(codes: Codes, options: StatisticsOptions = {}): Promise<CodeStatistics> {
  const threads = checkThreads(checkOptions(options).threads);
  const core = await run(toCoreCodes(codes, 'codes'), options.signal);
  try {
    return await statisticsOf(core, threads, options.signal);
  } finally {
    core.release?.();
  }
}

/**
 * The four losses of the transformed vectors z, each row scaled to norm √bits as for a fit: means over entries
 * (over rows for `min-entropy`). For the rows of a fit this is its `trainLoss`, for others how well it carries over.
 *
 * @throws MISMATCH when the dimensions differ, INVALID_ARGUMENT, INVALID_OPTION, EMPTY_INPUT, NOT_FINITE
 */
export async function quantizationLosses(
  model: Model,
  vectors: VectorsInput,
  options: StatisticsOptions = {},
): Promise<Record<Loss, number>> {
  const threads = checkThreads(checkOptions(options).threads);
  if (!(model instanceof Model)) throw invalidArgument('model', `expected a Model, got ${kindOf(model)}`);
  checkDimensions(vectors, model.dimensions, 'vectors');
  const own = await run(toVectors(vectors, 'vectors'), options.signal);
  try {
    return await lossesOf(model, own.core, threads, options.signal);
  } finally {
    if (own !== vectors) own.release();
  }
}

export function statisticsOf(codes: CoreCodes, threads: number, signal: AbortSignal | undefined) {
  return runAbortable(signal, (cancel) => backend().codeStatistics(codes, threads, cancel));
}

export async function lossesOf(
  model: Model,
  vectors: CoreVectors,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<Record<Loss, number>> {
  const losses = await runAbortable(signal, (cancel) =>
    backend().quantizationLosses(model.core, vectors, threads, cancel),
  );
  const named = LOSS_ORDER.map((loss, i) => [loss, losses[i] as number]);
  return Object.fromEntries(named) as Record<Loss, number>;
}
