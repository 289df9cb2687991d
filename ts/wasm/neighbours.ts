/**
 * Fits that rank neighbours, in a module of their own: the whole one does not know that loss, which few pages ask for. It is
 * loaded when the first such fit is. Every fit has an instance to itself, so that its memory goes with it; vectors
 * go there slice by slice, and the model comes back as the bytes of its file.
 */

import type {
  CancelToken,
  Candidate,
  CoreFit,
  CoreFitOptions,
  CoreModel,
  CoreVectors,
  EpochReport,
  Labels,
} from '../backend.js';
import { H2qError } from '../errors.js';
import { SLICE_BYTES } from '../slices.js';
import type { FitExports, WasmExports, WasmFit, WasmFittedModel, WasmVectors } from './exports.js';
import { FitInWasm, newFit } from './fit.js';
import { HeldVectors, pushValues, share } from './held.js';
import type { Instance } from './instance.js';
import { ModelInWasm } from './model.js';
import type { NeighboursModule } from './neighbours-module.js';
import { atOnce, inTurns, type Slices } from './turns.js';

/** Whether the whole module leaves fits with these options to the other. */
export function ranksNeighbours({ loss, criterion }: CoreFitOptions): boolean {
  return loss === 'neighbours' || criterion === 'neighbours';
}

/** {@link Backend.checkFit} of such a fit. Without the module what can be told is told: the rest once it is loaded. */
export function checkFitApart(
  whole: Instance<WasmExports>,
  module: NeighboursModule,
  ...[dimensions, options, isBlocking]: [number, CoreFitOptions, boolean]
): void {
  if (!module.isLoaded) {
    const { loss, projection, ...others } = options;
    const known = loss === 'neighbours' ? others : options;
    whole.run(({ checkFit }) => checkFit(dimensions, known));
    if (!isBlocking) return;
  }
  module.check(dimensions, options);
}

/** What a fit is made of, until it is taken over. Its shares are in the memory of the whole module. */
interface Asked {
  train: HeldVectors;
  validation: HeldVectors | null;
  options: CoreFitOptions;
  labels: Labels | null;
  heldOut: Labels | null;
}

/** A fit in an instance of its own, which takes over what the fit is made of. */
export class FitApart implements CoreFit {
  readonly #whole: Instance<WasmExports>;
  readonly #module: NeighboursModule;
  readonly #asked: Asked;
  #begun: FitInWasm<WasmFittedModel> | undefined;

  constructor(
    whole: Instance<WasmExports>,
    module: NeighboursModule,
    ...[train, validation, options, labels, heldOut]: [
      CoreVectors,
      CoreVectors | null,
      CoreFitOptions,
      Labels | null,
      Labels | null,
    ]
  ) {
    this.#whole = whole;
    this.#module = module;
    const held = (vectors: CoreVectors) => new HeldVectors(whole, share(vectors));
    this.#asked = {
      train: held(train),
      validation: validation && held(validation),
      options,
      labels,
      heldOut,
    };
  }

  get #fit(): FitInWasm<WasmFittedModel> {
    if (!this.#begun)
      throw new H2qError('INTERNAL', 'internal error: a fit was used before it took over its vectors');
    return this.#begun;
  }

  get plannedEpochs(): number {
    return this.#fit.plannedEpochs;
  }

  get done(): boolean {
    return this.#fit.done;
  }

  get candidates(): Candidate[] {
    return this.#fit.candidates;
  }

  endMethod(): void {
    this.#fit.endMethod();
  }

  async takeOver(cancel: CancelToken): Promise<void> {
    await this.#module.load(cancel);
    const { train, options } = this.#asked;
    this.#module.check(train.columns, options);
    const instance = await this.#module.instance(cancel);
    this.#begun = await inTurns(this.#beginning(instance), cancel);
  }

  takeOverSync(): void {
    this.#begun = atOnce(this.#beginning(this.#module.instanceSync()));
  }

  prepare(cancel: CancelToken): Promise<void> {
    return this.#fit.prepare(cancel);
  }

  prepareSync(): void {
    this.#fit.prepareSync();
  }

  step(epochs: number, cancel: CancelToken): Promise<EpochReport[]> {
    return this.#fit.step(epochs, cancel);
  }

  stepSync(epochs: number): EpochReport[] {
    return this.#fit.stepSync(epochs);
  }

  finish(cancel: CancelToken): Promise<CoreModel> {
    return this.#fit.finish(cancel);
  }

  finishSync(): CoreModel {
    return this.#fit.finishSync();
  }

  release(): void {
    this.#asked.train.release();
    this.#asked.validation?.release();
    // The last that knows of the instance.
    this.#begun = undefined;
  }

  *#beginning(instance: Instance<FitExports>): Slices<FitInWasm<WasmFittedModel>> {
    const { train, validation, options, labels, heldOut } = this.#asked;
    yield;
    const rows = yield* copied(train, instance);
    const validationRows = validation && (yield* copied(validation, instance));
    const fit: WasmFit<WasmFittedModel> = newFit(
      instance,
      rows,
      () => validationRows,
      options,
      labels,
      heldOut,
    );
    return new FitInWasm(instance, fit, (model) => this.#bring(instance, model));
  }

  #bring(instance: Instance<FitExports>, fitted: WasmFittedModel): CoreModel {
    const { seconds, bytes } = instance.run(() => ({ seconds: fitted.seconds, bytes: fitted.toBytes() }));
    const model = this.#whole.run(({ Model }) => Model.fromBytes(bytes));
    return new ModelInWasm(this.#whole, model, seconds);
  }
}

/** The same vectors in another instance; the share of them is given back. */
function* copied(vectors: HeldVectors, instance: Instance<FitExports>): Slices<WasmVectors> {
  const { rows, columns } = vectors;
  const builder = instance.run(({ VectorsBuilder }) => new VectorsBuilder(rows, columns, 0));
  const perSlice = Math.max(1, Math.floor(SLICE_BYTES / columns / Float32Array.BYTES_PER_ELEMENT));
  for (let first = 0; first < rows; first += perSlice) {
    const values = vectors.values(first, Math.min(perSlice, rows - first));
    instance.run(() => pushValues(builder, values));
    yield;
  }
  vectors.release();
  return instance.run(() => builder.finish());
}
