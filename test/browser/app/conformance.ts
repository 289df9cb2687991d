/** A page that runs the conformance suite in a worker. */

const worker = new Worker(new URL('./conformance-worker.ts', import.meta.url), { type: 'module' });

/** What the worker says in the end. */
const report = new Promise<string>((resolve, reject) => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
});

Object.assign(globalThis, { report });
