/** The workers that the page works with, on one compiled module. */

import { type Client, connect } from 'h2q/client';
import wasmAddress from '../../wasm/whole/h2q_bg.wasm?url';

export interface Workers {
  /** Answers what is picked and drawn, also while the other one learns. */
  searcher: Client;
  learner: Client;
}

export async function startWorkers(): Promise<Workers> {
  const answer = await fetch(wasmAddress);
  if (!answer.ok) throw new Error(`${wasmAddress}: the server answered ${answer.status}`);
  const source = await WebAssembly.compile(await answer.arrayBuffer());
  const [searcher, learner] = await Promise.all([start(source), start(source)]);
  return { searcher, learner };
}

function start(source: WebAssembly.Module): Promise<Client> {
  return connect(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }), { source });
}
