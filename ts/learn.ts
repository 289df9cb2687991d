/**
 * Stage one: embeddings that keep similarity, learnt from labels without a quantization term; stage two,
 * `fit` with the option `head`, turns them. "Deep Hashing via Householder Quantization", arXiv 2311.04207.
 */

import { checkInteger, checkOneOf, checkOptions, invalidOption, MAX_F32 } from './arguments.js';
import type { CoreLearning, CoreLearnOptions, LearnReport, Penalty, SimilarityLoss } from './backend.js';
import { H2qError, inContext, withH2qErrors } from './errors.js';
import { checkSameKind, type LabelsInput, toLabels } from './labels.js';
import { Model } from './model.js';
import { backend } from './platform.js';
import { countRows, toVectors, type VectorsInput } from './vectors.js';
import { call, releasing, run, runSync, type Work } from './work.js';

/** What learning reports after each epoch. */
export interface LearnProgress extends LearnReport {
  /** Epochs that there will be, at most. */
  plannedEpochs: number;
  /**
   * The state after this epoch, at those that {@link LearnSyncOptions.checkpointEvery} names: with it as
   * `resume`, another call of `learn` goes on.
   */
  checkpoint?: Uint8Array;
}

export interface LearnSyncOptions {
  /** Labels of the vectors: a value per row, or rows x classes of 0 and 1. Rows are alike when they share one. */
  labels: LabelsInput;
  /** Dimensions of the embedding, and length of the codes: a multiple of 8. Default 64. */
  bits?: number | undefined;
  /** What the embedding is trained by; docs/learning.md has the formulas. Default `cel`. */
  loss?: SimilarityLoss | undefined;
  /** Dimensions of the hidden layers, at most seven; `[]` is a linear head. Default `[512, 512]`. */
  hidden?: readonly number[] | undefined;
  /** The most epochs, at least 1; the learning rate falls to 0 over them. Default 60. */
  epochs?: number | undefined;
  /** Rows of a step, at least 2. Default 128. */
  batchSize?: number | undefined;
  /** Of Adam, at the start: a float32 above 0. Default 0.001. */
  learningRate?: number | undefined;
  /** Decoupled decay of the weights, at least 0. Default 0.0005. */
  weightDecay?: number | undefined;
  /** Share of the hidden values that a step leaves out, 0 to 0.9. Default 0. */
  dropout?: number | undefined;
  /** A quantization penalty, for baselines; H²Q does without. Default `none`. */
  penalty?: Penalty | undefined;
  /** Its factor λ. Default 0.01 for `l2`, 0.1 for `hswd`. */
  penaltyWeight?: number | undefined;
  /** HashNet alone: train on tanh(βz) with rising β. Default false. */
  continuation?: boolean | undefined;
  /** Vectors that only judge. Default: a seeded tenth of the rows, at most 10,000. */
  validation?: VectorsInput | undefined;
  /** Their labels, of the same kind. */
  validationLabels?: LabelsInput | undefined;
  /** Ends after so many epochs without a higher mean average precision. Default 20. */
  patience?: number | undefined;
  /** Seed of every random choice: 0 to 2^53 - 1. Default 0. */
  seed?: number | undefined;
  /** Threads of the core; 0 (default) uses all. Results do not depend on it. */
  threads?: number | undefined;
  /** Epochs from one {@link LearnProgress.checkpoint} to the next, at least 1; the last epoch has one, too. Default: none. */
  checkpointEvery?: number | undefined;
  /** A {@link LearnProgress.checkpoint} of the same vectors, labels and options; `threads` and `patience` may differ. */
  resume?: Uint8Array | undefined;
  /** Called after every epoch. What it throws ends the work and reaches the caller. */
  onProgress?: ((progress: LearnProgress) => void) | undefined;
}

export interface LearnOptions extends LearnSyncOptions {
  /** Ends the work; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

export interface LearnResult {
  /**
   * The model of the best epoch: its `transform` gives the embeddings, its codes are their signs. With `fit`
   * and the option `head` it becomes the first part of a model whose rotation is learnt.
   */
  model: Model;
  /** One report per epoch; after {@link LearnSyncOptions.resume} those since. */
  history: LearnReport[];
}

export const SIMILARITY_LOSSES: readonly SimilarityLoss[] = [
  'dpsh',
  'dhn',
  'dsh',
  'dch',
  'wglhh',
  'hashnet',
  'hyp2',
  'cel',
  'cosine',
];
export const PENALTIES: readonly Penalty[] = ['none', 'l2', 'hswd'];

/**
 * Learns an embedding of `vectors` in which rows that share a label are close, without blocking the event loop.
 *
 * @throws INVALID_OPTION, INVALID_ARGUMENT, EMPTY_INPUT, NOT_FINITE, MISMATCH, DIVERGED, MODEL_FORMAT (of a
 * checkpoint), UNSUPPORTED (of the WASM backend); `signal.reason` on abort
 */
export async function learn(vectors: VectorsInput, options: LearnOptions): Promise<LearnResult> {
  return run(learning(vectors, options), checkOptions(options).signal);
}

/** {@link learn}, blocking. */
export function learnSync(vectors: VectorsInput, options: LearnSyncOptions): LearnResult {
  return runSync(learning(vectors, checkOptions(options)));
}

