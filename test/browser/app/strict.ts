/** A page that has everything done in a worker, through `h2q/client`. */

import { type Client, connect, H2qError } from 'h2q/client';
import { randomMatrix } from '../../conformance/matrices.js';
import { expose } from './scenarios.js';

const LONG = { solver: 'sgd', epochs: 1_000_000, learningRate: 1e-6 } as const;

let client: Promise<Client> | undefined;

function connected(): Promise<Client> {
  client ??= connect(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
  return client;
}

/** The longest of the main thread's long tasks, in milliseconds, while `work` is under way; 0 without any. */
async function longestTask(work: () => Promise<unknown>): Promise<number> {
  // What has led here is not to count.
  await turn();
  const durations: number[] = [];
  const observer = new PerformanceObserver((list) => {
    durations.push(...list.getEntries().map(({ duration }) => duration));
  });
  observer.observe({ type: 'longtask' });
  await work();
  await turn();
  durations.push(...observer.takeRecords().map(({ duration }) => duration));
  observer.disconnect();
  return Math.max(0, ...durations);
}

/** Later than everything that is waiting now, tasks already measured among it. */
async function turn(): Promise<void> {
  await new Promise((resolve) => requestAnimationFrame(resolve));
  await new Promise((resolve) => setTimeout(resolve));
}

const scenarios = {
  surroundings: async () => ({
    isIsolated: crossOriginIsolated,
    hasShared: 'SharedArrayBuffer' in globalThis,
  }),

  /** Whether this page's policy lets text be run as a program. */
  runsText: async () => {
    // The tools of the developer may do so, as long as they are what has called.
    await new Promise((resolve) => setTimeout(resolve));
    try {
      return new Function('return true')() as boolean;
    } catch {
      return false;
    }
  },

  fitAndSearch: async () => {
    const { Vectors, HammingIndex, ...h2q } = await connected();
    const matrix = randomMatrix(2000, 1);
    const vectors = await Vectors.from(matrix);
    const losses: number[] = [];
    const onProgress = (progress: { validationLoss: number }) => void losses.push(progress.validationLoss);
    const { model, history } = await h2q.fit(vectors, { bits: 16, seed: 1, onProgress });
    const codes = await model.encode(vectors);
    const index = await HammingIndex.build(codes);
    const hits = await index.search(await model.encode(randomMatrix(50, 2)), 10);
    const { backend } = await h2q.info();
    return { backend, losses, epochs: history.length, model: await model.toBytes(), codes, hits };
  },

  /** By the loss neighbours, whose module the worker loads for it. */
  fitNeighbours: async () => {
    const h2q = await connected();
    const options = { loss: 'neighbours', bits: 16, seed: 1, epochs: 2 } as const;
    const { model, summary } = await h2q.fit(randomMatrix(500, 1), options);
    return { loss: summary.loss, model: await model.toBytes() };
  },

  /** Aborts a fit that runs: when it rejected, with what, and whether the next one succeeds. */
  abort: async () => {
    const h2q = await connected();
    const controller = new AbortController();
    let begun = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const fit = h2q.fit(randomMatrix(2000, 1), { ...LONG, signal: controller.signal, onProgress: begun });
    await running;
    const abortedAt = performance.now();
    controller.abort();
    const { name } = await fit.then(
      () => ({ name: 'none' }),
      (error: Error) => error,
    );
    const milliseconds = performance.now() - abortedAt;
    const { model } = await h2q.fit(randomMatrix(300, 1), { bits: 16 });
    return { name, milliseconds, bitsAfter: model.bits };
  },

  badFile: async () => {
    const h2q = await connected();
    const failure = await h2q.readVectors(new File(['no such thing'], 'mine.npy')).catch((error) => error);
    const { code, message, details } = failure;
    return { isOurs: failure instanceof H2qError, code, message, details };
  },

  longestTaskOfFit: async () => {
    const h2q = await connected();
    const vectors = await h2q.Vectors.from(randomMatrix(5000, 1, 64), { transfer: true });
    let reports = 0;
    const onProgress = () => void reports++;
    const longest = await longestTask(() => h2q.fit(vectors, { bits: 32, onProgress }));
    return { longest, reports };
  },

  /** The same measurement of a main thread that stands still for 80 ms. */
  longestTaskOfStandstill: () =>
    longestTask(async () => {
      await new Promise((resolve) => setTimeout(resolve));
      for (const start = performance.now(); performance.now() - start < 80; );
    }),
};

export type StrictScenarios = typeof scenarios;
expose(scenarios);
