/**
 * Which backend Node uses: the native addon, else WASM with one warning that keeps every cause. The
 * environment variable `H2Q_BACKEND` (`native` or `wasm`) forces one.
 */

import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Backend, CoreMappedVectors, CoreRowLayout } from '../backend.js';
import { H2qError, inFile, toH2qError } from '../errors.js';
import type { IndexFiles } from '../platform.js';
import { SLICE_BYTES } from '../slices.js';
import { wasmBackend } from '../wasm/backend.js';
import type { WasmExports } from '../wasm/exports.js';
import { storedVectors } from '../wasm/held.js';
import { type Glue, instantiate } from '../wasm/init.js';
import type { Instance } from '../wasm/instance.js';
import { type FitGlue, NeighboursModule } from '../wasm/neighbours-module.js';
import { noIndexFiles } from '../wasm/platform.js';
import { readError } from './files.js';
import { mapVectors as mapNative, nativeBackend, indexFiles as nativeIndexFiles } from './native.js';

/** A backend, and how it reads a file of vectors row by row. */
interface Chosen {
  backend: Backend;
  mapVectors(path: string, layout: CoreRowLayout): CoreMappedVectors;
  indexFiles(): IndexFiles;
}

let chosen: Chosen | undefined;

/**
 * The backend, chosen at the first call.
 *
 * @throws NATIVE_UNAVAILABLE, WASM_UNAVAILABLE for the one that is forced, with the reason as `cause`;
 * without either NATIVE_UNAVAILABLE, whose `cause` is an `AggregateError` of both reasons;
 * INVALID_OPTION for another `H2Q_BACKEND`
 */
export function chosenBackend(): Backend {
  return choose().backend;
}

/**
 * A file of vectors in a memory map; with WASM, which maps no files, all of it in memory.
 *
 * @throws FILE_UNREADABLE, OUT_OF_MEMORY, or what the core finds wrong
 */
export function mapVectors(path: string, layout: CoreRowLayout): CoreMappedVectors {
  return choose().mapVectors(path, layout);
}

/**
 * Index files in memory maps.
 *
 * @throws NATIVE_UNAVAILABLE with WASM
 */
export function indexFiles(): IndexFiles {
  return choose().indexFiles();
}

function choose(): Chosen {
  chosen ??= load(process.env['H2Q_BACKEND'] ?? '');
  return chosen;
}

function load(forced: string): Chosen {
  if (forced === 'native') return native();
  if (forced === 'wasm') return wasm();
  if (forced === '') return nativeOrWasm();
  throw new H2qError('INVALID_OPTION', `H2Q_BACKEND: '${forced}' is not native or wasm`, {
    details: { option: 'H2Q_BACKEND', value: forced, expected: 'native or wasm' },
  });
}

function nativeOrWasm(): Chosen {
  let failure: unknown;
  try {
    return native();
  } catch (error) {
    failure = error;
  }
  let fallback: Chosen;
  try {
    fallback = wasm();
  } catch (error) {
    const problem = 'neither the native addon nor the WASM module can be loaded';
    throw new H2qError('NATIVE_UNAVAILABLE', problem, {
      cause: new AggregateError([failure, error], problem),
    });
  }
  warn(failure);
  return fallback;
}

/** Once: the choice is made once. */
function warn(cause: unknown): void {
  const problem = `${reasonOf(cause)}; h2q goes on with WASM, on one thread. H2Q_BACKEND=wasm says that this is wanted`;
  const warning = Object.assign(new Error(problem, { cause }), { name: 'H2qWarning', code: 'H2Q_WASM' });
  process.emitWarning(warning);
}

/** A message with those of its causes. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes =
    error instanceof AggregateError ? error.errors : error.cause === undefined ? [] : [error.cause];
  return [error.message, ...causes.map(reasonOf)].join(': ');
}

function native(): Chosen {
  return { backend: nativeBackend(), mapVectors: mapNative, indexFiles: nativeIndexFiles };
}

function wasm(): Chosen {
  const instance = loadWasm();
  return {
    backend: wasmBackend(instance, neighboursModule()),
    mapVectors: (path, layout) => readWhole(instance, path, layout),
    indexFiles: noIndexFiles,
  };
}

function loadWasm(): Instance<WasmExports> {
  // The same distance from ts/node and from dist/node.
  const folder = '../../wasm/whole';
  const require = createRequire(import.meta.url);
  try {
    // The glue is an ES module, which `require` takes since Node 20.19 and 22.12. Nothing else loads one
    // without a turn of the event loop.
    const glue: Glue & WasmExports = require(`${folder}/h2q.js`);
    return instantiate(glue, readFileSync(require.resolve(`${folder}/h2q_bg.wasm`)));
  } catch (cause) {
    if (cause instanceof H2qError) throw cause;
    throw new H2qError('WASM_UNAVAILABLE', 'the WASM module cannot be loaded', { cause });
  }
}

/** Read when it is asked for. */
function neighboursModule(): NeighboursModule {
  const require = createRequire(import.meta.url);
  return new NeighboursModule(
    () => (require('../../wasm/neighbours/factory.js') as { create(): FitGlue }).create(),
    () => new URL('../../wasm/neighbours/h2q_bg.wasm', import.meta.url),
  );
}

/** The file in the memory of WASM. */
function readWhole(instance: Instance<WasmExports>, path: string, layout: CoreRowLayout): CoreMappedVectors {
  try {
    return storedVectors(instance, statSync(path).size, layout, piecesOf(path));
  } catch (cause) {
    throw toH2qError(cause) instanceof H2qError ? inFile(path, cause) : readError(path, cause);
  }
}

function* piecesOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(SLICE_BYTES);
    for (;;) {
      const read = readSync(file, buffer);
      if (read === 0) return;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}
