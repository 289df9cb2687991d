/** A fitted model: what turns vectors into codes. */

import { checkOneOf, checkOptions, checkThreads, invalidArgument, kindOf } from './arguments.js';
import type { CoreModel, FactorMetric, Layout, ModelSummary } from './backend.js';
import { type Codes, LAYOUTS } from './codes.js';
import { inFile, withH2qErrors } from './errors.js';
import { writeFile } from './io/files.js';
import { type FileInput, nameOf, readBytes } from './io/input.js';
import { backend } from './platform.js';
import { checkDimensions, type Matrix, type VectorsInput, withVectors } from './vectors.js';
import { call, run, runSync, type Work } from './work.js';

export interface TransformSyncOptions {
  /** Threads of the core; 0 (default) uses all. Results do not depend on it. */
  threads?: number | undefined;
}

export interface TransformOptions extends TransformSyncOptions {
  /** Ends the work; the promise rejects with `signal.reason` at once. */
  signal?: AbortSignal | undefined;
}

export interface EncodeSyncOptions extends TransformSyncOptions {
  /** Order of the bits within each byte. Default `lsb`. See {@link Codes.layout}. */
  layout?: Layout | undefined;
}

export interface EncodeOptions extends EncodeSyncOptions, TransformOptions {}

export interface FactorsSyncOptions extends TransformSyncOptions {
  /**
   * What a score with the factor estimates: `cosine` (default, the factor is ‖z‖ / ‖z‖₁ of the transformed row
   * z), `inner-product` (‖z‖² / ‖z‖₁), or `euclidean` (−‖x − mean‖ of the row x): minus half the squared Euclidean
   * distance. For rows of norm 1 that ranks as the cosine, and mostly better than without factors where rows are
   * centred (docs/reranking.md). Where every transformed row has norm 1 the first two are the same.
   */
  metric?: FactorMetric | undefined;
}

export interface FactorsOptions extends FactorsSyncOptions, TransformOptions {}

export const FACTOR_METRICS: readonly FactorMetric[] = ['cosine', 'inner-product', 'euclidean'];

/** Mean, projection and rotation, and how they were fitted. Never changes. */
export class Model {
  /** @internal */
  readonly core: CoreModel;

  /** @internal Use `fit`, {@link Model.load} or {@link Model.fromBytes}. */
  constructor(core: CoreModel) {
    this.core = core;
  }

  /** Dimensions of the vectors that it takes. */
  get dimensions(): number {
    return this.core.dimensions;
  }

  /** Length of its codes, at most `dimensions`. */
  get bits(): number {
    return this.core.bits;
  }

  /** 32 hexadecimal digits over mean, projection and rotation: codes of one fingerprint belong together. */
  get fingerprint(): string {
    return this.core.fingerprint;
  }

  /** What the fit ended with; without `seconds` in a model read from bytes or a file. */
  get summary(): ModelSummary {
    return this.core.summary;
  }

