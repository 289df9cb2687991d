/** What the facade holds of things in the memory of WASM. */

import type {
  CoreCodes,
  CoreCodesBuilder,
  CoreFilter,
  CoreIds,
  CoreIdsBuilder,
  CoreMappedVectors,
  CoreRowLayout,
  CoreVectors,
  CoreVectorsBuilder,
  CoreVectorsSampler,
} from '../backend.js';
import { H2qError } from '../errors.js';
import type {
  Shared,
  WasmCodes,
  WasmExports,
  WasmFilter,
  WasmIds,
  WasmStoredVectors,
  WasmVectors,
  WasmVectorsBuilder,
} from './exports.js';
import type { Instance } from './instance.js';

/** Something that work shares: it is there until its last handle is freed. */
export class Held<H extends Shared<H>> {
  readonly #instance: Instance<unknown>;
  #handle: H | undefined;

  constructor(instance: Instance<unknown>, handle: H) {
    this.#instance = instance;
    this.#handle = handle;
  }

  /** A handle of the caller's own, who frees it or gives it to a call that takes it over. */
  share(): H {
    return this.use((handle) => handle.share());
  }

  protected use<T>(work: (handle: H) => T): T {
    const handle = this.#handle;
    if (!handle) throw new H2qError('INTERNAL', 'internal error: an object was used after its release');
    return this.#instance.run(() => work(handle));
  }

  release(): void {
    this.#instance.free(this.#handle);
    this.#handle = undefined;
  }
}

/** Adds rows to what `builder` has. */
export function pushValues(builder: WasmVectorsBuilder, values: Float32Array): void {
  builder.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 'f4');
}

export class HeldVectors extends Held<WasmVectors> implements CoreVectors {
  readonly rows: number;
  readonly columns: number;

  constructor(instance: Instance<unknown>, handle: WasmVectors) {
    super(instance, handle);
    this.rows = handle.rows;
    this.columns = handle.columns;
  }

  /** The values of `rows` rows from `first` on. */
  values(first: number, rows: number): Float32Array {
    return this.use((handle) => handle.slice(first, rows));
  }
}

export class HeldCodes extends Held<WasmCodes> implements CoreCodes {
  readonly rows: number;
  readonly bits: number;

  constructor(instance: Instance<unknown>, handle: WasmCodes) {
    super(instance, handle);
    this.rows = handle.rows;
    this.bits = handle.bits;
  }
}

export class HeldIds extends Held<WasmIds> implements CoreIds {
  readonly isIds = true;
}

export class HeldFilter extends Held<WasmFilter> implements CoreFilter {
  readonly isFilter = true;
}

/** A file of vectors, all of it in memory: what stands in for a memory map. */
export class HeldFile extends Held<WasmStoredVectors> implements CoreMappedVectors {
  readonly rows: number;
  readonly columns: number;

  constructor(instance: Instance<unknown>, handle: WasmStoredVectors, { rows, columns }: CoreRowLayout) {
    super(instance, handle);
    this.rows = rows;
    this.columns = columns;
  }

  close(): void {
    this.release();
  }
}

/** A handle of work's own to what the facade passes; all of it was made by this backend. */
export function share(vectors: CoreVectors): WasmVectors {
  return (vectors as HeldVectors).share();
}

/** {@link share} of codes. */
export function shareCodes(codes: CoreCodes): WasmCodes {
  return (codes as HeldCodes).share();
}

/** {@link share} of ids. */
export function shareIds(ids: CoreIds): WasmIds {
  return (ids as HeldIds).share();
}

/** {@link share} of a filter. */
export function shareFilter(filter: CoreFilter): WasmFilter {
  return (filter as HeldFilter).share();
}

export function vectorsBuilder(
  instance: Instance<WasmExports>,
  ...[rows, columns, firstRow]: [number, number, number]
): CoreVectorsBuilder {
  const builder = instance.run(({ VectorsBuilder }) => new VectorsBuilder(rows, columns, firstRow));
  return vectorsInto(instance, builder);
}

export function vectorsSampler(
  instance: Instance<WasmExports>,
  ...[rows, columns, keep, seed]: [number, number, number, number]
): CoreVectorsSampler {
  const sampler = instance.run(({ VectorsSampler }) => new VectorsSampler(rows, columns, keep, seed));
  return { ...vectorsInto(instance, sampler), chosen: () => instance.run(() => sampler.chosen()) };
}

function vectorsInto(instance: Instance<WasmExports>, builder: WasmVectorsBuilder): CoreVectorsBuilder {
  return {
    push: (bytes, element) => instance.run(() => builder.push(bytes, element)),
    finish: () =>
      new HeldVectors(
        instance,
        instance.run(() => builder.finish()),
      ),
  };
}

export function codesBuilder(
  instance: Instance<WasmExports>,
  ...[rows, bits]: [number, number]
): CoreCodesBuilder {
  const builder = instance.run(({ CodesBuilder }) => new CodesBuilder(rows, bits));
  return {
    push: (bytes) => instance.run(() => builder.push(bytes)),
    finish: (model) =>
      new HeldCodes(
        instance,
        instance.run(() => builder.finish(model)),
      ),
  };
}

export function idsBuilder(instance: Instance<WasmExports>, ids: number): CoreIdsBuilder {
  const builder = instance.run(({ IdsBuilder }) => new IdsBuilder(ids));
  return {
    push: (bytes) => instance.run(() => builder.push(bytes)),
    pushRows: (bytes) => instance.run(() => builder.pushRows(bytes)),
    finish: () =>
      new HeldIds(
        instance,
        instance.run(() => builder.finish()),
      ),
  };
}

/** The bytes of a file of vectors; `pieces` are all of them in order. */
export function storedVectors(
  instance: Instance<WasmExports>,
  byteLength: number,
  layout: CoreRowLayout,
  pieces: Iterable<Uint8Array>,
): CoreMappedVectors {
  const { rows, columns, element, first, counted } = layout;
  const stored = instance.run(
    ({ StoredVectors }) => new StoredVectors(byteLength, rows, columns, element, first, counted),
  );
  try {
    for (const bytes of pieces) instance.run(() => stored.push(bytes));
    instance.run(() => stored.finish());
  } catch (error) {
    instance.free(stored);
    throw error;
  }
  return new HeldFile(instance, stored, layout);
}
