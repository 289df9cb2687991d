/** A page that starts workers, each with the package in it and without a client. */

import wasmAddress from 'h2q/h2q.wasm?url';
import type { BareAnswer, BareQuestion, Way } from './bare-worker.js';
import { ask, expose } from './scenarios.js';
import type { SearchAnswer, SearchQuestion } from './search-worker.js';

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

  search: async (question: SearchQuestion): Promise<SearchAnswer> => {
    const worker = new Worker(new URL('./search-worker.ts', import.meta.url), { type: 'module' });
    return answerOf(worker, question);
  },
};

export type BareScenarios = typeof scenarios;
expose(scenarios);
