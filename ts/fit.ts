/**
 * Fitting a model: centre, project, then turn until every coordinate is close to its sign.
 * "Deep Hashing via Householder Quantization", arXiv 2311.04207.
 */

import {
  checkInteger,
  checkOneOf,
  checkOptions,
  checkThreads,
  invalidArgument,
  invalidOption,
  MAX_F32,
} from './arguments.js';
import type {
  CoreFit,
  CoreFitOptions,
  Criterion,
  EpochReport,
  FitSummary,
  Loss,
  Method,
  Objective,
  ProjectionSource,
  Solver,
} from './backend.js';
import { H2qError, withH2qErrors } from './errors.js';
import { checkSameKind, type LabelsInput, toLabels } from './labels.js';
import { Model } from './model.js';
import { backend } from './platform.js';
import { checkDimensions, countRows, toVectors, Vectors, type VectorsInput, withVectors } from './vectors.js';
import { call, releasing, run, runSync, type Work } from './work.js';

/** What a fit reports after each epoch. */
export interface Progress extends EpochReport {
  /** Epochs that have run, of all methods together. */
  epochsDone: number;
  /**
   * Epochs that there will have been, at most, of all methods together. Falls when one ends before it had
   * to, so that `epochsDone / plannedEpochs` never does.
   */
  plannedEpochs: number;
}

export interface FitSyncOptions {
  /**
   * The model of `learn`: `vectors` and `validation` pass its head first, the rest is fitted to its
   * embeddings, and the result is one model of both. Default: the vectors are the embeddings.
   */
  head?: Model | undefined;
  /** Code length: a multiple of 8, at most the dimensions. Default: the largest such number. */
  bits?: number | undefined;
  /**
   * How the rotation is found. `h2q` (default) minimises `loss`; `itq` is iterative quantization;
   * `random` draws a rotation; `identity` is plain sign; `auto` fits all four (by the criterion `neighbours` also
   * `h2q` with that loss) and keeps the best by `criterion` on held-out rows, the one with the lower loss of equals.
   */
  method?: Method | 'auto' | undefined;
  /**
   * What `auto` chooses by: `loss` (the lowest), `neighbours` (the highest recall of the float
   * neighbours, 10 nearest by cosine in the first 100) or `labels` (the highest precision among the
   * first 100). Default: `labels` where there are any, else `neighbours`.
   */
  criterion?: Criterion | undefined;
  /** Labels of the vectors, for `auto` alone. */
  labels?: LabelsInput | undefined;
  /** Labels of the validation vectors, of the same kind; needed where both `labels` and `validation` are given. */
  validationLabels?: LabelsInput | undefined;
  /**
   * What `h2q` minimises. A quantization loss (section 3.3 of the paper; default `bit-variance`) brings coordinates
   * close to their signs. `neighbours` ranks by code as the cosine of the input does: the nearest rows come back
   * more often, and it takes longer (docs/neighbours.md). WASM has it in a module of its own, loaded when it is asked for.
   */
  loss?: Objective | undefined;
  /**
   * Where the directions come from, where `bits` is less than the dimensions: `pca`, the leading principal ones, or
   * `learned` together with the rotation, by the loss `neighbours` alone. Default: `learned` for that, else `pca`.
   */
  projection?: ProjectionSource | undefined;
  /** `auto` (default) is majorisation, `sgd` the paper's procedure. Only for method `h2q`. */
  solver?: Solver | undefined;
  /** The most epochs, passes over the rows; at least 1. Default 150 for `sgd` (the paper's), 200 for `auto`, 50 for `itq`; 20 of 20 steps each for the loss `neighbours`. */
  epochs?: number | undefined;
  /** Step size of `sgd`, a float32 above 0. Default, as in the paper: 1.0 for `bit-variance`, 0.1 for other losses. */
  learningRate?: number | undefined;
  /** Rows per step of `sgd`. Default 128, as in the paper. */
  batchSize?: number | undefined;
  /**
   * Number m of reflections of `sgd`, a whole number from 1 to `bits`. Default `bits`, as in the paper. With
   * fewer an epoch takes less time, but U = H1 H2 … Hm leaves `bits` - m directions as they are.
   */
  reflections?: number | undefined;
  /** Rows that only judge. Default: a seeded tenth of the rows, at most 10,000. */
  validation?: VectorsInput | undefined;
  /**
   * Subtract the mean first. Default: only when `bits` is less than the dimensions; for the loss `neighbours` also when they are as many,
   * unless rows as they are keep clearly more of their neighbours.
   */
  center?: boolean | undefined;
  /** Seed of every random choice: 0 to 2^53 - 1. Default 0. */
  seed?: number | undefined;
  /** Threads of the core; 0 (default) uses all. Results do not depend on it. */
  threads?: number | undefined;
  /** Ends a method after `patience` epochs without a lower validation loss. Default: no early end. */
  earlyStop?: { patience: number } | undefined;
  /**
   * Releases `vectors` and `validation` (see `Vectors.release`) once they are prepared, when the fit
   * itself needs them no more; it then takes less memory. Default false.
   */
  release?: boolean | undefined;
  /** Called after every epoch. What it throws ends the fit and reaches the caller. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

export interface FitOptions extends FitSyncOptions {
  /** Ends the fit; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

export interface FitResult {
  /** The model of the epoch with the lowest validation loss, of the best method. */
  model: Model;
  /** One report per epoch. */
  history: EpochReport[];
  summary: FitSummary;
}

