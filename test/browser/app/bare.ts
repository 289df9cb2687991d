/** A page that starts workers, each with the package in it and without a client; and that uses the package itself. */

import * as h2q from 'h2q';
import wasmAddress from 'h2q/h2q.wasm?url';
import { randomMatrix } from '../../conformance/matrices.js';
import type { BareAnswer, BareQuestion, Way } from './bare-worker.js';
import { ask, expose } from './scenarios.js';
import type { SearchAnswer, SearchQuestion } from './search-worker.js';

const NEIGHBOURS = { loss: 'neighbours', bits: 16, seed: 1, epochs: 3 } as const;

async function answerOf<Question, Answer>(worker: Worker, question: Question): Promise<Answer> {
  const answer = await ask<Answer>(worker, question);
  worker.terminate();
  return answer;
}

const scenarios = {
  /** A worker of its own for each way to load the module. */
  work: async (way: Way): Promise<BareAnswer> => {
    const worker = new Worker(new URL('./bare-worker.ts', import.meta.url), { type: 'module' });
    const address = new URL(wasmAddress, location.href).href;
    // Compiled here, as by a page that shares it among workers.
    const module = await WebAssembly.compileStreaming(fetch(address));
    const question: BareQuestion = { way, address, module };
    return answerOf(worker, question);
  },

  /** A fit by the loss neighbours in the page. */
  fitNeighbours: async () => {
    await h2q.init();
    const matrix = randomMatrix(500, 1);
    const epochs: number[] = [];
    try {
      const onProgress = ({ epoch }: { epoch: number }) => void epochs.push(epoch);
      const { model, summary } = await h2q.fit(matrix, { ...NEIGHBOURS, onProgress });
      const blocking = h2q.fitSync(matrix, NEIGHBOURS).model.fingerprint;
      const { loss } = summary;
      return { loss, epochs, blocking, model: model.toBytes(), codes: await model.encode(matrix) };
    } catch (error) {
      const { code, message } = error as h2q.H2qError;
      return { code, message };
    }
  },

  search: async (question: SearchQuestion): Promise<SearchAnswer> => {
    const worker = new Worker(new URL('./search-worker.ts', import.meta.url), { type: 'module' });
    return answerOf(worker, question);
  },
};

export type BareScenarios = typeof scenarios;
expose(scenarios);
