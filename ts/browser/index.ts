/**
 * The package's entry outside of Node: the facade on the whole WASM module. Call {@link init} first.
 *
 * There are no files by path: give a `Blob` (a `File` is one) or bytes. There is one thread: promises
 * are kept in later turns of the event loop, but a slice of work may take longer than a frame, so a page
 * does better with a worker.
 */

import { create } from '../../wasm/neighbours/factory.js';
import * as glue from '../../wasm/whole/h2q.js';
import { checkOptions } from '../arguments.js';
import type { Backend } from '../backend.js';
import { setPlatform } from '../platform.js';
import { wasmBackend } from '../wasm/backend.js';
import type { WasmExports } from '../wasm/exports.js';
import { checkSource, type Glue, WasmLoader, type WasmSource } from '../wasm/init.js';
import { type FitGlue, NeighboursModule } from '../wasm/neighbours-module.js';
import { notLoaded, webPlatform } from '../wasm/platform.js';

export * from '../index.js';
export type { WasmSource } from '../wasm/init.js';

let backend: Backend | undefined;
setPlatform(webPlatform(() => backend ?? notLoaded()));

const neighbours = new NeighboursModule(
  () => create() as FitGlue,
  () => new URL('../../wasm/neighbours/h2q_bg.wasm', import.meta.url),
);

const loader = new WasmLoader<WasmExports>(
  glue as unknown as Glue & WasmExports,
  () => new URL('../../wasm/whole/h2q_bg.wasm', import.meta.url),
  (instance) => {
    backend = wasmBackend(instance, neighbours);
  },
);

export interface InitOptions {
  /**
   * What `init` takes, of `h2q/neighbours.wasm`: the module of fits with `loss: 'neighbours'`, and with `method: 'auto'` by the
   * criterion `neighbours`. It is loaded when the first of them is asked for, or by {@link initNeighbours}. Default: the
   * file of the package. Said again it takes the place of what was said, and loaded, before.
   */
  neighbours?: WasmSource | PromiseLike<WasmSource> | undefined;
}

/**
 * Loads the WASM module; everything else needs it. Further calls give the same promise, until it fails.
 *
 * @param source address, answer of `fetch`, bytes or compiled module of `h2q/h2q.wasm`, or a promise of
 * one. Default: the file beside this one, as a URL that bundlers understand.
 * @throws WASM_UNAVAILABLE when it cannot be loaded, or where WebAssembly has no SIMD; INVALID_ARGUMENT of the options
 */
export function init(
  source?: WasmSource | PromiseLike<WasmSource>,
  options: InitOptions = {},
): Promise<void> {
  try {
    takeOptions(options);
  } catch (error) {
    return Promise.reject(error);
  }
  return loader.init(source);
}

function takeOptions(options: InitOptions): void {
  const { neighbours: source } = checkOptions(options);
  if (source === undefined) return;
  checkSource(source, 'neighbours');
  neighbours.comesFrom(source);
}

/**
 * {@link init}, blocking, of a module that is at hand. Browsers allow that in workers, and on a page for
 * a compiled module.
 *
 * @throws WASM_UNAVAILABLE, INVALID_ARGUMENT
 */
export function initSync(source: WebAssembly.Module | BufferSource, options: InitOptions = {}): void {
  takeOptions(options);
  loader.initSync(source);
}

/**
 * Loads the module of fits that rank neighbours before one is asked for: such a fit waits no more, and `fitSync` can
 * do it.
 *
 * @throws WASM_UNAVAILABLE, with the address; OUT_OF_MEMORY
 */
export async function initNeighbours(): Promise<void> {
  await neighbours.load();
}
