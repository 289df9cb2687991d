/** Model files (docs/formats.md), as `crates/core/src/model_file.rs` reads them. */

import type { HeadSummary, Loss, Method, ModelSummary, Penalty, SimilarityLoss, Solver } from '../backend.js';
import { H2qError } from '../errors.js';
import { toHex } from '../fingerprint.js';
import { type Memory, type SmallExports, viewOf } from './module.js';

const MAGIC = 'H2QMODEL';
const HEADER = 64;
const ALIGNMENT = 64;
const SHAPE = 6;
const MAX_LAYERS = 8;
const MAX_DIMENSIONS = 16_384;
const METHODS: readonly Method[] = ['h2q', 'itq', 'random', 'identity'];
const LOSSES: readonly Loss[] = ['bit-variance', 'l2', 'l1', 'min-entropy'];
const SOLVERS: readonly Solver[] = ['auto', 'sgd'];

/** What is done to rows, in this order: a projection, then, in a head, a bias. */
export interface Layer {
  /** Address of the projection. */
  projection: number;
  columns: number;
  /** Of a layer of a head, */
  bias?: Float32Array;
  /** and whether what is negative becomes 0. */
  isHidden?: boolean;
}

export interface ModelParts {
  dimensions: number;
  bits: number;
  fingerprint: string;
  summary: ModelSummary;
  layers: Layer[];
}

/** Takes a file apart. Throws MODEL_FORMAT, and then nothing is left in the memory. */
export function readModel(memory: Memory, file: Uint8Array): ModelParts {
  if (new TextDecoder().decode(file.subarray(0, 8)) !== MAGIC) throw bad('it does not start with H2QMODEL');
  if (file.length < HEADER) throw bad('it is truncated within the header');
  const header = viewOf(file.subarray(0, HEADER));
  if (memory.checksum(file.subarray(0, 56)) !== header.getBigUint64(56, true)) {
    throw bad('the header is damaged');
  }
  const version = header.getUint32(8, true);
  if (version !== 1 && version !== 2) {
    throw bad(`it has version ${version}, this reads versions 1 and 2`);
  }
  const payload = file.subarray(HEADER);
  const announced = header.getBigUint64(16, true);
  if (header.getUint32(12, true) !== HEADER || BigInt(payload.length) !== announced) {
    throw bad(`${announced} bytes were announced, ${payload.length} are there`);
  }
  const layers: Layer[] = [];
  return memory.lend([payload], 'a model', (wasm, at) => {
    if (memory.checksumAt(wasm, at, payload.length) !== header.getBigUint64(24, true)) {
      throw bad('its contents are damaged');
    }
    try {
      const parts = parse(wasm, version === 2, new Sections(payload, at), layers);
      return { ...parts, fingerprint: toHex(file.subarray(32, 48)), layers };
    } catch (error) {
      for (const { projection } of layers) wasm.end_projection(projection);
      throw error;
    }
  });
}

/** A checksum is no proof of good will, so every size is checked again. */
function parse(wasm: SmallExports, hasHead: boolean, sections: Sections, layers: Layer[]) {
  const [dimensions, bits, reflections, hasMean, hasProjection, metadata] = sections.counts(SHAPE) as [
    ...[number, number, number, number, number, number],
  ];
  const isPossible =
    bits > 0 &&
    dimensions <= MAX_DIMENSIONS &&
    bits % 8 === 0 &&
    reflections <= bits &&
    hasMean <= 1 &&
    hasProjection <= 1 &&
    (hasProjection === 1 ? bits < dimensions : bits === dimensions);
  if (!isPossible) throw bad('its shape is impossible');
  const find = membersOf(sections.take(metadata, 1));
  const summary = summaryOf(find);
  const mean = sections.floats(hasMean * dimensions);
  const projection = sections.floats(hasProjection * dimensions * bits);
  const vectors = sections.floats(reflections * bits);
  const signs = sections.take(bits, 1);
  if (hasHead) {
    readHead(wasm, sections, layers);
    summary.head = headSummaryOf(find, layers.at(-1)?.columns ?? 0);
  }
  if (!sections.isAtEnd || signs.some((sign) => sign !== 1 && sign !== 255)) {
    throw bad('its rotation is malformed');
  }
  const inputs = hasHead ? sections.inputs : dimensions;
  if (summary.dimensions !== inputs || summary.bits !== bits) throw bad('its metadata contradict its shape');
  const areFinite = Number.isFinite(summary.trainLoss) && Number.isFinite(summary.validationLoss);
  const isAsLong = !hasHead || layers.at(-1)?.columns === dimensions;
  const rotated =
    areFinite && isAsLong
      ? wasm.rotation(
          hasMean && sections.at(mean),
          hasProjection && sections.at(projection),
          dimensions,
          bits,
          sections.at(vectors),
          reflections,
          sections.at(signs),
        )
      : 0;
  // Also where a reflection is zero.
  if (rotated === 0) throw bad('its contents contradict each other');
  layers.push({ projection: rotated, columns: bits });
  return { dimensions: inputs, bits, summary };
}

