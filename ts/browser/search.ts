/**
 * Encoding and searching alone, from the small WASM module: what a page needs that opens a model and an index, or codes,
 * which others have made. Call {@link init} first. All else is in `h2q/browser`; asked for here, it throws
 * UNSUPPORTED. Not together with the whole entry in one program: they share their surroundings.
 */

import type { Backend } from '../backend.js';
import { setPlatform } from '../platform.js';
import { type SmallBackend, smallBackend } from '../small/backend.js';
import { type SmallExports, smallGlue } from '../small/module.js';
import { WasmLoader, type WasmSource } from '../wasm/init.js';
import { notLoaded, webPlatform } from '../wasm/platform.js';

export { settled } from '../abort.js';
export type { Layout, ModelSummary, SearchWork } from '../backend.js';
export type { Codes } from '../codes.js';
export { type ErrorCode, type ErrorDetails, H2qError } from '../errors.js';
export type { FilterOptions, IdSet } from '../filter.js';
export type { Abortable, RadiusResult, SearchResult } from '../hamming-index.js';
export type {
  EncodeOptions,
  EncodeSyncOptions,
  TransformOptions,
  TransformSyncOptions,
} from '../model.js';
export { hammingDistance, popcount } from '../primitives.js';
export { type CopyOptions, type Matrix, Vectors, type VectorsInput } from '../vectors.js';
export type { WasmSource } from '../wasm/init.js';
export {
  type BuildOptions,
  type BuildSyncOptions,
  HammingIndex,
  Model,
  type SearchOptions,
  type SearchSyncOptions,
} from './small.js';

let backend: SmallBackend | undefined;
// What this entry exports asks for nothing else.
setPlatform(webPlatform(() => (backend ?? notLoaded()) as Backend));

const loader = new WasmLoader<SmallExports>(
  smallGlue(),
  () => new URL('../../wasm/search/h2q_bg.wasm', import.meta.url),
  (instance) => {
    backend = smallBackend(instance);
  },
);

/**
 * Loads the small WASM module; everything else needs it. Further calls give the same promise, until it
 * fails.
 *
 * @param source address, answer of `fetch`, bytes or compiled module of `h2q/search.wasm`, or a promise
 * of one. Default: the file beside this one, as a URL that bundlers understand.
 * @throws WASM_UNAVAILABLE when it cannot be loaded, or where WebAssembly has no SIMD
 */
export function init(source?: WasmSource | PromiseLike<WasmSource>): Promise<void> {
  return loader.init(source);
}

/** {@link init}, blocking, of a module that is at hand. Throws WASM_UNAVAILABLE. */
export function initSync(source: WebAssembly.Module | BufferSource): void {
  loader.initSync(source);
}