/**
 * Learns a model of `vectors` without blocking the event loop.
 *
 * @throws INVALID_OPTION, INVALID_BITS, INVALID_ARGUMENT, EMPTY_INPUT, NOT_FINITE, MISMATCH (of the
 * validation vectors' dimensions), DIVERGED (`sgd` alone), WASM_UNAVAILABLE (`neighbours` on the WASM backend, where its
 * module cannot be loaded); `signal.reason` on abort
 */
export async function fit(vectors: VectorsInput, options: FitOptions = {}): Promise<FitResult> {
  return run(fitting(vectors, options, false), checkOptions(options).signal);
}

/** {@link fit}, blocking. */
export function fitSync(vectors: VectorsInput, options: FitSyncOptions = {}): FitResult {
  return runSync(fitting(vectors, checkOptions(options), true));
}

/** Input and options are taken in the turn of the call: what the fit has to wait for comes after that. */
function* fitting(input: VectorsInput, options: FitSyncOptions, isBlocking: boolean): Work<FitResult> {
  const rows = countRows(input, 'vectors');
  const { head } = options;
  const coreOptions = checkFitOptions(options, input.columns, isBlocking);
  if (head && options.validation) checkDimensions(options.validation, head.dimensions, 'validation');
  const labels = options.labels ? yield* toLabels(options.labels, rows, 'labels') : null;
  const validationRows = options.validation ? countRows(options.validation, 'validation') : 0;
  const validationLabels = options.validationLabels
    ? yield* toLabels(options.validationLabels, validationRows, 'validationLabels')
    : null;
  if (labels && validationLabels) checkSameKind(validationLabels, 'validationLabels', labels, 'labels');
  const embed = (vectors: VectorsInput, name: string) =>
    head ? embedded(head, vectors, name, options.threads) : toVectors(vectors, name);
  const train = yield* embed(input, 'vectors');
  const validation = options.validation ? yield* embed(options.validation, 'validation') : null;

  const session = backend().createFit(
    train.core,
    validation?.core ?? null,
    coreOptions,
    labels,
    validationLabels,
  );
  // Copies of arrays and embeddings belong to this fit alone.
  const letGo = () => {
    for (const [given, used] of [
      [input, train],
      [options.validation, validation],
    ]) {
      if (options.release && given instanceof Vectors) given.release();
      if (used instanceof Vectors && used !== given) used.release();
    }
  };
  const result = yield* releasing([session], running(session, options, coreOptions, letGo));
  if (!head) return result;
  const model = new Model(withH2qErrors(() => result.model.core.withHeadOf(head.core)));
  const { criterion, candidates } = result.summary;
  const summary = { ...(model.summary as FitSummary), ...(criterion && { criterion, candidates }) };
  return { ...result, model, summary } as FitResult;
}

