/** A model in the memory of WASM. */

import type { CancelToken, CoreModel, CoreVectors, FactorMetric, Layout, ModelSummary } from '../backend.js';
import { toHex } from '../fingerprint.js';
import { summaryOf, type WasmModel, type WasmVectors } from './exports.js';
import { share } from './held.js';
import type { Instance } from './instance.js';
import { atOnce, inTurns, type Slices } from './turns.js';

/** Multiplications of one slice, some milliseconds. */
const SLICE_PRODUCTS = 2 ** 24;

/** What a slice of rows is turned into, and how it is asked for. */
interface Task<A> {
  perRow: number;
  create(length: number): A;
  slice(model: WasmModel, vectors: WasmVectors, first: number, rows: number): A;
}

export class ModelInWasm implements CoreModel {
  readonly dimensions: number;
  readonly bits: number;
  readonly fingerprint: string;
  /** The object in the memory of WASM. */
  readonly wasm: WasmModel;
  readonly #instance: Instance<unknown>;
  readonly #productsPerRow: number;
  readonly #seconds: number | undefined;

  /** `seconds` are those of the fit, where the object does not know them. */
  constructor(instance: Instance<unknown>, wasm: WasmModel, seconds?: number) {
    this.#instance = instance;
    this.#seconds = seconds;
    this.wasm = wasm;
    this.dimensions = wasm.dimensions;
    this.bits = wasm.bits;
    this.#productsPerRow = wasm.productsPerRow;
    this.fingerprint = toHex(wasm.fingerprint);
  }

  get summary(): ModelSummary {
    const summary = this.#instance.run(() => summaryOf(this.wasm));
    return this.#seconds === undefined ? summary : { ...summary, seconds: this.#seconds };
  }

  withHeadOf(learnt: CoreModel): CoreModel {
    const { wasm } = learnt as ModelInWasm;
    const both = this.#instance.run(() => this.wasm.withHeadOf(wasm));
    return new ModelInWasm(this.#instance, both, this.#seconds);
  }

  transform(vectors: CoreVectors, _threads: number, cancel: CancelToken): Promise<Float32Array> {
    return inTurns(this.#map(vectors, this.#transform()), cancel);
  }

  transformSync(vectors: CoreVectors): Float32Array {
    return atOnce(this.#map(vectors, this.#transform()));
  }

  encode(vectors: CoreVectors, layout: Layout, _threads: number, cancel: CancelToken): Promise<Uint8Array> {
    return inTurns(this.#map(vectors, this.#encode(layout)), cancel);
  }

  encodeSync(vectors: CoreVectors, layout: Layout): Uint8Array {
    return atOnce(this.#map(vectors, this.#encode(layout)));
  }

  factors(
    vectors: CoreVectors,
    metric: FactorMetric,
    _threads: number,
    cancel: CancelToken,
  ): Promise<Float32Array> {
    return inTurns(this.#map(vectors, factorsTask(metric)), cancel);
  }

  factorsSync(vectors: CoreVectors, metric: FactorMetric): Float32Array {
    return atOnce(this.#map(vectors, factorsTask(metric)));
  }

  toBytes(): Uint8Array {
    return this.#instance.run(() => this.wasm.toBytes());
  }

  #transform(): Task<Float32Array> {
    return {
      perRow: this.bits,
      create: (length) => new Float32Array(length),
      slice: (model, vectors, first, rows) => model.transformSync(vectors, first, rows),
    };
  }

  #encode(layout: Layout): Task<Uint8Array> {
    return {
      perRow: this.bits / 8,
      create: (length) => new Uint8Array(length),
      slice: (model, vectors, first, rows) => model.encodeSync(vectors, first, rows, layout),
    };
  }

  /** Rows do not depend on each other, so slices of them give what one call would. */
  *#map<A extends Float32Array | Uint8Array>(vectors: CoreVectors, task: Task<A>): Slices<A> {
    const { rows } = vectors;
    const own = share(vectors);
    try {
      yield;
      const result = task.create(rows * task.perRow);
      const sliceRows = Math.max(4, Math.floor(SLICE_PRODUCTS / this.#productsPerRow));
      for (let first = 0; first < rows; first += sliceRows) {
        const count = Math.min(sliceRows, rows - first);
        const part = this.#instance.run(() => task.slice(this.wasm, own, first, count));
        result.set(part, first * task.perRow);
        yield;
      }
      return result;
    } finally {
      this.#instance.free(own);
    }
  }
}

function factorsTask(metric: FactorMetric): Task<Float32Array> {
  return {
    perRow: 1,
    create: (length) => new Float32Array(length),
    slice: (model, vectors, first, rows) => model.factorsSync(vectors, first, rows, metric),
  };
}