function* learning(input: VectorsInput, options: LearnSyncOptions): Work<LearnResult> {
  const rows = countRows(input, 'vectors');
  const coreOptions = checkLearnOptions(options, input.columns);
  const labels = yield* toLabels(options.labels, rows, 'labels');
  const { validation, validationLabels } = options;
  const judgeLabels =
    validation && validationLabels
      ? yield* toLabels(validationLabels, countRows(validation, 'validation'), 'validationLabels')
      : null;
  if (judgeLabels) checkSameKind(judgeLabels, 'validationLabels', labels, 'labels');
  const train = yield* toVectors(input, 'vectors');
  const judges = validation ? yield* toVectors(validation, 'validation') : null;
  const session = backend().createLearning(
    train.core,
    labels,
    judges?.core ?? null,
    judgeLabels,
    coreOptions,
  );
  // Copies of arrays belong to this call alone.
  const copies = [train !== input ? train : null, judges !== validation ? judges : null];
  return yield* releasing([session, ...copies], running(session, options));
}

function* running(session: CoreLearning, options: LearnSyncOptions): Work<LearnResult> {
  try {
    if (options.resume) session.resume(options.resume);
    yield* call(
      () => session.prepareSync(),
      (cancel) => session.prepare(cancel),
    );
  } catch (error) {
    // Only a state that is taken up has a format here.
    throw error instanceof H2qError && error.code === 'MODEL_FORMAT' ? inContext('resume', error) : error;
  }
  const history: LearnReport[] = [];
  while (!session.done) {
    const reports = yield* call(
      () => session.stepSync(1),
      (cancel) => session.step(1, cancel),
    );
    for (const report of reports) {
      history.push(report);
      const isKept = session.done || report.epoch % (options.checkpointEvery ?? Infinity) === 0;
      const checkpoint = options.checkpointEvery && isKept ? session.checkpoint() : null;
      const { plannedEpochs } = session;
      options.onProgress?.({ ...report, plannedEpochs, ...(checkpoint && { checkpoint }) });
    }
  }
  const model = yield* call(
    () => session.finishSync(),
    (cancel) => session.finish(cancel),
  );
  return { model: new Model(model), history };
}

/** Options before the inputs are there: of those it matters only whether they will be given. */
export type LearnRequest = Omit<LearnSyncOptions, 'labels' | 'validation' | 'validationLabels'> &
  Partial<Record<'labels' | 'validation' | 'validationLabels', unknown>>;

/**
 * Checks all that can be told from the options and the dimensions of the vectors, before anything is read or
 * copied.
 *
 * @throws INVALID_OPTION
 */
export function checkLearnOptions(options: LearnRequest, dimensions: number): CoreLearnOptions {
  const checked: CoreLearnOptions = {};
  const { loss, penalty, hidden, continuation, resume } = options;
  if (!options.labels) {
    const message = 'labels: nothing can be learnt without them';
    throw new H2qError('INVALID_OPTION', message, { details: { option: 'labels' } });
  }
  if (!options.validation !== !options.validationLabels) {
    const [given, missing] = options.validation
      ? (['validation', 'validationLabels'] as const)
      : (['validationLabels', 'validation'] as const);
    const message = `${missing}: needed where ${given} is given`;
    throw new H2qError('INVALID_OPTION', message, { details: { option: missing } });
  }
  if (loss !== undefined) checked.loss = checkOneOf('loss', loss, SIMILARITY_LOSSES);
  if (penalty !== undefined) checked.penalty = checkOneOf('penalty', penalty, PENALTIES);
  if (hidden !== undefined) {
    if (!Array.isArray(hidden)) throw invalidOption('hidden', hidden, 'a list of whole numbers');
    checked.hidden = hidden.map((size) => checkInteger('hidden', size, 1));
  }
  if (continuation !== undefined) {
    if (typeof continuation !== 'boolean') throw invalidOption('continuation', continuation, 'true or false');
    checked.continuation = continuation;
  }
  if (resume !== undefined && !(resume instanceof Uint8Array)) {
    throw invalidOption('resume', resume, 'the bytes of a checkpoint');
  }
  for (const [name, least] of COUNTS) {
    const value = options[name];
    if (value !== undefined) checked[name] = checkInteger(name, value, least);
  }
  if (options.checkpointEvery !== undefined) checkInteger('checkpointEvery', options.checkpointEvery, 1);
  if (options.seed !== undefined) {
    checked.seed = checkInteger('seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
  }
  for (const name of NUMBERS) {
    const value = options[name];
    if (value === undefined) continue;
    if (!(typeof value === 'number' && value >= 0 && value <= MAX_F32)) {
      throw invalidOption(name, value, 'a number of at least 0');
    }
    checked[name] = value;
  }
  withH2qErrors(() => backend().checkLearn(dimensions, checked));
  return checked;
}

const COUNTS = [
  ['bits', 0],
  ['epochs', 1],
  ['batchSize', 2],
  ['patience', 1],
  ['threads', 0],
] as const;
const NUMBERS = ['learningRate', 'weightDecay', 'dropout', 'penaltyWeight'] as const;