function checkHead(head: Model, dimensions: number): void {
  const isPlain =
    head instanceof Model &&
    head.summary.method === 'identity' &&
    head.summary.head?.dimensions === head.bits;
  if (!isPlain) {
    throw invalidArgument('head', 'expected the model of `learn`');
  }
  if (head.dimensions !== dimensions) {
    const message = `vectors: the head takes ${head.dimensions} dimensions, got ${dimensions}`;
    throw new H2qError('MISMATCH', message, {
      details: { what: 'vectors', expected: head.dimensions, actual: dimensions },
    });
  }
}

/** What the head makes of vectors. */
function* embedded(
  head: Model,
  input: VectorsInput,
  name: string,
  threads: number | undefined,
): Work<Vectors> {
  const data = yield* withVectors(input, name, (core) =>
    call(
      () => head.core.transformSync(core, checkThreads(threads)),
      (cancel) => head.core.transform(core, checkThreads(threads), cancel),
    ),
  );
  return yield* toVectors({ data, columns: head.bits }, name);
}

/** Runs a fit to its end; `letGo` is called when it needs its input no more. */
function* running(
  session: CoreFit,
  options: FitSyncOptions,
  coreOptions: CoreFitOptions,
  letGo: () => void,
): Work<FitResult> {
  if (session.takeOver) {
    yield* call(
      () => session.takeOverSync?.(),
      async (cancel) => session.takeOver?.(cancel),
    );
    letGo();
  }
  yield* call(
    () => session.prepareSync(),
    (cancel) => session.prepare(cancel),
  );
  letGo();

  const history: EpochReport[] = [];
  const hasStalled = stallDetector(options.earlyStop?.patience ?? Infinity);
  while (!session.done) {
    const reports = yield* call(
      () => session.stepSync(1),
      (cancel) => session.step(1, cancel),
    );
    for (const report of reports) {
      history.push(report);
      if (hasStalled(report)) session.endMethod();
      const { plannedEpochs } = session;
      options.onProgress?.({ ...report, epochsDone: history.length, plannedEpochs });
    }
  }

  const model = yield* call(
    () => session.finishSync(),
    (cancel) => session.finish(cancel),
  );
  // The core leaves the time out of models read from files alone.
  const summary = model.summary as FitSummary;
  if (coreOptions.criterion) {
    Object.assign(summary, { criterion: coreOptions.criterion, candidates: session.candidates });
  }
  return { model: new Model(model), history, summary };
}

/** Options of a fit before its inputs are there: of those it matters only whether they will be given. */
export type FitRequest = Omit<FitSyncOptions, 'labels' | 'validation' | 'validationLabels'> &
  Partial<Record<'labels' | 'validation' | 'validationLabels', unknown>>;

/**
 * Checks all that can be told from the options and the dimensions of the vectors, before anything is read
 * or copied. `isBlocking` false leaves to the fit what cannot be told before something is loaded.
 *
 * @throws INVALID_OPTION, INVALID_BITS
 */
export function checkFitOptions(options: FitRequest, dimensions: number, isBlocking = true): CoreFitOptions {
  const checked = toCoreOptions(options);
  const { head } = options;
  if (head) checkHead(head, dimensions);
  const fitted = head ? head.bits : dimensions;
  checkWideEnough(fitted);
  withH2qErrors(() => backend().checkFit(fitted, checked, isBlocking));
  return checked;
}

/** There are no codes of less than a byte, whatever `bits` says. */
function checkWideEnough(dimensions: number): void {
  if (dimensions >= 8) return;
  const found = `${dimensions} ${dimensions === 1 ? 'dimension' : 'dimensions'}`;
  throw new H2qError('INVALID_BITS', `vectors: ${found}, too few for the shortest codes, 8 bits`, {
    details: { what: 'vectors', dimensions },
  });
}

