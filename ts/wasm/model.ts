/** A model in the memory of WASM. */

import type { CancelToken, CoreModel, CoreVectors, FactorMetric, Layout, ModelSummary } from '../backend.js';
import { toHex } from '../fingerprint.js';
import { absent } from './absent.js';
import { summaryOf, type WasmModel, type WasmVectors, type WasmWholeModel } from './exports.js';
import { share } from './held.js';
import type { Instance } from './instance.js';
import { atOnce, inTurns, type Slices } from './turns.js';

/** Multiplications of one slice, some milliseconds. */
const SLICE_PRODUCTS = 2 ** 24;

/** What a slice of rows is turned into, and how it is asked for. */
interface Task<A, H extends WasmModel = WasmModel> {
  perRow: number;
  create(length: number): A;
  slice(model: H, vectors: WasmVectors, first: number, rows: number): A;
}

/** All that is no encoding is absent: {@link WholeModelInWasm} has it. */
export class ModelInWasm<H extends WasmModel = WasmModel> implements CoreModel {
  readonly dimensions: number;
  readonly bits: number;
  readonly fingerprint: string;
  protected readonly instance: Instance<unknown>;
  protected readonly handle: H;
  readonly #productsPerRow: number;

  constructor(instance: Instance<unknown>, handle: H) {
    this.instance = instance;
    this.handle = handle;
    this.dimensions = handle.dimensions;
    this.bits = handle.bits;
    this.#productsPerRow = handle.productsPerRow;
    this.fingerprint = toHex(handle.fingerprint);
  }

  get summary(): ModelSummary {
    return this.instance.run(() => summaryOf(this.handle));
  }

  withHeadOf(_learnt: CoreModel): CoreModel {
    return absent('putting a head before a model');
  }

  transform(vectors: CoreVectors, _threads: number, cancel: CancelToken): Promise<Float32Array> {
    return inTurns(this.map(vectors, this.#transform()), cancel);
  }

  transformSync(vectors: CoreVectors): Float32Array {
    return atOnce(this.map(vectors, this.#transform()));
  }

  encode(vectors: CoreVectors, layout: Layout, _threads: number, cancel: CancelToken): Promise<Uint8Array> {
    return inTurns(this.map(vectors, this.#encode(layout)), cancel);
  }

  encodeSync(vectors: CoreVectors, layout: Layout): Uint8Array {
    return atOnce(this.map(vectors, this.#encode(layout)));
  }

  async factors(_vectors: CoreVectors, _metric: FactorMetric): Promise<Float32Array> {
    return absent('factors');
  }

  factorsSync(_vectors: CoreVectors, _metric: FactorMetric): Float32Array {
    return absent('factors');
  }

  toBytes(): Uint8Array {
    return absent('writing a model');
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
  protected *map<A extends Float32Array | Uint8Array>(vectors: CoreVectors, task: Task<A, H>): Slices<A> {
    const { rows } = vectors;
    const own = share(vectors);
    try {
      yield;
      const result = task.create(rows * task.perRow);
      const sliceRows = Math.max(4, Math.floor(SLICE_PRODUCTS / this.#productsPerRow));
      for (let first = 0; first < rows; first += sliceRows) {
        const count = Math.min(sliceRows, rows - first);
        const part = this.instance.run(() => task.slice(this.handle, own, first, count));
        result.set(part, first * task.perRow);
        yield;
      }
      return result;
    } finally {
      this.instance.free(own);
    }
  }
}

/** A model of the whole module. */
export class WholeModelInWasm extends ModelInWasm<WasmWholeModel> {
  override factors(
    vectors: CoreVectors,
    metric: FactorMetric,
    _threads?: number,
    cancel?: CancelToken,
  ): Promise<Float32Array> {
    return inTurns(this.map(vectors, factorsTask(metric)), cancel);
  }

  override factorsSync(vectors: CoreVectors, metric: FactorMetric): Float32Array {
    return atOnce(this.map(vectors, factorsTask(metric)));
  }

  /** The object in the memory of WASM. */
  get wasm(): WasmWholeModel {
    return this.handle;
  }

  override withHeadOf(learnt: CoreModel): CoreModel {
    const { wasm } = learnt as WholeModelInWasm;
    const both = this.instance.run(() => this.handle.withHeadOf(wasm));
    return new WholeModelInWasm(this.instance, both);
  }

  override toBytes(): Uint8Array {
    return this.instance.run(() => this.handle.toBytes());
  }
}

function factorsTask(metric: FactorMetric): Task<Float32Array, WasmWholeModel> {
  return {
    perRow: 1,
    create: (length) => new Float32Array(length),
    slice: (model, vectors, first, rows) => model.factorsSync(vectors, first, rows, metric),
  };
}
