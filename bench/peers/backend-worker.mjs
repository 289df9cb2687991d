// The same as backend.mjs in a worker of a browser, which is told whether to be quick and posts the round.
import * as h2q from '../../dist/browser/index.js';
import { doWork } from '../lib/backend-work.mjs';

globalThis.onmessage = ({ data }) => {
  measure(data === 'quick').then(
    (round) => postMessage({ round }),
    (error) => postMessage({ failure: String(error?.stack ?? error) }),
  );
};

/** @param {boolean} isQuick */
async function measure(isQuick) {
  await h2q.init();
  const answer = await fetch(new URL('../../test/fixtures/fashion32-train.npy', import.meta.url));
  return doWork(h2q, new Uint8Array(await answer.arrayBuffer()), isQuick);
}
