/** Native and WASM in one process: each loads a facade of its own. */

import { vi } from 'vitest';
import { hasWasm, skipWithoutWasm, wasmBytes } from '../wasm.js';
import { describeAgreement, type Side } from './agreement.js';
import { makeReference } from './reference.js';

skipWithoutWasm();

async function loadNative(): Promise<Side> {
  vi.resetModules();
  const h2q = await import('../../ts/node/index.js');
  return { h2q, reference: await makeReference(h2q) };
}

async function loadWasm(): Promise<Side> {
  vi.resetModules();
  const h2q = await import('../../ts/browser/index.js');
  await h2q.init(wasmBytes('whole'));
  return { h2q, reference: await makeReference(h2q) };
}

const native = once(loadNative);
// Where all tests are skipped their preparation still runs.
const wasm = hasWasm ? once(loadWasm) : native;

describeAgreement('WASM against native', wasm, async () => (await native()).reference);
describeAgreement('native against WASM', native, async () => (await wasm()).reference);

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load();
    return loading;
  };
}
