/** Learning and fitting together, on the native addon. */

import { describe, expect, it } from 'vitest';
import { fit, fitSync, type LearnOptions, learn, learnSync, Model } from '../../ts/node/index.js';
import { seededRandom } from '../io/memory.js';

const ROWS = 400;
const COLUMNS = 12;
const random = seededRandom(5);
const data = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => {
  const [row, column] = [Math.floor(i / COLUMNS), i % COLUMNS];
  return random() - 0.5 + (row % 4 === column % 4 ? 0.4 : 0);
});
const vectors = { data, columns: COLUMNS };
const labels = Int32Array.from({ length: ROWS }, (_, row) => row % 4);
const options = { labels, bits: 16, hidden: [20], epochs: 5, learningRate: 0.01, seed: 2 };

describe('learn', () => {
  it('gives embeddings and their signs, alike in both ways and for any number of threads', async () => {
    const { model, history } = await learn(vectors, options);
    expect([model.dimensions, model.bits]).toEqual([COLUMNS, 16]);
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5]);
    expect(model.summary).toMatchObject({
      method: 'identity',
      dimensions: COLUMNS,
      bits: 16,
      head: {
        rows: ROWS,
        dimensions: 16,
        loss: 'cel',
        penalty: 'none',
        penaltyWeight: 0,
        seed: 2,
        epochs: 5,
      },
    });
    const best = Math.max(...history.map((report) => report.meanAveragePrecision));
    expect(model.summary.head?.meanAveragePrecision).toBe(best);
    expect(learnSync(vectors, { ...options, threads: 1 }).model.toBytes()).toEqual(model.toBytes());
  });

  it('goes on from a checkpoint to the same model', async () => {
    const states: Uint8Array[] = [];
    const { model } = await learn(vectors, {
      ...options,
      checkpointEvery: 2,
      onProgress: ({ checkpoint }) => void (checkpoint && states.push(checkpoint)),
    });
    expect(states).toHaveLength(3);
    const resumed = await learn(vectors, { ...options, resume: states[0] });
    expect(resumed.history.map(({ epoch }) => epoch)).toEqual([3, 4, 5]);
    expect(resumed.model.toBytes()).toEqual(model.toBytes());
    const over = learnSync(vectors, { ...options, resume: states[2] });
    expect(over.history).toEqual([]);
    expect(over.model.toBytes()).toEqual(model.toBytes());
    await expect(learn(vectors, { ...options, seed: 3, resume: states[0] })).rejects.toMatchObject({
      code: 'MODEL_FORMAT',
    });
  });

  it('stops when it is told to, and when the one who listens throws', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const stopped = learn(vectors, {
      ...options,
      epochs: 10_000,
      patience: 10_000,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(stopped).rejects.toBe(reason);
    const thrown = learn(vectors, {
      ...options,
      onProgress: () => {
        throw reason;
      },
    });
    await expect(thrown).rejects.toBe(reason);
  });

  it.each([
    ['labels', undefined, 'labels'],
    ['loss', 'hinge', 'loss'],
    ['penalty', 'l3', 'penalty'],
    ['penaltyWeight', -1, 'penaltyWeight'],
    ['penaltyWeight', 1, 'penaltyWeight'],
    ['hidden', 20, 'hidden'],
    ['hidden', [0], 'hidden'],
    ['hidden', [1, 1, 1, 1, 1, 1, 1, 1], 'hidden'],
    ['bits', 12, 'bits'],
    ['epochs', 0, 'epochs'],
    ['batchSize', 1, 'batchSize'],
    ['patience', 0, 'patience'],
    ['dropout', 0.95, 'dropout'],
    ['learningRate', 0, 'learningRate'],
    ['seed', -1, 'seed'],
    ['continuation', true, 'continuation'],
    ['checkpointEvery', 0, 'checkpointEvery'],
    ['resume', [1], 'resume'],
    ['validation', vectors, 'validationLabels'],
    ['validationLabels', labels, 'validation'],
  ])('refuses %s = %j by name', async (name, value, option) => {
    const wrong = { ...options, [name]: value } as LearnOptions;
    await expect(learn(vectors, wrong)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { option },
    });
  });

  it('refuses labels of other rows', async () => {
    await expect(learn(vectors, { ...options, labels: labels.slice(1) })).rejects.toMatchObject({
      code: 'MISMATCH',
    });
  });
});

describe('fit with a head', () => {
  const { model: learnt } = learnSync(vectors, options);

  it('is the fit to the embeddings behind the head, in one model', async () => {
    const { model, summary } = await fit(vectors, { head: learnt, seed: 1 });
    expect([model.dimensions, model.bits, summary.method]).toEqual([COLUMNS, 16, 'h2q']);
    expect(summary).toMatchObject({ head: { loss: 'cel' }, dimensions: COLUMNS });
    const embeddings = learnt.transformSync(vectors);
    const inTwo = await fit(embeddings, { seed: 1 });
    expect(model.encodeSync(vectors).data).toEqual(inTwo.model.encodeSync(embeddings).data);
    const read = Model.fromBytes(model.toBytes());
    expect(read.fingerprint).toBe(model.fingerprint);
    expect(read.encodeSync(vectors).data).toEqual(model.encodeSync(vectors).data);
    expect(fitSync(vectors, { head: learnt, seed: 1 }).model.toBytes()).toEqual(model.toBytes());
  });

  it('chooses among methods and makes shorter codes', async () => {
    const { model, summary } = await fit(vectors, { head: learnt, method: 'auto', labels, bits: 8 });
    expect([model.dimensions, model.bits]).toEqual([COLUMNS, 8]);
    expect(summary.candidates).toHaveLength(4);
    expect(summary.head?.dimensions).toBe(16);
  });

  it('refuses what is no head, and vectors that the head does not take', async () => {
    const { model } = await fit(vectors, { head: learnt });
    for (const head of [model, fitSync(vectors, { bits: 8 }).model]) {
      await expect(fit(vectors, { head })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    const wide = { data: new Float32Array(320), columns: 16 };
    await expect(fit(wide, { head: learnt })).rejects.toMatchObject({ code: 'MISMATCH' });
    await expect(fit(vectors, { head: learnt, validation: wide })).rejects.toMatchObject({
      code: 'MISMATCH',
    });
    await expect(fit(vectors, { head: learnt, bits: 24 })).rejects.toMatchObject({ code: 'INVALID_BITS' });
  });
});
