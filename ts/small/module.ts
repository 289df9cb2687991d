/**
 * The small WASM module (crates/wasm-search): loops that take addresses and numbers. What it works on is copied into
 * its memory for a call; only the codes of an index and the weights of a model stay there.
 */

import { H2qError } from '../errors.js';
import type { Glue } from '../wasm/init.js';
import type { Instance } from '../wasm/instance.js';

/** Each is told of where it is made, in Rust. Addresses come as signed numbers. */
export interface SmallExports {
  readonly memory: WebAssembly.Memory;
  reserve(bytes: number): number;
  shrink(at: number, bytes: number, kept: number): number;
  release(at: number, bytes: number): void;
  checksum(at: number, bytes: number): bigint;
  projection(mean: number, weights: number, dimensions: number, columns: number): number;
  rotation(
    mean: number,
    projection: number,
    dimensions: number,
    bits: number,
    reflections: number,
    count: number,
    signs: number,
  ): number;
  end_projection(projection: number): void;
  project(projection: number, input: number, rows: number, out: number): number;
  add_bias(values: number, rows: number, bias: number, columns: number, isHidden: boolean): void;
  pack(values: number, bytes: number, isMsb: boolean, out: number): void;
  arrange(codes: number, count: number, bytes: number, first: number, lines: number): void;
  order(ids: number, count: number, out: number): number;
  scan(
    lines: number,
    count: number,
    bits: number,
    queries: number,
    queryCount: number,
    k: number,
    bounds: number,
    allowed: number,
    counts: number,
  ): number;
  popcount(at: number, bytes: number): number;
}

/** What wasm-bindgen makes for the whole module: loading, and the exports once that is done. Nothing is imported. */
export function smallGlue(): Glue & SmallExports {
  const glue = {} as Glue & SmallExports;
  const ready = ({ exports }: WebAssembly.Instance) => Object.assign(glue, exports);
  const loading: Glue = {
    initSync: ({ module }) => {
      const compiled = module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module);
      return ready(new WebAssembly.Instance(compiled));
    },
    default: async ({ module_or_path: source }) => {
      if (source instanceof WebAssembly.Module) return ready(await WebAssembly.instantiate(source));
      const isAnswer = typeof Response === 'function' && source instanceof Response;
      // Only of this type is an answer compiled while it comes.
      const { instance } =
        isAnswer && source.headers.get('Content-Type') === 'application/wasm'
          ? await WebAssembly.instantiateStreaming(source)
          : await WebAssembly.instantiate(isAnswer ? await source.arrayBuffer() : (source as BufferSource));
      return ready(instance);
    },
  };
  return Object.assign(glue, loading);
}

/** Bytes in the memory of the module, at an address that is a multiple of 64. */
export interface Block {
  readonly at: number;
  readonly bytes: number;
}

/** What nobody can have, at once instead of after a trap. */
export function outOfMemory(what: string, bytes: number): H2qError {
  return new H2qError('OUT_OF_MEMORY', `${what}: cannot allocate ${bytes} bytes`, {
    details: { what, bytes },
  });
}

/** A typed array of zeros, or OUT_OF_MEMORY. */
export function zeros<A extends ArrayBufferView>(
  type: { new (length: number): A; readonly BYTES_PER_ELEMENT: number },
  length: number,
  what: string,
): A {
  try {
    return new type(length);
  } catch {
    throw outOfMemory(what, length * type.BYTES_PER_ELEMENT);
  }
}

/** The most that addresses of 32 bits reach, less what is always in use. */
const MOST_BYTES = 2 ** 32 - 2 ** 20;

/** The memory of the module. */
export class Memory {
  readonly instance: Instance<SmallExports>;
  readonly #owned = new FinalizationRegistry<() => void>((free) => free());

  constructor(instance: Instance<SmallExports>) {
    this.instance = instance;
  }

  /** Zeros. Throws OUT_OF_MEMORY, which says what for. */
  reserve(bytes: number, what: string): Block {
    const at = bytes > MOST_BYTES ? 0 : this.instance.run((wasm) => wasm.reserve(bytes)) >>> 0;
    if (at === 0) throw outOfMemory(what, bytes);
    return { at, bytes };
  }

  release({ at, bytes }: Block): void {
    this.instance.free({ free: () => this.instance.exports.release(at, bytes) });
  }

  /** The first `kept` bytes, the rest is given back. */
  shrink({ at, bytes }: Block, kept: number): Block {
    if (kept === bytes) return { at, bytes };
    return { at: this.instance.run((wasm) => wasm.shrink(at, bytes, kept)) >>> 0, bytes: kept };
  }

  /** Runs `free` once nobody has `owner` any more. */
  own(owner: object, free: () => void): void {
    this.#owned.register(owner, () => this.instance.free({ free }));
  }

  /** A view, to use at once: it is of no use once more memory was reserved. */
  bytes(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.instance.exports.memory.buffer, at, bytes);
  }

  /** {@link Memory.bytes} as float32. */
  floats(at: number, length: number): Float32Array {
    return new Float32Array(this.instance.exports.memory.buffer, at, length);
  }

  /** {@link Memory.bytes} as uint32. */
  words(at: number, length: number): Uint32Array {
    return new Uint32Array(this.instance.exports.memory.buffer, at, length);
  }

  /** Runs `work` with the addresses of copies of `arrays` (0 for null), which are gone afterwards. */
  lend<T>(
    arrays: readonly (ArrayBufferView | null)[],
    what: string,
    work: (wasm: SmallExports, ...at: number[]) => T,
  ): T {
    const blocks: (Block | null)[] = [];
    try {
      for (const array of arrays) {
        const block = array && this.reserve(array.byteLength, what);
        blocks.push(block);
        if (block) this.bytes(block.at, block.bytes).set(bytesOf(array));
      }
      return this.instance.run((wasm) => work(wasm, ...blocks.map((block) => block?.at ?? 0)));
    } finally {
      for (const block of blocks) if (block) this.release(block);
    }
  }

  /** XXH3-64. */
  checksum(bytes: Uint8Array): bigint {
    return this.lend([bytes], 'a part of a file', (wasm, at) => this.checksumAt(wasm, at, bytes.length));
  }

  checksumAt(wasm: SmallExports, at: number, bytes: number): bigint {
    return BigInt.asUintN(64, wasm.checksum(at, bytes));
  }
}

export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** For numbers of a file, which may lie anywhere. */
export function viewOf({ buffer, byteOffset, byteLength }: ArrayBufferView): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** A number of 64 bits; one beyond 2^53 is rounded, and larger than anything that it is compared with. */
export function u64At(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