/** A function that is told each epoch and says when `patience` in a row of a method were no improvement. */
function stallDetector(patience: number): (report: EpochReport) => boolean {
  let lowest = Infinity;
  let epochsSince = 0;
  return ({ epoch, validationLoss }) => {
    if (epoch === 1) lowest = Infinity;
    epochsSince = validationLoss < lowest ? 0 : epochsSince + 1;
    lowest = Math.min(lowest, validationLoss);
    return epochsSince >= patience;
  };
}

/** Checks kinds; ranges that depend on the vectors are checked by the core. */
export function toCoreOptions(options: FitRequest): CoreFitOptions {
  const {
    bits,
    method,
    loss,
    projection,
    solver,
    epochs,
    learningRate,
    batchSize,
    reflections,
    center,
    seed,
    threads,
  } = options;
  const checked: CoreFitOptions = {};
  if (bits !== undefined) checked.bits = checkInteger('bits', bits, 0);
  if (method === 'auto') {
    const criterion = options.criterion ?? (options.labels ? 'labels' : 'neighbours');
    checked.criterion = checkOneOf('criterion', criterion, CRITERIA);
    if (criterion === 'labels' && !options.labels) {
      throw conflict('criterion', "'labels' cannot be chosen by where none are given; give labels, too");
    }
  } else {
    if (method !== undefined) checked.method = checkMethod(method);
    for (const option of ['criterion', 'labels', 'validationLabels'] as const) {
      if (options[option] !== undefined) {
        throw conflict(option, "only method 'auto' uses this; choose that method, or leave this out");
      }
    }
  }
  if (loss !== undefined) checked.loss = checkOneOf('loss', loss, OBJECTIVES);
  if (projection !== undefined) checked.projection = checkOneOf('projection', projection, PROJECTIONS);
  if (solver !== undefined) checked.solver = checkOneOf('solver', solver, SOLVERS);
  if (epochs !== undefined) checked.epochs = checkInteger('epochs', epochs, 1);
  if (learningRate !== undefined) checked.learningRate = checkPositive('learningRate', learningRate);
  if (batchSize !== undefined) checked.batchSize = checkInteger('batchSize', batchSize, 1);
  if (reflections !== undefined) checked.reflections = checkInteger('reflections', reflections, 1);
  if (center !== undefined) checked.center = checkBoolean('center', center);
  if (seed !== undefined) checked.seed = checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  if (threads !== undefined) checked.threads = checkInteger('threads', threads, 0);
  if (options.validationLabels && !(options.labels && options.validation)) {
    throw conflict('validationLabels', 'of use beside both labels and validation alone; give those, too');
  }
  if (options.labels && options.validation && !options.validationLabels) {
    throw conflict('validationLabels', 'needed where both labels and validation are given');
  }
  if (options.earlyStop) checkInteger('earlyStop.patience', options.earlyStop.patience, 1);
  return checked;
}

/** An option that does not go with others; `problem` says what to do. */
function conflict(option: string, problem: string): H2qError {
  return new H2qError('INVALID_OPTION', `${option}: ${problem}`, { details: { option } });
}

export const METHODS: readonly Method[] = ['h2q', 'itq', 'random', 'identity'];
export const CRITERIA: readonly Criterion[] = ['loss', 'neighbours', 'labels'];
export const LOSSES: readonly Loss[] = ['bit-variance', 'l2', 'l1', 'min-entropy'];
export const OBJECTIVES: readonly Objective[] = [...LOSSES, 'neighbours'];
export const PROJECTIONS: readonly ProjectionSource[] = ['pca', 'learned'];
export const SOLVERS: readonly Solver[] = ['auto', 'sgd'];

function checkMethod(method: string): Method {
  const named = METHODS.find((known) => known === method);
  if (named) return named;
  throw invalidOption('method', method, `one of ${[...METHODS, 'auto'].join(', ')}`);
}

function checkPositive(option: string, value: number): number {
  if (typeof value === 'number' && value > 0 && value <= MAX_F32) return value;
  throw invalidOption(option, value, `a number above 0 and at most ${MAX_F32}`);
}

function checkBoolean(option: string, value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw invalidOption(option, value, 'true or false');
}
