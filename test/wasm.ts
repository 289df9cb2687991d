/** The WASM modules that set-up made, and what to do where it could not. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { root } from '../scripts/lib/root.mjs';

export type WasmModule = 'whole' | 'neighbours' | 'search';

const MODULES: readonly WasmModule[] = ['whole', 'neighbours', 'search'];

export function wasmPath(module: WasmModule): string {
  return join(root, 'wasm', module, 'h2q_bg.wasm');
}

export function wasmBytes(module: WasmModule): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(wasmPath(module)));
}

export const hasWasm = MODULES.every((module) => existsSync(wasmPath(module)));

export const WITHOUT_WASM = 'the WASM modules were not built: npm run setup says why';

/** Skips every test of this file where there are no modules; `npm test` fails then where nothing may be skipped. */
export function skipWithoutWasm(): void {
  beforeEach(({ skip }) => {
    if (!hasWasm) skip(WITHOUT_WASM);
  });
}
