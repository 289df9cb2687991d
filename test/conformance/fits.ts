/** Fits of a backend. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { FitOptions, Model, Progress } from '../../ts/index.js';
import type { Api, Loaded } from './conformance.js';
import { COLUMNS, matrix, randomMatrix, signsOf } from './matrices.js';

const delay = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function describeFits(loaded: () => Loaded): void {
  let h2q: Api;
  let model: Model;
  beforeAll(() => {
    ({ h2q, model } = loaded());
  });

  describe('fit', () => {
    it('gives the same model blocking or not, from a matrix or from vectors', async () => {
      const options = { solver: 'sgd', epochs: 3, seed: 7 } as const;
      const results = [
        await h2q.fit(matrix, options),
        await h2q.fit(await h2q.Vectors.from(matrix), { ...options, threads: 1 }),
        h2q.fitSync(matrix, options),
      ];
      expect(new Set(results.map((result) => result.model.fingerprint)).size).toBe(1);
      for (const { history, summary } of results) {
        expect(history.map((report) => report.epoch)).toEqual([1, 2, 3]);
        expect(summary).toMatchObject({
          rows: 700,
          dimensions: COLUMNS,
          bits: COLUMNS,
          solver: 'sgd',
          epochs: 3,
        });
      }
    });

    it('auto chooses among all methods and says what each scored', async () => {
      const validation = randomMatrix(100, 5);
      const labels = signsOf(matrix);
      const validationLabels = signsOf(validation);
      const options = { method: 'auto', validation, labels, validationLabels } as const;
      const { model, summary, history } = await h2q.fit(matrix, { ...options, criterion: 'neighbours' });
      const candidates = summary.candidates ?? [];
      const methods = ['identity', 'random', 'itq', 'h2q', 'h2q'];
      expect(candidates.map(({ method }) => method)).toEqual(methods);
      const objectives = Array<string>(4).fill('bit-variance');
      expect(candidates.map(({ loss }) => loss)).toEqual([...objectives, 'neighbours']);
      const best = Math.max(...candidates.map(({ neighbourRecall }) => neighbourRecall));
      const winner = candidates.find(
        ({ method, loss }) => method === summary.method && loss === summary.loss,
      );
      expect(winner?.neighbourRecall).toBe(best);
      const judged = {
        database: matrix,
        databaseLabels: labels,
        queries: validation,
        queryLabels: validationLabels,
      };
      const { at } = await h2q.evaluate({ model, ...judged, at: [100] });
      expect(winner?.labelPrecision).toBe(at[100]?.precision);
      // Of labels that have nothing to do with the vectors it would be a quarter.
      for (const { labelPrecision } of candidates) expect(labelPrecision).toBeGreaterThan(0.3);
      expect(new Set(history.map(({ method }) => method))).toEqual(new Set(['itq', 'h2q']));
      expect(model.summary).not.toHaveProperty('candidates');

      const again = h2q.fitSync(matrix, { ...options, criterion: 'neighbours', threads: 1 });
      expect(again.model.fingerprint).toBe(model.fingerprint);
      const unlabelled = await h2q.fit(matrix, { method: 'auto' });
      expect(unlabelled.summary.criterion).toBe('neighbours');
      expect(unlabelled.summary.candidates?.[0]).not.toHaveProperty('labelPrecision');
    });

    it('the loss neighbours learns a projection or turns the principal directions', async () => {
      const options = { loss: 'neighbours', bits: 16, epochs: 3, seed: 2 } as const;
      const { model, history, summary } = await h2q.fit(matrix, options);
      expect(summary).toMatchObject({ loss: 'neighbours', method: 'h2q', bits: 16, epochs: 3 });
      expect(history.map(({ loss }) => loss)).toEqual(['neighbours', 'neighbours', 'neighbours']);
      expect(h2q.fitSync(matrix, { ...options, threads: 1 }).model.fingerprint).toBe(model.fingerprint);
      const read = h2q.Model.fromBytes(model.toBytes());
      expect((await read.encode(matrix)).data).toEqual((await model.encode(matrix)).data);
      const plain = await h2q.fit(matrix, { method: 'identity', bits: 16, seed: 2 });
      const within = await h2q.fit(matrix, { ...options, projection: 'pca' });
      // A rotation of the principal directions keeps the length of their part.
      const lengthOf = async ({ model }: { model: Model }) =>
        Math.hypot(...(await model.transform(matrix)).data.subarray(0, 16));
      expect((await lengthOf(within)) / (await lengthOf(plain))).toBeCloseTo(1, 4);
      const refused = [
        { loss: 'neighbours', method: 'itq' },
        { loss: 'neighbours', solver: 'sgd' },
        { projection: 'learned' },
        { projection: 'random' },
      ] as FitOptions[];
      for (const one of refused)
        await expect(h2q.fit(matrix, one)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    });

    it('a fit by the loss neighbours reports its epochs, and ends between two of them when it is aborted', async () => {
      const controller = new AbortController();
      const seen: number[][] = [];
      const onProgress = ({ epochsDone, plannedEpochs }: Progress) => {
        seen.push([epochsDone, plannedEpochs]);
        if (epochsDone === 2) controller.abort();
      };
      const options = { loss: 'neighbours', bits: 8, epochs: 500, signal: controller.signal } as const;
      const running = h2q.fit(matrix, { ...options, onProgress });
      await expect(running).rejects.toMatchObject({ name: 'AbortError' });
      await h2q.settled();
      expect(seen).toEqual([
        [1, 500],
        [2, 500],
      ]);
      const again = await h2q.fit(matrix, { loss: 'neighbours', bits: 8, epochs: 2 });
      expect(again.history).toHaveLength(2);
    });

    it('an early stop ends one method and not the choice', async () => {
      // A loss far above that of ITQ, l2: what a method reached must not end the next.
      const options = { method: 'auto', criterion: 'loss', loss: 'min-entropy' } as const;
      const losses = async (earlyStop?: { patience: number }) => {
        const { history, summary } = await h2q.fit(matrix, { ...options, earlyStop });
        expect(summary.candidates).toHaveLength(4);
        const of = (method: string) =>
          history.filter((report) => report.method === method).map((report) => report.validationLoss);
        return { itq: of('itq'), h2q: of('h2q') };
      };
      const whole = await losses();
      const stopped = await losses({ patience: 1 });
      for (const method of ['itq', 'h2q'] as const) {
        // Up to the first epoch without a lower loss, with that epoch, and not beyond.
        const first = whole[method].findIndex(
          (loss, i, all) => i > 0 && loss >= Math.min(...all.slice(0, i)),
        );
        const end = first < 0 ? whole[method].length : first + 1;
        expect(stopped[method]).toEqual(whole[method].slice(0, end));
        expect(end).toBeGreaterThan(1);
      }
      expect([whole.itq.length, stopped.itq.length < 50]).toEqual([50, true]);
    });

    it.each([{}, { earlyStop: { patience: 1 } }])(
      'progress of auto with %j only rises, to the end',
      async (more) => {
        const shares: number[] = [];
        const onProgress = ({ epochsDone, plannedEpochs }: Progress) => {
          shares.push(epochsDone / plannedEpochs);
        };
        const { history } = await h2q.fit(matrix, { method: 'auto', ...more, onProgress });
        expect(shares).toHaveLength(history.length);
        expect(shares).toEqual(shares.toSorted((a, b) => a - b));
        expect([shares[0]! > 0, shares.at(-1)]).toEqual([true, 1]);
      },
    );

    it.each(['bit-variance', 'neighbours'] as const)(
      'by %s takes inputs and options in the turn of the call',
      async (loss) => {
        const options = { loss, bits: 16, epochs: 2, seed: 4 } as const;
        const wanted = h2q.fitSync(matrix, options).model.fingerprint;
        const vectors = await h2q.Vectors.from(matrix);
        const ofVectors = h2q.fit(vectors, options);
        vectors.release();
        const copy = { data: matrix.data.slice(), columns: COLUMNS };
        const changing: FitOptions = { ...options };
        const ofMatrix = h2q.fit(copy, changing);
        copy.data.fill(1);
        Object.assign(changing, { loss: 'l2', bits: 8, seed: 5 });
        const labels = signsOf(matrix);
        const auto = { ...options, method: 'auto', criterion: 'neighbours' } as const;
        const ofLabels = h2q.fit(matrix, { ...auto, labels });
        const precisions = h2q.fitSync(matrix, { ...auto, labels: labels.slice() }).summary.candidates;
        labels.fill(0);
        expect((await ofVectors).model.fingerprint).toBe(wanted);
        expect((await ofMatrix).model.fingerprint).toBe(wanted);
        const withoutTime = (all: typeof precisions) => all?.map(({ seconds, ...scores }) => scores);
        expect(withoutTime((await ofLabels).summary.candidates)).toEqual(withoutTime(precisions));
      },
    );

    it('released vectors are refused everywhere', async () => {
      const vectors = await h2q.Vectors.from(matrix);
      await h2q.fit(vectors, { bits: 8, release: true });
      expect(vectors.isReleased).toBe(true);
      const wanted = { code: 'INVALID_ARGUMENT', message: 'vectors: these vectors were released' };
      await expect(h2q.fit(vectors)).rejects.toMatchObject(wanted);
      await expect(model.encode(vectors)).rejects.toMatchObject(wanted);
      vectors.release();
    });

    it('turns by one reflection when asked for one', async () => {
      const options = { solver: 'sgd', epochs: 2, reflections: 1 } as const;
      const { model } = await h2q.fit(matrix, options);
      // X - X H = (X v) 2vᵀ/(vᵀv): all rows are multiples of one.
      const turned = (await model.transform(matrix)).data;
      const difference = (row: number) =>
        [...turned.slice(row * COLUMNS, (row + 1) * COLUMNS)].map(
          (z, j) => matrix.data[row * COLUMNS + j]! - z,
        );
      const norm = (a: number[]) => Math.hypot(...a);
      const first = difference(0);
      for (let row = 1; row < 20; row++) {
        const other = difference(row);
        const inner = other.reduce((sum, value, j) => sum + value * first[j]!, 0);
        expect(Math.abs(inner) / norm(first) / norm(other)).toBeCloseTo(1, 4);
      }
    });

    it('leaves the event loop free', async () => {
      let ticks = 0;
      const timer = setInterval(() => ticks++, 5);
      const started = performance.now();
      await h2q.fit(randomMatrix(3000, 2, 64), { solver: 'sgd', epochs: 8 });
      clearInterval(timer);
      const share = (performance.now() - started) / 5 / 4;
      // Without threads the loop turns between epochs, of which some are shorter than a tick.
      const wanted = h2q.info().backend === 'wasm' ? Math.min(6, share) : share;
      expect(ticks).toBeGreaterThan(wanted);
    });

    it('rejects within 50 ms of an abort, and settled() ends soon after', async () => {
      const controller = new AbortController();
      const running = h2q.fit(matrix, { solver: 'sgd', epochs: 1_000_000, signal: controller.signal });
      await delay(100);
      const abortedAt = performance.now();
      controller.abort();
      await expect(running).rejects.toMatchObject({ name: 'AbortError' });
      expect(performance.now() - abortedAt).toBeLessThan(50);
      await h2q.settled();
      expect(performance.now() - abortedAt).toBeLessThan(250);
    });

    it.each<[string, FitOptions, object]>([
      ['bits of 12', { bits: 12 }, { code: 'INVALID_BITS' }],
      ['more bits than dimensions', { bits: 40 }, { code: 'INVALID_BITS' }],
      [
        'a rate without sgd',
        { learningRate: 1 },
        { code: 'INVALID_OPTION', details: { option: 'learningRate' } },
      ],
      [
        'reflections without sgd',
        { reflections: 4 },
        { code: 'INVALID_OPTION', details: { option: 'reflections' } },
      ],
      [
        'more reflections than bits',
        { solver: 'sgd', bits: 8, reflections: 9 },
        { code: 'INVALID_OPTION', details: { option: 'reflections' } },
      ],
      ['other validation dimensions', { validation: randomMatrix(5, 1, 8) }, { code: 'MISMATCH' }],
    ])('%s is an H2qError of the core', async (_, options, wanted) => {
      await expect(h2q.fit(matrix, options)).rejects.toBeInstanceOf(h2q.H2qError);
      await expect(h2q.fit(matrix, options)).rejects.toMatchObject(wanted);
      expect(() => h2q.fitSync(matrix, options)).toThrow(h2q.H2qError);
    });

    it('names row and column of a NaN', async () => {
      const data = matrix.data.with(5 * COLUMNS + 3, NaN);
      const wanted = { code: 'NOT_FINITE', details: { row: 5, column: 3 } };
      await expect(h2q.fit({ data, columns: COLUMNS })).rejects.toMatchObject(wanted);
    });
  });
}
