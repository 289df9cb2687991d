/** The module of fits that rank neighbours: where it comes from, when it is loaded, what becomes of a load. */

import type { CancelToken, CoreFitOptions } from '../backend.js';
import { H2qError } from '../errors.js';
import type { FitExports } from './exports.js';
import {
  atHand,
  checkSimd,
  fetched,
  type Given,
  isAnswer,
  nameOf,
  unavailable,
  type WasmSource,
  withoutAlarm,
} from './init.js';
import { Instance } from './instance.js';
import { isCancelled, orAborted } from './turns.js';

/** Glue for one instance, which `wasm/neighbours/factory.js` makes. */
export interface FitGlue {
  imports: WebAssembly.Imports;
  begin(instance: WebAssembly.Instance): { memory: WebAssembly.Memory };
  /** Of use once it has begun. */
  exports: FitExports;
}

/** A module that has been tried, and the instance of that: it checks options. */
interface Loaded {
  module: WebAssembly.Module;
  checking: Instance<FitExports>;
}

/** The module, compiled at most once for each place that it comes from. */
export class NeighboursModule {
  readonly #newGlue: () => FitGlue;
  #origin: Origin;

  /** Nothing is asked for before the module is. */
  constructor(newGlue: () => FitGlue, source: () => WasmSource) {
    this.#newGlue = newGlue;
    this.#origin = new Origin(source, newGlue);
  }

  /** Says where to load it from. A load from elsewhere is waited for no more, and what came from there is used no more. */
  comesFrom(source: Given): void {
    const before = this.#origin;
    if (before.isLoadedFrom(source)) return;
    withoutAlarm(source);
    this.#origin = new Origin(() => source, this.#newGlue);
    before.leave();
  }

  /** Whether a fit need not wait for it. */
  get isLoaded(): boolean {
    return this.#origin.loaded !== undefined;
  }

  /**
   * Loads it unless it is there or on its way. After a failure, and after an abort, the next call tries again.
   *
   * @throws WASM_UNAVAILABLE, OUT_OF_MEMORY, ABORTED
   */
  async load(cancel?: CancelToken): Promise<Loaded> {
    for (;;) {
      const origin = this.#origin;
      if (origin.loaded) return origin.loaded;
      const loading = origin.load();
      try {
        await orAborted(Promise.race([loading, origin.left]), cancel);
      } catch (error) {
        if (isCancelled(cancel)) origin.forget(loading);
        throw error;
      }
    }
  }

  /** {@link NeighboursModule.load}, in this turn: throws WASM_UNAVAILABLE where it is neither loaded nor at hand. */
  loadSync(): Loaded {
    return this.#origin.loaded ?? this.#origin.loadSync();
  }

  /** The options are refused, or a fit with them can be asked for. Blocks, for a module that is at hand. */
  check(dimensions: number, options: CoreFitOptions): void {
    this.loadSync().checking.run(({ checkFit }) => checkFit(dimensions, options));
  }

  async instance(cancel?: CancelToken): Promise<Instance<FitExports>> {
    const { module } = await this.load(cancel);
    try {
      return await instantiated(this.#newGlue(), module);
    } catch (cause) {
      throw this.#origin.notLoaded(cause);
    }
  }

  instanceSync(): Instance<FitExports> {
    const { module } = this.loadSync();
    try {
      return instantiatedSync(this.#newGlue(), module);
    } catch (cause) {
      throw this.#origin.notLoaded(cause);
    }
  }
}

/** One place that the module comes from. */
class Origin {
  readonly #given: () => Given;
  readonly #newGlue: () => FitGlue;
  #loading: Promise<void> | undefined;
  /** What an answer of `fetch` held: it can be read only once, and after a failure there is another try. */
  #body: ArrayBuffer | undefined;
  loaded: Loaded | undefined;
  /** Resolves once there is nothing to wait for here: the module is there, or it comes from elsewhere. */
  readonly left: Promise<void>;
  leave: () => void = () => {};

  constructor(given: () => Given, newGlue: () => FitGlue) {
    this.#given = given;
    this.#newGlue = newGlue;
    this.left = new Promise((resolve) => {
      this.leave = resolve;
    });
  }

  isLoadedFrom(source: Given): boolean {
    const given = this.#given();
    const isSame = given === source || (source instanceof URL && nameOf(given) === source.href);
    return isSame && this.loaded !== undefined;
  }

  load(): Promise<void> {
    if (this.#loading) return this.#loading;
    const loading = this.#load().finally(() => this.forget(loading));
    this.#loading = loading;
    return loading;
  }

  /** The next {@link Origin.load} begins anew. */
  forget(loading: Promise<void>): void {
    if (this.#loading === loading) this.#loading = undefined;
  }

  async #load(): Promise<void> {
    checkSimd();
    let source = this.#given();
    try {
      source = await source;
      const module = await this.#compiled(source);
      this.#keep({ module, checking: tried(await instantiated(this.#newGlue(), module)) });
    } catch (cause) {
      throw this.notLoaded(cause, source);
    }
  }

  loadSync(): Loaded {
    checkSimd();
    const source = this.#given();
    try {
      const found = this.#body ?? atHand(source);
      if (found !== undefined) {
        const module = found instanceof WebAssembly.Module ? found : new WebAssembly.Module(found);
        return this.#keep({ module, checking: tried(instantiatedSync(this.#newGlue(), module)) });
      }
    } catch (cause) {
      throw this.notLoaded(cause);
    }
    throw unavailable(
      `${nameOf(source)} is not loaded: await initNeighbours() before a blocking fit that ranks neighbours`,
    );
  }

  async #compiled(source: WasmSource): Promise<WebAssembly.Module> {
    const found = this.#body ?? (await fetched(source));
    if (!isAnswer(found)) return found instanceof WebAssembly.Module ? found : WebAssembly.compile(found);
    // Compiled as it comes in, a server would have to name its type right.
    const body = await found.arrayBuffer();
    // An address is asked again.
    if (found === source) this.#body = body;
    return WebAssembly.compile(body);
  }

  /** The first that got there. */
  #keep(loaded: Loaded): Loaded {
    this.loaded ??= loaded;
    this.#body = undefined;
    this.leave();
    return this.loaded;
  }

  notLoaded(cause: unknown, source = this.#given()): H2qError {
    // A RangeError in V8 and JavaScriptCore, something else elsewhere.
    if (/out of memory/i.test(String(cause))) {
      const problem = 'there is no memory for another instance of the module of fits that rank neighbours';
      return new H2qError('OUT_OF_MEMORY', problem, { cause });
    }
    return unavailable(`${nameOf(source)} cannot be loaded; fits that rank neighbours need it`, cause);
  }
}

async function instantiated(glue: FitGlue, module: WebAssembly.Module): Promise<Instance<FitExports>> {
  return begun(glue, await WebAssembly.instantiate(module, glue.imports));
}

function instantiatedSync(glue: FitGlue, module: WebAssembly.Module): Instance<FitExports> {
  return begun(glue, new WebAssembly.Instance(module, glue.imports));
}

function begun(glue: FitGlue, instance: WebAssembly.Instance): Instance<FitExports> {
  return new Instance(glue.exports, glue.begin(instance).memory);
}

/** Another module than the right one may get as far as an instance. */
function tried(instance: Instance<FitExports>): Instance<FitExports> {
  instance.run(({ checkFit }) => checkFit(16, { loss: 'neighbours', bits: 8 }));
  return instance;
}