function readHead(wasm: SmallExports, sections: Sections, layers: Layer[]): void {
  const count = sections.peek();
  if (count < 1 || count > MAX_LAYERS) throw bad('its head has an impossible number of layers');
  const [, ...sizes] = sections.counts(2 + count);
  if (sizes.some((size) => size < 1 || size > MAX_DIMENSIONS)) {
    throw bad('its head has a layer of an impossible size');
  }
  let inputs = sizes[0]!;
  sections.inputs = inputs;
  const mean = sections.floats(inputs);
  for (const [number, columns] of sizes.slice(1).entries()) {
    const weights = sections.floats(inputs * columns);
    const bias = sections.floats(columns).slice();
    const centre = number === 0 ? sections.at(mean) : 0;
    const projection = wasm.projection(centre, sections.at(weights), inputs, columns);
    layers.push({ projection, columns, bias, isHidden: number + 1 < count });
    inputs = columns;
  }
}

/** The payload, section by section, and where it lies in the memory of the module. */
class Sections {
  /** Values of a row that the model takes, where there is a head. */
  inputs = 0;
  readonly #payload: Uint8Array;
  readonly #address: number;
  #next = 0;

  constructor(payload: Uint8Array, address: number) {
    // Of its own, so that its sections are aligned.
    this.#payload = payload.slice();
    this.#address = address;
  }

  get isAtEnd(): boolean {
    return this.#next === this.#payload.length;
  }

  take(count: number, size: number): Uint8Array {
    const end = this.#next + count * size;
    if (end > this.#payload.length) throw bad('a section reaches past its end');
    const section = this.#payload.subarray(this.#next, end);
    this.#next = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    return section;
  }

  floats(count: number): Float32Array {
    const { buffer, byteOffset } = this.take(count, 4);
    const values = new Float32Array(buffer, byteOffset, count);
    if (!values.every(Number.isFinite)) throw bad('it holds a value that is not finite');
    return values;
  }

  counts(count: number): number[] {
    const view = viewOf(this.take(count, 4));
    return Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
  }

  /** The first number of the next section. */
  peek(): number {
    const next = this.#next;
    const [first] = this.counts(1);
    this.#next = next;
    return first!;
  }

  /** Where a section lies in the memory of the module. */
  at({ byteOffset }: ArrayBufferView): number {
    return this.#address + byteOffset;
  }
}

type Find = (name: string) => unknown;

function membersOf(text: Uint8Array): Find {
  try {
    const object = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
    if (typeof object !== 'object' || object === null) return () => undefined;
    return (name) => object[name];
  } catch {
    throw bad('its metadata cannot be read: no JSON');
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function summaryOf(find: Find): ModelSummary {
  const checked = <T>(name: string, is: (value: unknown) => boolean): T => {
    const value = find(name);
    if (is(value)) return value as T;
    throw bad(`its metadata cannot be read: no ${name} of the kind expected`);
  };
  const count = (name: string) => checked<number>(name, isCount);
  const choice = <T extends string>(name: string, choices: readonly T[]) =>
    checked<T>(name, (value) => choices.includes(value as T));
  const number = (name: string) => checked<number>(name, (value) => typeof value === 'number');
  const start = { rows: count('rows'), dimensions: count('dimensions'), bits: count('bits') };
  const [method, loss, solver] = [
    choice('method', METHODS),
    choice('loss', LOSSES),
    choice('solver', SOLVERS),
  ];
  count('seed');
  const losses = {
    epochs: count('epochs'),
    trainLoss: number('trainLoss'),
    validationLoss: number('validationLoss'),
  };
  return { ...start, method, loss, solver, ...losses, orthogonalityError: number('orthogonalityError') };
}

/** What is missing is empty or 0: it is only told, nothing depends on it. */
function headSummaryOf(find: Find, dimensions: number): HeadSummary {
  const text = (name: string) => {
    const value = find(name);
    return typeof value === 'string' ? value : '';
  };
  const count = (name: string) => {
    const value = find(name);
    return isCount(value) ? value : 0;
  };
  const number = (name: string) => {
    const value = find(name);
    return typeof value === 'number' ? value : 0;
  };
  return {
    rows: count('learnRows'),
    dimensions,
    loss: text('learnLoss') as SimilarityLoss,
    penalty: text('learnPenalty') as Penalty,
    penaltyWeight: number('learnPenaltyWeight'),
    seed: count('learnSeed'),
    epochs: count('learnEpochs'),
    meanAveragePrecision: number('learnMeanAveragePrecision'),
  };
}

function bad(reason: string): H2qError {
  return new H2qError('MODEL_FORMAT', `not a readable model: ${reason}`, { details: { reason } });
}
