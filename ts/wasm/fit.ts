/** Fitting and judging in WASM. */

import type {
  CancelToken,
  Candidate,
  CodeStatistics,
  CodesEvaluation,
  CodesMetrics,
  CoreCodes,
  CoreFit,
  CoreFitOptions,
  CoreHammingMeasure,
  CoreModel,
  CoreVectors,
  CosineEvaluation,
  EpochReport,
  HammingMeasureOptions,
  HammingRound,
  Labels,
  MetricsWithin,
} from '../backend.js';
import type {
  FitExports,
  Plain,
  WasmExports,
  WasmFit,
  WasmHammingMeasure,
  WasmLabels,
  WasmVectors,
} from './exports.js';
import { share, shareCodes } from './held.js';
import type { Instance } from './instance.js';
import { ModelInWasm } from './model.js';
import { atOnce, inTurns, later, type Slices } from './turns.js';

/** A fit by the whole module. */
export function createFit(
  instance: Instance<WasmExports>,
  ...[train, validation, ...rest]: [
    CoreVectors,
    CoreVectors | null,
    CoreFitOptions,
    Labels | null,
    Labels | null,
  ]
): CoreFit {
  const rows = share(train);
  const fit = newFit(instance, rows, () => validation && share(validation), ...rest);
  return new FitInWasm(instance, fit, (model) => new ModelInWasm(instance, model));
}

/** Takes `train` over, and what `validation` gives. */
export function newFit<M>(
  instance: Instance<FitExports<M>>,
  train: WasmVectors,
  validation: () => WasmVectors | null,
  options: CoreFitOptions,
  labels: Labels | null,
  heldOut: Labels | null,
): WasmFit<M> {
  try {
    // The call takes over all that may be missing.
    return instance.run(
      ({ Fit }) =>
        new Fit(
          train,
          validation(),
          options,
          labels && labelsOf(instance, labels),
          heldOut && labelsOf(instance, heldOut),
        ),
    );
  } finally {
    instance.free(train);
  }
}

/**
 * A fit, a part of it per slice. The module of fits that rank neighbours has parts of some milliseconds; in the whole one
 * the preparation is a part, and so is an epoch.
 */
export class FitInWasm<M> implements CoreFit {
  readonly #instance: Instance<unknown>;
  readonly #handle: WasmFit<M>;
  readonly #modelOf: (fitted: M) => CoreModel;

  constructor(instance: Instance<unknown>, handle: WasmFit<M>, modelOf: (fitted: M) => CoreModel) {
    this.#instance = instance;
    this.#handle = handle;
    this.#modelOf = modelOf;
  }

  get plannedEpochs(): number {
    return this.#instance.run(() => this.#handle.plannedEpochs);
  }

  get done(): boolean {
    return this.#instance.run(() => this.#handle.done);
  }

  get candidates(): Candidate[] {
    return this.#instance.run(() => this.#handle.candidates as Plain['candidates']);
  }

  endMethod(): void {
    this.#instance.run(() => this.#handle.endMethod());
  }

