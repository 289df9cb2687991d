/** Loading a WASM module: from where, whether it can run here, and once. */

import { H2qError } from '../errors.js';
import { Instance } from './instance.js';

/** Where a module comes from: its address, its bytes, an answer of `fetch`, or itself, compiled. */
export type WasmSource = WebAssembly.Module | URL | string | Request | Response | BufferSource;

/** What wasm-bindgen makes beside the exports of a module. */
export interface Glue {
  initSync(source: { module: BufferSource | WebAssembly.Module }): { memory: WebAssembly.Memory };
  default(source: {
    module_or_path: Response | BufferSource | WebAssembly.Module;
  }): Promise<{ memory: WebAssembly.Memory }>;
}

/**
 * `(module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt))`: all that a browser of the
 * year 2021 or later accepts.
 */
const SIMD_PROBE = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
]);

/** One module, loaded at most once. */
export class WasmLoader<E> {
  readonly #glue: Glue & E;
  readonly #defaultSource: () => URL;
  readonly #onReady: (instance: Instance<E>) => void;
  #isReady = false;
  #loading: Promise<void> | undefined;

  /** `onReady` is called once. */
  constructor(glue: Glue & E, defaultSource: () => URL, onReady: (instance: Instance<E>) => void) {
    this.#glue = glue;
    this.#defaultSource = defaultSource;
    this.#onReady = onReady;
  }

  /** Loads the module unless it is there or on its way. After a failure the next call tries again. */
  init(source?: WasmSource | PromiseLike<WasmSource>): Promise<void> {
    this.#loading ??= this.#load(source).catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  /** {@link WasmLoader.init} of a module that is at hand; blocks. */
  initSync(source: WebAssembly.Module | BufferSource): void {
    if (!this.#isReady) this.#ready(instantiate<E>(this.#glue, source));
  }

  async #load(given?: WasmSource | PromiseLike<WasmSource>): Promise<void> {
    if (this.#isReady) return;
    checkSimd();
    const source = (await given) ?? this.#defaultSource();
    let memory: WebAssembly.Memory;
    try {
      ({ memory } = await this.#glue.default({ module_or_path: await fetched(source) }));
    } catch (cause) {
      throw unavailable(`${nameOf(source)} cannot be loaded`, cause);
    }
    // Meanwhile the other way of loading may have got there first.
    if (!this.#isReady) this.#ready(new Instance<E>(this.#glue, memory));
  }

  #ready(instance: Instance<E>): void {
    this.#isReady = true;
    this.#onReady(instance);
  }
}

/** The module in `source`, in this turn. Throws `WASM_UNAVAILABLE`. */
export function instantiate<E>(glue: Glue & E, source: WebAssembly.Module | BufferSource): Instance<E> {
  checkSimd();
  try {
    return new Instance<E>(glue, glue.initSync({ module: source }).memory);
  } catch (cause) {
    throw unavailable('the given module cannot be loaded', cause);
  }
}

export function checkSimd(): void {
  if (typeof WebAssembly !== 'object') throw unavailable('there is no WebAssembly here');
  if (WebAssembly.validate(SIMD_PROBE)) return;
  const needed = 'Chrome 91, Firefox 89, Safari 16.4, Node 16.4 or newer have it';
  throw unavailable(`WebAssembly has no SIMD (simd128) here; ${needed}`);
}

export function unavailable(problem: string, cause?: unknown): H2qError {
  return new H2qError('WASM_UNAVAILABLE', problem, cause === undefined ? {} : { cause });
}

export function nameOf(source: WasmSource | PromiseLike<WasmSource>): string {
  if (typeof source === 'string') return source;
  if (source instanceof URL) return source.href;
  const isWeb = typeof Request === 'function' && (source instanceof Request || source instanceof Response);
  return isWeb && source.url !== '' ? source.url : 'the given module';
}

/** What is at an address; whatever else as it is. */
export async function fetched(source: WasmSource): Promise<Response | BufferSource | WebAssembly.Module> {
  const isAddress = typeof source === 'string' || source instanceof URL;
  if (!isAddress && !(typeof Request === 'function' && source instanceof Request)) return source;
  const bytes = isAddress ? await fromFileOfNode(source) : undefined;
  if (bytes) return bytes;
  const response = await fetch(source);
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`);
  return response;
}

/** What can be had in this turn: a module, bytes, a file of Node. */
export function atHand(
  source: WasmSource | PromiseLike<WasmSource>,
): WebAssembly.Module | BufferSource | undefined {
  if (typeof source === 'string' || source instanceof URL) {
    return filesOfNode(source)?.readFileSync(new URL(source));
  }
  const isHere =
    source instanceof WebAssembly.Module || source instanceof ArrayBuffer || ArrayBuffer.isView(source);
  return isHere ? (source as WebAssembly.Module | BufferSource) : undefined;
}

async function fromFileOfNode(source: string | URL): Promise<BufferSource | undefined> {
  return filesOfNode(source)?.promises.readFile(new URL(source));
}

/** Node's `fetch` reads no files, so there they are read by its file system. */
function filesOfNode(source: string | URL) {
  if (!String(source).startsWith('file:')) return undefined;
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return process?.getBuiltinModule?.('node:fs') as
    | {
        readFileSync(path: URL): BufferSource;
        promises: { readFile(path: URL): Promise<BufferSource> };
      }
    | undefined;
}
