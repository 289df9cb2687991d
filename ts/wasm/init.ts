/** Loading a WASM module: from where, whether it can run here, and once. */

import { invalidArgument, kindOf } from '../arguments.js';
import { H2qError } from '../errors.js';
import { Instance } from './instance.js';

/** Where a module comes from: its address, its bytes, an answer of `fetch`, or itself, compiled. */
export type WasmSource = WebAssembly.Module | URL | string | Request | Response | BufferSource;

/** {@link WasmSource}, or a promise of it. */
export type Given = WasmSource | PromiseLike<WasmSource>;

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
  init(source?: Given): Promise<void> {
    withoutAlarm(source);
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

  async #load(given?: Given): Promise<void> {
    if (this.#isReady) return;
    checkSimd();
    let source = given ?? this.#defaultSource();
    let memory: WebAssembly.Memory;
    try {
      source = (await given) ?? this.#defaultSource();
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

/**
 * What a promise of a source is rejected with is told by who uses it: until then, or if nobody does, it is no
 * unhandled rejection, which ends a program of Node.
 */
export function withoutAlarm(source: Given | undefined): void {
  if (isPromise(source)) void source.then(undefined, () => {});
}

function isPromise(source: unknown): source is PromiseLike<unknown> {
  return typeof (source as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Throws INVALID_ARGUMENT for what is none, and no promise. Not by class: there are those of other windows. */
export function checkSource(source: unknown, name: string): asserts source is Given {
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  const isObject = /^(URL|Request|Response|WebAssembly\.Module|(Shared)?ArrayBuffer)$/.test(kind);
  if (typeof source === 'string' || ArrayBuffer.isView(source) || isObject || isPromise(source)) return;
  const expected = 'an address, an answer of fetch, bytes or a compiled module';
  throw invalidArgument(name, `expected ${expected}, got ${kindOf(source)}`);
}

export function isAnswer(source: unknown): source is Response {
  return typeof Response === 'function' && source instanceof Response;
}

export function nameOf(source: Given): string {
  if (typeof source === 'string') return source;
  if (source instanceof URL) return source.href;
  const isWeb = typeof Request === 'function' && (source instanceof Request || source instanceof Response);
  return isWeb && source.url !== '' ? source.url : 'the given module';
}

/** What is at an address; whatever else as it is. */
export async function fetched(source: WasmSource): Promise<Response | BufferSource | WebAssembly.Module> {
  const isAddress = typeof source === 'string' || source instanceof URL;
  if (isAnswer(source)) return usable(source);
  if (!isAddress && !(typeof Request === 'function' && source instanceof Request)) return source;
  const bytes = isAddress ? await fromFileOfNode(source) : undefined;
  if (bytes) return bytes;
  return usable(await fetch(source));
}

function usable(answer: Response): Response {
  if (!answer.ok) throw new Error(`the server answered ${answer.status} ${answer.statusText}`.trimEnd());
  return answer;
}

/** What can be had in this turn: a module, bytes, a file of Node. */
export function atHand(source: Given): WebAssembly.Module | BufferSource | undefined {
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
