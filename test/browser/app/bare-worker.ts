/** A worker without a document and without a client: loads the package's entry in a given way, and blocks. */

import * as h2q from 'h2q';
import { randomMatrix } from '../../conformance/matrices.js';

export interface BareQuestion {
  way: Way;
  address: string;
  module: WebAssembly.Module;
}

export type Way = keyof typeof ways;

const ways = {
  'nothing: the file that the bundler put beside it': () => h2q.init(),
  'a compiled module': ({ module }: BareQuestion) => h2q.init(module),
  'a compiled module, blocking': async ({ module }: BareQuestion) => h2q.initSync(module),
  bytes: async ({ address }: BareQuestion) => h2q.init(await (await fetch(address)).arrayBuffer()),
  'an address': ({ address }: BareQuestion) => h2q.init(address),
  'a URL': ({ address }: BareQuestion) => h2q.init(new URL(address)),
  'an answer of fetch': async ({ address }: BareQuestion) => h2q.init(await fetch(address)),
  'the promise of an answer': ({ address }: BareQuestion) => h2q.init(fetch(address)),
  'an address without a file': ({ address }: BareQuestion) => h2q.init(`${address}.none`),
  'a module where there is no simd128': ({ module }: BareQuestion) => {
    WebAssembly.validate = () => false;
    return h2q.init(module);
  },
};

export type BareAnswer = Awaited<ReturnType<typeof work>> | { code: string; message: string };

/** All of it in one turn. */
function work() {
  const matrix = randomMatrix(500, 1);
  const { model } = h2q.fitSync(matrix, { bits: 16, seed: 1 });
  const codes = model.encodeSync(matrix);
  const hits = h2q.HammingIndex.buildSync(codes).searchSync(codes, 5);
  const { backend } = h2q.info();
  return { backend, hasDocument: 'document' in globalThis, model: model.toBytes(), codes, hits };
}

addEventListener('message', async ({ data }: MessageEvent<BareQuestion>) => {
  try {
    await ways[data.way](data);
    postMessage(work());
  } catch (error) {
    const { code, message } = error as h2q.H2qError;
    postMessage({ code, message });
  }
});
