import * as h2q from '../../ts/browser/index.js';
import { hasWasm, skipWithoutWasm, wasmBytes } from '../wasm.js';
import { describeConformance } from './conformance.js';

skipWithoutWasm();

describeConformance('wasm', async () => {
  if (hasWasm) await h2q.init(wasmBytes('whole'));
  return h2q;
});
