/** Surroundings without files: browsers, workers, edge runtimes. */

import type { Backend } from '../backend.js';
import { H2qError } from '../errors.js';
import type { Platform } from '../platform.js';
import { unavailable } from './init.js';

/** Before `init`. */
export function notLoaded(): never {
  throw unavailable('the WASM module is not loaded: await init() first');
}

export function webPlatform(backend: () => Backend): Platform {
  return {
    backend,
    nextTurn: nextTurn(),
    openSource: noFiles,
    mapVectors: (path) => refuseFile(path),
    checkWritable: noFiles,
    indexFiles: noIndexFiles,
    createNew: noFiles,
    createFile: noFiles,
  };
}

/** Also of WASM in Node, which has no memory maps. */
export function noIndexFiles(): never {
  const problem = 'index files are mapped and changed by the native addon alone; others read them whole';
  throw new H2qError('NATIVE_UNAVAILABLE', problem);
}

async function noFiles(path: string): Promise<never> {
  return refuseFile(path);
}

function refuseFile(path: string): never {
  const problem = 'there are no files by path here: give a Blob (a File is one) or the bytes';
  throw new H2qError('FILE_UNREADABLE', `${path}: ${problem}`, { details: { file: path } });
}

/** A message to oneself comes after waiting timers and I/O, and unlike a timer's is never held back. */
function nextTurn(): () => Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (done: () => void) => void };
  if (setImmediate) return () => new Promise((resolve) => setImmediate(resolve));
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(null);
    });
}