  /**
   * The rotated vectors before the sign: rows x `bits` float32 values. With `bits` = dimensions and no
   * centring, distances and cosines are those of the input.
   *
   * @throws MISMATCH for vectors of other dimensions, INVALID_ARGUMENT, EMPTY_INPUT, NOT_FINITE
   */
  async transform(vectors: VectorsInput, options: TransformOptions = {}): Promise<Matrix> {
    return run(this.#transform(vectors, options), checkOptions(options).signal);
  }

  /** {@link Model.transform}, blocking. */
  transformSync(vectors: VectorsInput, options: TransformSyncOptions = {}): Matrix {
    return runSync(this.#transform(vectors, checkOptions(options)));
  }

  /**
   * The codes: bit j of a row is 1 iff coordinate j of its transformed vector is >= 0.
   *
   * @throws as {@link Model.transform}
   */
  async encode(vectors: VectorsInput, options: EncodeOptions = {}): Promise<Codes> {
    return run(this.#encode(vectors, options), checkOptions(options).signal);
  }

  /** {@link Model.encode}, blocking. */
  encodeSync(vectors: VectorsInput, options: EncodeSyncOptions = {}): Codes {
    return runSync(this.#encode(vectors, checkOptions(options)));
  }

  /**
   * One factor per row, in order, that an index keeps beside the codes: with it the scores of
   * `rerank: 'asymmetric'` estimate a cosine, an inner product (RaBitQ: Gao & Long 2024, arXiv 2405.12497) or a
   * distance. A row that is transformed to zeros has factor 0 of the first two, and so score 0; those of
   * `euclidean` are negative, or −0 for a row at the mean. Keep the factors of one metric in an index.
   *
   * @throws as {@link Model.transform}
   */
  async factors(vectors: VectorsInput, options: FactorsOptions = {}): Promise<Float32Array> {
    return run(this.#factors(vectors, options), checkOptions(options).signal);
  }

  /** {@link Model.factors}, blocking. */
  factorsSync(vectors: VectorsInput, options: FactorsSyncOptions = {}): Float32Array {
    return runSync(this.#factors(vectors, checkOptions(options)));
  }

  /** The model as the bytes of a model file (docs/formats.md). */
  toBytes(): Uint8Array {
    return this.core.toBytes();
  }

  /**
   * Reads back what {@link Model.toBytes} wrote.
   *
   * @throws MODEL_FORMAT for foreign, truncated or damaged bytes
   */
  static fromBytes(bytes: Uint8Array): Model {
    if (!(bytes instanceof Uint8Array)) {
      throw invalidArgument('bytes', `expected a Uint8Array, got ${kindOf(bytes)}`);
    }
    return withH2qErrors(() => new Model(backend().modelFromBytes(bytes)));
  }

  /**
   * Writes a model file. It appears complete or not at all.
   *
   * @throws FILE_UNWRITABLE
   */
  async save(path: string): Promise<void> {
    await writeFile(path, (file) => file.write(this.toBytes()));
  }

  /**
   * Reads a model file: by its path, from a `Blob` or from bytes.
   *
   * @throws FILE_NOT_FOUND, FILE_UNREADABLE, MODEL_FORMAT
   */
  static async load(input: FileInput): Promise<Model> {
    const bytes = await readBytes(input);
    try {
      return Model.fromBytes(bytes);
    } catch (error) {
      throw inFile(nameOf(input), error);
    }
  }

  *#transform(input: VectorsInput, options: TransformSyncOptions): Work<Matrix> {
    const threads = checkThreads(options.threads);
    checkDimensions(input, this.dimensions, 'vectors');
    const data = yield* withVectors(input, 'vectors', (core) =>
      call(
        () => this.core.transformSync(core, threads),
        (cancel) => this.core.transform(core, threads, cancel),
      ),
    );
    return { data, columns: this.bits };
  }

  *#factors(input: VectorsInput, options: FactorsSyncOptions): Work<Float32Array> {
    const threads = checkThreads(options.threads);
    const metric = checkOneOf('metric', options.metric ?? 'cosine', FACTOR_METRICS);
    checkDimensions(input, this.dimensions, 'vectors');
    return yield* withVectors(input, 'vectors', (core) =>
      call(
        () => this.core.factorsSync(core, metric, threads),
        (cancel) => this.core.factors(core, metric, threads, cancel),
      ),
    );
  }

  *#encode(input: VectorsInput, options: EncodeSyncOptions): Work<Codes> {
    const threads = checkThreads(options.threads);
    const layout = checkOneOf('layout', options.layout ?? 'lsb', LAYOUTS);
    checkDimensions(input, this.dimensions, 'vectors');
    const data = yield* withVectors(input, 'vectors', (core) =>
      call(
        () => this.core.encodeSync(core, layout, threads),
        (cancel) => this.core.encode(core, layout, threads, cancel),
      ),
    );
    return { data, bits: this.bits, layout, model: this.fingerprint };
  }
}
