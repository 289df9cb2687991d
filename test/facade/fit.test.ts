import { beforeEach, describe, expect, it } from 'vitest';
import { settled } from '../../ts/abort.js';
import type { CoreFitOptions } from '../../ts/backend.js';
import { type FitOptions, type FitResult, fit, fitSync, type Progress } from '../../ts/fit.js';
import { Vectors } from '../../ts/vectors.js';
import { coreError, type FakeState, scriptedFit, untilCancelled, useFakePlatform } from './fake-platform.js';

const matrix = { data: new Float32Array(32).fill(1), columns: 8 };
const labelled = { method: 'auto', labels: new Uint8Array(4), validation: matrix } as const;
const runners: [string, (options?: FitOptions) => Promise<FitResult>][] = [
  ['fit', (options) => fit(matrix, options)],
  ['fitSync', async (options) => fitSync(matrix, options)],
];

let calls: string[];
let received: CoreFitOptions | undefined;
let receivedLabels: unknown[];
let platform: FakeState;

function useLosses(...losses: number[]): void {
  calls = [];
  received = undefined;
  platform = useFakePlatform({
    createFit: (_train, _validation, options, ...labels) => {
      received = options;
      receivedLabels = labels;
      return scriptedFit(losses, calls);
    },
  });
}

beforeEach(() => useLosses(3, 2, 1));

describe.each(runners)('%s', (_, run) => {
  it('prepares, steps until done, finishes', async () => {
    const { history, summary, model } = await run();
    expect(calls).toEqual(['prepare', 'step', 'step', 'step', 'finish']);
    expect(history.map((report) => report.validationLoss)).toEqual([3, 2, 1]);
    expect(summary.epochs).toBe(3);
    expect(model.bits).toBe(8);
  });

  it('reports every epoch with the number planned', async () => {
    const seen: Progress[] = [];
    await run({ onProgress: (progress) => seen.push(progress) });
    expect(seen.map(({ epoch, epochsDone, plannedEpochs }) => [epoch, epochsDone, plannedEpochs])).toEqual([
      [1, 1, 3],
      [2, 2, 3],
      [3, 3, 3],
    ]);
  });

  it('runs no epoch where none is planned', async () => {
    useLosses();
    expect((await run()).history).toEqual([]);
    expect(calls).toEqual(['prepare', 'finish']);
  });

  it('stops early after `patience` epochs without a lower loss', async () => {
    useLosses(5, 4, 4, 6, 1, 0);
    expect((await run({ earlyStop: { patience: 2 } })).history).toHaveLength(4);
    useLosses(5, 4, 4, 3, 3, 3, 0);
    expect((await run({ earlyStop: { patience: 2 } })).history).toHaveLength(6);
    useLosses(5, 4, 4, 6, 1, 0);
    expect((await run()).history).toHaveLength(6);
  });

  it('passes on what onProgress throws', async () => {
    const mine = new Error('stop here');
    const failing = run({
      onProgress: () => {
        throw mine;
      },
    });
    expect(await failing.catch((caught: unknown) => caught)).toBe(mine);
    expect(calls).toEqual(['prepare', 'step']);
  });

  it('hands over only the options that were given', async () => {
    await run();
    expect(received).toEqual({});
    const options = {
      bits: 8,
      method: 'h2q',
      loss: 'l1',
      solver: 'sgd',
      epochs: 3,
      learningRate: 0.5,
    } as const;
    const more = { batchSize: 4, reflections: 3, center: false, seed: 2 ** 53 - 1, threads: 1 };
    await run({ ...options, ...more });
    expect(received).toEqual({ ...options, ...more });
  });

  it('auto is a criterion for the core: labels where there are any, else neighbours', async () => {
    await run({ method: 'auto' });
    expect(received).toEqual({ criterion: 'neighbours' });
    await run({ method: 'auto', labels: new Uint8Array(4), bits: 8 });
    expect(received).toEqual({ criterion: 'labels', bits: 8 });
    expect(receivedLabels).toEqual([{ kind: 'single', values: new BigInt64Array(4) }, null]);
    const { summary } = await run({ method: 'auto', criterion: 'loss' });
    expect(received).toEqual({ criterion: 'loss' });
    expect(summary).toMatchObject({ criterion: 'loss', candidates: [] });
  });

  it('releases its own copies, and vectors of the caller only when told to', async () => {
    const vectors = Vectors.fromSync(matrix);
    await run({ validation: vectors });
    expect([platform.releases, vectors.isReleased]).toEqual([1, false]);
    await run({ validation: vectors, release: true });
    expect([platform.releases, vectors.isReleased]).toEqual([3, true]);
    await expect(run({ validation: vectors })).rejects.toThrow('validation: these vectors were released');
  });

  it.each<[object, string]>([
    [{ bits: 7.5 }, 'bits: 7.5 is not a whole number'],
    [{ bits: '8' }, "bits: '8' is not a whole number"],
    [{ method: 'pq' }, "method: 'pq' is not one of h2q, itq, random, identity, auto"],
    [{ method: 'auto', criterion: 'taste' }, "criterion: 'taste' is not one of loss, neighbours, labels"],
    [{ method: 'itq', criterion: 'loss' }, "criterion: only method 'auto' uses this; choose that method, or"],
    [
      { labels: new Uint8Array(4) },
      "labels: only method 'auto' uses this; choose that method, or leave this out",
    ],
    [
      { method: 'auto', criterion: 'labels' },
      "criterion: 'labels' cannot be chosen by where none are given; give",
    ],
    [{ method: 'auto', labels: new Uint8Array(3) }, 'labels: expected labels of 4 rows, got 3'],
    [
      { method: 'auto', labels: { classes: 3, values: new Uint8Array(13) } },
      'labels: 13 values are not whole rows of 3 classes',
    ],
    [
      { method: 'auto', labels: { classes: 2, values: Uint8Array.from([0, 1, 0, 0, 0, 2, 0, 0]) } },
      'labels: row 2, class 1: 2 is neither 0 nor 1',
    ],
    [
      { method: 'auto', labels: new Uint8Array(4), validation: matrix },
      'validationLabels: needed where both labels and validation are given',
    ],
    [
      { ...labelled, validationLabels: { classes: 3, values: new Uint8Array(12) } },
      'validationLabels: expected one label per row as in labels, got rows of 3 classes',
    ],
    [
      {
        ...labelled,
        labels: { classes: 2, values: new Uint8Array(8) },
        validationLabels: { classes: 3, values: new Uint8Array(12) },
      },
      'validationLabels: expected rows of 2 classes as in labels, got rows of 3 classes',
    ],
    [
      { method: 'auto', validationLabels: new Uint8Array(4) },
      'validationLabels: of use beside both labels and validation alone; give those, too',
    ],
    [{ loss: 'l3' }, "loss: 'l3' is not one of"],
    [{ solver: 1 }, 'solver: 1 is not one of auto, sgd'],
    [{ epochs: -1 }, 'epochs: -1 is not'],
    [{ learningRate: NaN }, 'learningRate: NaN is not a number above 0'],
    [{ learningRate: 0 }, 'learningRate: 0 is not a number above 0'],
    [{ learningRate: 3.41e38 }, 'learningRate: 3.41e+38 is not a number above 0 and at most 3.4028'],
    [{ batchSize: 0 }, 'batchSize: 0 is not'],
    [{ reflections: 0 }, 'reflections: 0 is not'],
    [{ reflections: 2.5 }, 'reflections: 2.5 is not'],
    [{ center: 'on' }, "center: 'on' is not true or false"],
    [{ seed: 2 ** 53 }, 'seed: 9007199254740992 is not'],
    [{ threads: -1 }, 'threads: -1 is not'],
    [{ earlyStop: { patience: 0 } }, 'earlyStop.patience: 0 is not'],
    [{ validation: { data: new Float32Array(3), columns: 2 } }, 'validation: 3 values are not whole rows'],
  ])('refuses %j before any work', async (options, message) => {
    await expect(run(options)).rejects.toThrow(message);
    expect(calls).toEqual([]);
  });
});

