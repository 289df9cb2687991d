/** What a page can be asked to do, by name, from outside. */

import { fromText, toText } from './carry.js';

/** Functions of plain values, with typed arrays among them. */
export type Scenarios = Record<string, (argument: never) => Promise<unknown>>;

/** Lets test/browser/play.ts play these. */
export function expose(scenarios: Scenarios): void {
  const play = async (name: string, argument: string) => {
    return toText(await scenarios[name]!(fromText(argument) as never));
  };
  Object.assign(globalThis, { play });
}

/** The only message that a worker sends, to whoever asks it this only question. */
export function ask<Answer>(worker: Worker, question: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    worker.postMessage(question);
  });
}
