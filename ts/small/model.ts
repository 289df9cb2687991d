/** A model of the small module. */

import type { CoreModel, CoreVectors, Layout, ModelSummary } from '../backend.js';
import { H2qError } from '../errors.js';
import { atOnce, inTurns, type Slices } from '../wasm/turns.js';
import { absent } from './absent.js';
import { valuesOf } from './held.js';
import { type Layer, readModel } from './model-file.js';
import { type Block, bytesOf, type Memory, type SmallExports, zeros } from './module.js';

/** Multiplications of one slice, some milliseconds. */
const SLICE_PRODUCTS = 2 ** 24;
/** What a slice needs in the memory of the module stays small. */
const SLICE_ROWS = 2048;

/** All that is no encoding is absent. */
export class SmallModel implements CoreModel {
  readonly dimensions: number;
  readonly bits: number;
  readonly fingerprint: string;
  readonly #summary: ModelSummary;
  readonly #memory: Memory;
  readonly #layers: readonly Layer[];

  constructor(memory: Memory, file: Uint8Array) {
    const { dimensions, bits, fingerprint, summary, layers } = readModel(memory, file);
    this.dimensions = dimensions;
    this.bits = bits;
    this.fingerprint = fingerprint;
    this.#summary = summary;
    this.#memory = memory;
    this.#layers = layers;
    memory.own(this, () => {
      for (const { projection } of layers) memory.instance.exports.end_projection(projection);
    });
  }

  get summary(): ModelSummary {
    const { head, ...rest } = this.#summary;
    return { ...rest, ...(head && { head: { ...head } }) };
  }

  transform(vectors: CoreVectors, _threads: number, cancel: Parameters<CoreModel['transform']>[2]) {
    return inTurns(this.#transform(vectors), cancel);
  }

  transformSync(vectors: CoreVectors): Float32Array {
    return atOnce(this.#transform(vectors));
  }

  encode(
    vectors: CoreVectors,
    layout: Layout,
    _threads: number,
    cancel: Parameters<CoreModel['encode']>[3],
  ): Promise<Uint8Array> {
    return inTurns(this.#encode(vectors, layout), cancel);
  }

  encodeSync(vectors: CoreVectors, layout: Layout): Uint8Array {
    return atOnce(this.#encode(vectors, layout));
  }

  withHeadOf(): CoreModel {
    return absent('putting a head before a model');
  }

  async factors(): Promise<Float32Array> {
    return absent('factors');
  }

  factorsSync(): Float32Array {
    return absent('factors');
  }

  toBytes(): Uint8Array {
    return absent('writing a model');
  }

  #transform(vectors: CoreVectors): Slices<Float32Array> {
    const result = () => zeros(Float32Array, vectors.rows * this.bits, 'transformed vectors');
    return this.#map(vectors, result, this.bits, (_, z, rows) => this.#memory.floats(z, rows * this.bits));
  }

  #encode(vectors: CoreVectors, layout: Layout): Slices<Uint8Array> {
    const perRow = this.bits / 8;
    const result = () => zeros(Uint8Array, vectors.rows * perRow, 'codes');
    return this.#map(vectors, result, perRow, (wasm, z, rows, free) => {
      wasm.pack(z, rows * perRow, layout === 'msb', free);
      return this.#memory.bytes(free, rows * perRow);
    });
  }

  /**
   * What `take` makes of transformed rows at an address, `perRow` values of each; as much memory is free elsewhere. Rows
   * do not depend on each other.
   */
  *#map<A extends Float32Array | Uint8Array>(
    vectors: CoreVectors,
    create: () => A,
    perRow: number,
    take: (wasm: SmallExports, z: number, rows: number, free: number) => A,
  ): Slices<A> {
    const { values } = valuesOf(vectors);
    const { rows } = vectors;
    yield;
    const result = create();
    const widths = [this.dimensions, ...this.#layers.map(({ columns }) => columns)];
    const products = this.#layers.reduce((sum, { columns }, i) => sum + widths[i]! * columns, 0);
    const sliceRows = Math.min(rows, SLICE_ROWS, Math.max(4, Math.floor(SLICE_PRODUCTS / products)));
    const widest = Math.max(...widths);
    const blocks: Block[] = [];
    try {
      for (const _ of ['from', 'to']) {
        blocks.push(this.#memory.reserve(4 * sliceRows * widest, 'transformed vectors'));
      }
      const places = blocks.map(({ at }) => at) as [number, number];
      for (let first = 0; first < rows; first += sliceRows) {
        const count = Math.min(sliceRows, rows - first);
        const slice = values.subarray(first * this.dimensions, (first + count) * this.dimensions);
        this.#memory.bytes(places[0], slice.byteLength).set(bytesOf(slice));
        const [z, free] = this.#apply(places, first, count);
        const taken = this.#memory.instance.run((wasm) => take(wasm, z, count, free));
        result.set(taken, first * perRow);
        yield;
      }
      return result;
    } finally {
      for (const block of blocks) this.#memory.release(block);
    }
  }

  /** Sends rows, numbered from `first` on, through all layers, from place to place; where they end, and the other. */
  #apply([from, to]: [number, number], first: number, rows: number): [number, number] {
    for (const { projection, columns, bias, isHidden } of this.#layers) {
      const failed = this.#memory.instance.run((wasm) => wasm.project(projection, from, rows, to));
      if (failed >= 0) throw outOfRange(first + failed);
      if (bias) {
        this.#memory.lend([bias], 'a layer', (wasm, at) =>
          wasm.add_bias(to, rows, at!, columns, isHidden === true),
        );
      }
      [from, to] = [to, from];
    }
    return [from, to];
  }
}

function outOfRange(row: number): H2qError {
  const problem = 'its values are too large, rotated they leave the range of float32';
  return new H2qError('OUT_OF_RANGE', `row ${row}: ${problem}`, { details: { row } });
}