it('an abort in an epoch rejects with the reason and never finishes', async () => {
  const session = scriptedFit([3, 2, 1], calls);
  useFakePlatform({
    createFit: () => ({ ...session, done: false, step: (_, cancel) => untilCancelled(cancel) }),
  });
  const controller = new AbortController();
  const running = fit(matrix, { signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  await settled();
  expect(calls).toEqual(['prepare']);
});

it('an abort in onProgress ends the fit after that epoch', async () => {
  const controller = new AbortController();
  const running = fit(matrix, { signal: controller.signal, onProgress: () => controller.abort() });
  await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  expect(calls).toEqual(['prepare', 'step']);
});

it('what the core refuses of the options is refused before anything is copied', async () => {
  const state = useFakePlatform({
    checkFit: (dimensions, { bits }) => {
      throw coreError('INVALID_BITS', `bits: ${bits} of ${dimensions}`);
    },
  });
  const wanted = { code: 'INVALID_BITS', message: 'bits: 12 of 8' };
  await expect(fit(matrix, { bits: 12 })).rejects.toMatchObject(wanted);
  expect(() => fitSync(matrix, { bits: 12 })).toThrow('bits: 12 of 8');
  expect(state.slices).toEqual([]);
});

it('many labels are converted in slices, with turns of the event loop between them', async () => {
  const classes = 100_000;
  const values = Uint8Array.from({ length: 4 * classes }, (_, i) => (i % 3 === 0 ? 1 : 0));
  const before = platform.turns;
  await fit(matrix, { method: 'auto', labels: { classes, values } });
  expect(platform.turns - before).toBeGreaterThanOrEqual(3);
  expect(receivedLabels).toEqual([{ kind: 'multi', classes, values }, null]);
});

it('labels that are detached while they are converted are refused', async () => {
  const classes = 100_000;
  const values = new Uint8Array(4 * classes);
  const running = fit(matrix, { method: 'auto', labels: { classes, values } });
  structuredClone(values, { transfer: [values.buffer] });
  await expect(running).rejects.toThrow('labels: the array was detached or resized while it was copied');
});

it('vectors of the core are used as they are', async () => {
  const vectors = Vectors.fromSync(matrix);
  let train: unknown;
  useFakePlatform({
    createFit: (given) => {
      train = given;
      return scriptedFit([], calls);
    },
  });
  await fit(vectors);
  expect(train).toBe(vectors.core);
});

it.each([1, 7])('%d dimensions are too few for any code, whatever the bits', async (columns) => {
  const narrow = { data: new Float32Array(columns * 4).fill(1), columns };
  for (const options of [{}, { bits: 8 }]) {
    await expect(fit(narrow, options)).rejects.toMatchObject({
      code: 'INVALID_BITS',
      message: expect.stringMatching(
        `^vectors: ${columns} dimensions?, too few for the shortest codes, 8 bits`,
      ),
    });
  }
  expect(calls).toEqual([]);
});