  prepare(cancel: CancelToken): Promise<void> {
    return inTurns(this.#preparing(), cancel);
  }

  prepareSync(): void {
    atOnce(this.#preparing());
  }

  step(epochs: number, cancel: CancelToken): Promise<EpochReport[]> {
    return inTurns(this.#stepping(epochs), cancel);
  }

  stepSync(epochs: number): EpochReport[] {
    return atOnce(this.#stepping(epochs));
  }

  finish(cancel: CancelToken): Promise<CoreModel> {
    return inTurns(this.#finishing(), cancel);
  }

  finishSync(): CoreModel {
    return atOnce(this.#finishing());
  }

  release(): void {
    this.#instance.free(this.#handle);
  }

  *#preparing(): Slices<void> {
    do yield;
    while (!this.#instance.run(() => this.#handle.preparePart()));
  }

  *#stepping(epochs: number): Slices<EpochReport[]> {
    const reports: EpochReport[] = [];
    yield;
    while (reports.length < epochs && !this.done) {
      const report = this.#instance.run(() => this.#handle.stepPart() as Plain['report'] | undefined);
      if (report) reports.push(report);
      yield;
    }
    return reports;
  }

  *#finishing(): Slices<CoreModel> {
    for (;;) {
      yield;
      const fitted = this.#instance.run(() => this.#handle.finishPart());
      if (fitted) return this.#modelOf(fitted);
    }
  }
}

function labelsOf(instance: Instance<Pick<FitExports, 'Labels'>>, labels: Labels): WasmLabels {
  return instance.run(({ Labels }) =>
    labels.kind === 'single' ? Labels.single(labels.values) : Labels.multi(labels.values, labels.classes),
  );
}

/** Runs `judge` with the cut-offs and the labels of a task, in the memory of WASM for so long. */
function withLabels<T>(
  instance: Instance<WasmExports>,
  task: Pick<CodesEvaluation, 'databaseLabels' | 'queryLabels' | 'at'>,
  judge: (exports: WasmExports, at: Float64Array, database: WasmLabels, queries: WasmLabels) => T,
): T {
  const at = Float64Array.from(task.at);
  const database = labelsOf(instance, task.databaseLabels);
  const queries = labelsOf(instance, task.queryLabels);
  try {
    return instance.run((exports) => judge(exports, at, database, queries));
  } finally {
    instance.free(database, queries);
  }
}

/** Judges codes, in one slice. */
export function* evaluateCodes(instance: Instance<WasmExports>, task: CodesEvaluation): Slices<CodesMetrics> {
  const [database, queries] = [shareCodes(task.databaseCodes), shareCodes(task.queryCodes)];
  const [databaseVectors, queryVectors] = [task.databaseVectors, task.queryVectors].map(
    (vectors) => vectors && share(vectors),
  );
  try {
    yield;
    const { neighbours, ties, averagePrecision } = task;
    const { metrics, within } = withLabels(
      instance,
      task,
      ({ evaluateCodesSync }, at, ...labels) =>
        evaluateCodesSync(
          database,
          queries,
          ...labels,
          neighbours.rows,
          at,
          ties,
          averagePrecision,
          databaseVectors,
          queryVectors,
        ) as Plain['codes'],
    );
    return { at: metrics, within: Array.from({ length: within.length / 7 }, (_, r) => withinOf(within, r)) };
  } finally {
    instance.free(database, queries);
  }
}

function withinOf(numbers: Float64Array, radius: number): MetricsWithin {
  const of = (at: number) => numbers[radius * 7 + at] as number;
  return {
    radius,
    precision: of(0),
    pooledPrecision: of(1),
    recall: of(2),
    pooledRecall: of(3),
    neighbourRecall: of(4),
    answered: of(5),
    hits: of(6),
  };
}

/** Judges the ranking by cosine, in one slice. */
export function* evaluateCosine(
  instance: Instance<WasmExports>,
  task: CosineEvaluation,
): Slices<Plain['cosine']> {
  const [database, queries] = [share(task.database), share(task.queries)];
  try {
    yield;
    return withLabels(
      instance,
      task,
      ({ evaluateCosineSync }, at, ...labels) =>
        evaluateCosineSync(
          database,
          queries,
          ...labels,
          at,
          task.averagePrecision,
          task.neighbours,
        ) as Plain['cosine'],
    );
  } finally {
    instance.free(database, queries);
  }
}

/** What codes look like, in one slice. */
export function* codeStatistics(instance: Instance<WasmExports>, codes: CoreCodes): Slices<CodeStatistics> {
  const own = shareCodes(codes);
  try {
    yield;
    const numbers = [...instance.run(({ codeStatisticsSync }) => codeStatisticsSync(own))];
    const [rows, bits, distinct, meanCorrelation, maxCorrelation] = numbers as [
      number,
      number,
      number,
      number,
      number,
    ];
    const ones = numbers.slice(5, 5 + bits);
    const entropy = numbers.slice(5 + bits);
    return { rows, bits, distinct, ones, entropy, meanCorrelation, maxCorrelation };
  } finally {
    instance.free(own);
  }
}

/** Losses of the transformed rows, in one slice. */
export function* quantizationLosses(
  instance: Instance<WasmExports>,
  model: CoreModel,
  vectors: CoreVectors,
): Slices<Float64Array> {
  const own = share(vectors);
  try {
    yield;
    const { wasm } = model as ModelInWasm;
    return instance.run(({ quantizationLossesSync }) => quantizationLossesSync(wasm, own));
  } finally {
    instance.free(own);
  }
}

/** The nearest rows by cosine, in one slice. */
export function* neighbours(
  instance: Instance<WasmExports>,
  database: CoreVectors,
  queries: CoreVectors,
  count: number,
): Slices<Uint32Array> {
  const own = [share(database), share(queries)] as const;
  try {
    yield;
    return instance.run(({ neighboursSync }) => neighboursSync(...own, count));
  } finally {
    instance.free(...own);
  }
}

export class HammingMeasureInWasm implements CoreHammingMeasure {
  readonly #instance: Instance<WasmExports>;
  readonly #handle: WasmHammingMeasure;

  constructor(instance: Instance<WasmExports>, options: HammingMeasureOptions) {
    const { bits, rows, queries, k, data, seed, method } = options;
    this.#instance = instance;
    this.#handle = instance.run(
      ({ HammingMeasure }) => new HammingMeasure(bits, rows, queries, k, data, seed, method),
    );
  }

  get buildSeconds(): number | null {
    return this.#instance.run(() => this.#handle.buildSeconds ?? null);
  }

  get memory(): number {
    return this.#instance.run(() => this.#handle.memory);
  }

  round(cancel: CancelToken): Promise<HammingRound> {
    return later(() => this.#instance.run(() => this.#handle.roundSync() as Plain['round']), cancel);
  }
}
