/** Runs the conformance suite on the package's entry for browsers, in a worker, and answers with how it went. */

import * as h2q from 'h2q/browser';
import { describeAgreement } from '../../conformance/agreement.js';
import { describeConformance } from '../../conformance/conformance.js';
import { makeReference, type Reference } from '../../conformance/reference.js';
import { fromText, toText } from './carry.js';
import { type Outcome, run } from './collector.js';

/** What the page passes on. */
export interface Report {
  outcomes: Outcome[];
  /** What WASM computed here, for native to be held against. */
  reference: Reference;
  hasDocument: boolean;
}

let own: Reference | undefined;

describeConformance('wasm', async () => {
  await h2q.init();
  return h2q;
});

describeAgreement(
  'WASM in Chromium against native',
  async () => {
    own = await makeReference(h2q);
    return { h2q, reference: own };
  },
  async () => fromText<Reference>(await (await fetch('/native.json')).text()),
);

async function report(): Promise<void> {
  const outcomes = await run();
  postMessage(toText({ outcomes, reference: own, hasDocument: 'document' in globalThis }));
}

void report();
