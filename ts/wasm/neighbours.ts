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
import { HeldVectors, share } from './held.js';
import { atHand, checkSimd, fetched, nameOf, unavailable, type WasmSource } from './init.js';
import { Instance } from './instance.js';
import { ModelInWasm } from './model.js';
import { atOnce, inTurns, type Slices } from './turns.js';

/** Glue for one instance, which `wasm/neighbours/factory.js` makes. */
export interface FitGlue {
  imports: WebAssembly.Imports;
  begin(instance: WebAssembly.Instance): { memory: WebAssembly.Memory };
  /** Of use once it has begun. */
  exports: FitExports;
}

/** Whether the whole module leaves fits with these options to the other. */
export function ranksNeighbours({ loss, criterion }: CoreFitOptions): boolean {
  return loss === 'neighbours' || criterion === 'neighbours';
}

/** The module, compiled at most once. */
export class NeighboursModule {
  readonly #newGlue: () => FitGlue;
  #source: () => WasmSource | PromiseLike<WasmSource>;
  #loading: Promise<void> | undefined;
  #compiled: WebAssembly.Module | undefined;
  /** The instance that checks options. */
  #checking: Instance<FitExports> | undefined;

  /** Nothing is asked for before the module is. */
  constructor(newGlue: () => FitGlue, source: () => WasmSource) {
    this.#newGlue = newGlue;
    this.#source = source;
  }

  /** Says where to load it from, instead of the default. */
  comesFrom(source: WasmSource | PromiseLike<WasmSource>): void {
    this.#source = () => source;
  }

  /**
   * Loads it unless it is there or on its way. After a failure the next call tries again.
   *
   * @throws WASM_UNAVAILABLE
   */
  load(): Promise<void> {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    checkSimd();
    const source = await this.#source();
    try {
      this.#compiled ??= await compiled(await fetched(source));
      this.#checking ??= await this.instance();
    } catch (cause) {
      throw notLoaded(source, cause);
    }
  }

  /** In this turn: throws WASM_UNAVAILABLE where it is neither loaded nor at hand. */
  #loadedSync(): WebAssembly.Module {
    if (this.#compiled) return this.#compiled;
    checkSimd();
    const source = this.#source();
    try {
      const module = atHand(source);
      if (module !== undefined) {
        this.#compiled = module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module);
        return this.#compiled;
      }
    } catch (cause) {
      throw notLoaded(source, cause);
    }
    throw unavailable(
      `${nameOf(source)} is not loaded: await initNeighbours() before a blocking fit that ranks neighbours`,
    );
  }

  /** The options are refused, or a fit with them can be asked for. */
  check(dimensions: number, options: CoreFitOptions): void {
    this.#checking ??= this.instanceSync();
    this.#checking.run(({ checkFit }) => checkFit(dimensions, options));
  }

  async instance(): Promise<Instance<FitExports>> {
    const glue = this.#newGlue();
    const module = this.#compiled ?? this.#loadedSync();
    return begun(glue, await WebAssembly.instantiate(module, glue.imports));
  }

  instanceSync(): Instance<FitExports> {
    const module = this.#loadedSync();
    try {
      const glue = this.#newGlue();
      return begun(glue, new WebAssembly.Instance(module, glue.imports));
    } catch (cause) {
      throw notLoaded(this.#source(), cause);
    }
  }
}

function begun(glue: FitGlue, instance: WebAssembly.Instance): Instance<FitExports> {
  return new Instance(glue.exports, glue.begin(instance).memory);
}

async function compiled(source: Response | BufferSource | WebAssembly.Module): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  // Compiled as it comes in, a server would have to name its type right.
  return WebAssembly.compile('arrayBuffer' in source ? await source.arrayBuffer() : source);
}

function notLoaded(source: WasmSource | PromiseLike<WasmSource>, cause: unknown): H2qError {
  return unavailable(`${nameOf(source)} cannot be loaded; fits that rank neighbours need it`, cause);
}

/** What a fit is made of, until it is prepared. Its shares are in the memory of the whole module. */
interface Asked {
  train: HeldVectors;
  validation: HeldVectors | null;
  options: CoreFitOptions;
  labels: Labels | null;
  heldOut: Labels | null;
}

/** A fit in an instance of its own, which begins with the preparation. */
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
    if (!this.#begun) throw new H2qError('INTERNAL', 'internal error: a fit was used before its preparation');
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

  async prepare(cancel: CancelToken): Promise<void> {
    const instance = await this.#module.instance();
    this.#begun = await inTurns(this.#beginning(instance), cancel);
    await this.#fit.prepare(cancel);
  }

  prepareSync(): void {
    this.#begun = atOnce(this.#beginning(this.#module.instanceSync()));
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
    instance.run(() =>
      builder.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 'f4'),
    );
    yield;
  }
  vectors.release();
  return instance.run(() => builder.finish());
}
