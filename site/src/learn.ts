/**
 * A fit that can be watched. A fit gives its model only at the end, so this is a row of them, each from the same
 * seed and longer than the one before: the same seed takes the same steps, so each model is one on the way of the last.
 */

import type { Client, EpochReport, Model, Vectors } from 'h2q/client';

export interface LearnOptions {
  bits: number;
  solver: 'auto' | 'sgd';
  epochs: number;
  /** What the rows pass first, of as many dimensions as bits; without one, their principal components are turned. */
  head?: Model | undefined;
  signal: AbortSignal;
  /** Called for every epoch, once; for epoch 0, before any rotation, too. */
  onEpoch(losses: Losses): void;
}

export type Losses = Pick<EpochReport, 'epoch' | 'trainLoss' | 'validationLoss'>;

/** What is seen of the coordinates after some epochs. */
export interface Stage {
  epochs: number;
  model: Model;
  /** The rows as they lie then, before the sign. */
  coordinates: Float32Array;
}

const SEED = 1;

/** The stages of a fit; the first is none at all: the components or the head's values, whose signs alone are a method, too. */
export async function* learn(client: Client, rows: Vectors, options: LearnOptions): AsyncGenerator<Stage> {
  const { bits, solver, head, signal } = options;
  const common = { bits, seed: SEED, signal, ...(head ? { head } : { center: true }) };
  const start = await client.fit(rows, { ...common, method: 'identity' });
  const { trainLoss, validationLoss } = start.summary;
  options.onEpoch({ epoch: 0, trainLoss, validationLoss });
  yield stageOf(0, start.model, await start.model.transform(rows, { signal }));

  let seen = 0;
  for (const epochs of lengths(options.epochs)) {
    const { model, history } = await client.fit(rows, {
      ...common,
      solver,
      epochs,
      onProgress: (report) => {
        if (report.epoch <= seen) return;
        seen = report.epoch;
        options.onEpoch(report);
      },
    });
    yield stageOf(history.length, model, await model.transform(rows, { signal }));
    // It has converged.
    if (history.length < epochs) return;
  }
}

function stageOf(epochs: number, model: Model, { data }: { data: Float32Array }): Stage {
  return { epochs, model, coordinates: data };
}

/** 1, 2, 3, 5, 7, 10, … up to `last`: by ratio, so that all together take a few times as long as the last. */
function lengths(last: number): number[] {
  const found = [];
  for (let epochs = 1; epochs < last; epochs = Math.max(epochs + 1, Math.round(epochs * 1.4)))
    found.push(epochs);
  return [...found, last];
}
