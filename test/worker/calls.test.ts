/** How calls travel: arrays, objects, progress, aborts and errors. */

import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import * as h2q from '../../ts/node/index.js';
import { connect } from '../../ts/worker/client.js';
import { COLUMNS, randomMatrix } from '../conformance/matrices.js';
import { hasWasm } from '../wasm.js';
import { kinds, pair, type Sent, startClient, startWorker } from './workers.js';

const matrix = randomMatrix(300, 1);
const OPTIONS = { bits: 16, seed: 7 };
const copyOf = ({ data, columns }: h2q.Matrix) => ({ data: data.slice(), columns });

/** Thousands of epochs, of some milliseconds each. */
const LONG = { method: 'h2q', solver: 'sgd', epochs: 100_000, learningRate: 1e-6 } as const;
const large = randomMatrix(2000, 2, 128);

describe('arrays', () => {
  it('are copied unless they are to be moved', async () => {
    const client = await startClient();
    const { model } = await client.fit(matrix, OPTIONS);
    const codes = await model.encode(matrix);
    expect(matrix.data).toHaveLength(300 * COLUMNS);
    const moved = copyOf(matrix);
    expect(await model.encode(moved, { transfer: true })).toEqual(codes);
    expect([moved.data.length, moved.data.buffer.byteLength]).toEqual([0, 0]);

    const database = copyOf(matrix);
    const labels = new Uint8Array(300);
    const task = { databaseLabels: labels, queryLabels: labels, at: [10], transfer: true };
    // The same array twice, and labels twice, are moved once.
    await client.evaluateCosine({ database, queries: database, ...task });
    expect([database.data.length, labels.length]).toEqual([0, 0]);

    const ids = Uint32Array.of(1, 2);
    const index = await client.HammingIndex.build(codes);
    expect([await index.remove(ids, { transfer: true }), ids.length]).toEqual([2, 0]);
    const bytes = await model.toBytes();
    await client.Model.fromBytes(bytes, { transfer: true });
    expect(bytes).toHaveLength(0);
  });

  it('that are parts of larger ones are sent alone, and stay whole when they should be moved', async () => {
    const { client, page } = await pair();
    const buffer = new Float32Array(1000 * COLUMNS).fill(7);
    const part = buffer.subarray(500 * COLUMNS, 502 * COLUMNS);
    for (const transfer of [false, true]) {
      expect((await client.Vectors.from({ data: part, columns: COLUMNS }, { transfer })).rows).toBe(2);
      const { message, moved } = page.sent.at(-1) as Sent;
      const [{ data }] = message['args'] as [h2q.Matrix];
      expect([data, data.buffer.byteLength, moved]).toEqual([part, 2 * COLUMNS * 4, []]);
    }
    expect(buffer).toHaveLength(1000 * COLUMNS);
    // Node's small buffers are parts of a pool that cannot be moved.
    expect(await client.popcount(Buffer.from([3, 4]), { transfer: true })).toBe(3);
    const [bytes] = (page.sent.at(-1) as Sent).message['args'] as [Uint8Array];
    expect(bytes.buffer.byteLength).toBe(2);
  });

  it('of results are moved to the page', async () => {
    const { client, worker } = await pair();
    const { model } = await client.fit(matrix, OPTIONS);
    const { data } = await model.transform(matrix);
    const { moved } = kinds(worker.sent, 'result').at(-1) ?? {};
    expect(moved?.length).toBe(1);
    expect(data).toEqual(h2q.fitSync(matrix, OPTIONS).model.transformSync(matrix).data);
  });

  it('that were moved away before are refused', async () => {
    const client = await startClient();
    const gone = copyOf(matrix);
    structuredClone(gone.data, { transfer: [gone.data.buffer] });
    await expect(client.Vectors.from(gone)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'data: the array is detached',
    });
  });
});

describe('progress', () => {
  it('of a fit comes in order, before the result, with all that the history has', async () => {
    const client = await startClient();
    const seen: h2q.Progress[] = [];
    let done = false;
    const onProgress = (progress: h2q.Progress) => {
      expect(done).toBe(false);
      seen.push(progress);
    };
    const { history } = await client.fit(matrix, { ...OPTIONS, method: 'auto', onProgress });
    done = true;
    expect(seen.map(({ epochsDone }) => epochsDone)).toEqual(history.map((_, i) => i + 1));
    const reports = seen.map(({ epochsDone: _, plannedEpochs: __, ...report }) => report);
    expect(reports).toEqual(history);
    // Two of the four methods have epochs.
    expect([...new Set(history.map(({ method }) => method))].sort()).toEqual(['h2q', 'itq']);
  });

  it('is not sent where nobody listens', async () => {
    const { client, worker } = await pair();
    await client.fit(matrix, OPTIONS);
    expect(kinds(worker.sent, 'progress')).toEqual([]);
    await client.fit(matrix, { ...OPTIONS, onProgress: () => {} });
    expect(kinds(worker.sent, 'progress').length).toBeGreaterThan(3);
  });

  it('whose listener throws ends the fit with that', async () => {
    const { client, page } = await pair();
    const mine = new Error('enough');
    let calls = 0;
    const onProgress = () => {
      calls += 1;
      if (calls === 2) throw mine;
    };
    expect(await client.fit(large, { ...LONG, onProgress }).catch((error) => error)).toBe(mine);
    expect(kinds(page.sent, 'cancel')).toHaveLength(1);
    // The fit has really stopped when its answer comes.
    await client.info();
    expect(calls).toBe(2);
  });
});

describe('an abort', () => {
  it.for(['native', 'wasm'])(
    'rejects within 50 ms in a long fit, with the reason, and the worker goes on (%s)',
    async (backend, { skip }) => {
      skip(backend === 'wasm' && !hasWasm, 'the WASM modules were not built: npm run setup says why');
      const client = await connect(startWorker(backend));
      expect(await client.info()).toMatchObject({ backend });
      const vectors = await client.Vectors.from(large);
      const times: number[] = [];
      for (let i = 0; i < 3; i++) {
        const controller = new AbortController();
        let epochs = 0;
        const onProgress = () => {
          epochs += 1;
        };
        const running = client.fit(vectors, { ...LONG, signal: controller.signal, onProgress });
        running.catch(() => {});
        while (epochs === 0) await delay(5);
        const reason = { mine: i };
        const start = performance.now();
        controller.abort(reason);
        expect(await running.catch((error) => error)).toBe(reason);
        times.push(performance.now() - start);
        const before = epochs;
        expect((await client.fit(matrix, OPTIONS)).model.bits).toBe(16);
        expect(epochs).toBe(before);
      }
      expect(Math.min(...times)).toBeLessThan(2 * 50);
    },
  );

  it('stops the work in the worker', async () => {
    const { client, worker } = await pair();
    const controller = new AbortController();
    const running = client.fit(large, { ...LONG, signal: controller.signal });
    await delay(50);
    controller.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    while (kinds(worker.sent, 'error').length === 0) await delay(5);
    const [answer] = kinds(worker.sent, 'error');
    expect(answer?.message).toMatchObject({ call: 2, error: {} });
    await h2q.settled();
  });

  it('before the call sends nothing and moves nothing', async () => {
    const { client, page } = await pair();
    const before = page.sent.length;
    const moved = copyOf(matrix);
    const signal = AbortSignal.abort('no');
    expect(await client.fit(moved, { signal, transfer: true }).catch((error) => error)).toBe('no');
    expect([page.sent.length, moved.data.length]).toEqual([before, 300 * COLUMNS]);
    // Nor are the arguments looked at.
    expect(await client.fit(new Map() as never, { signal }).catch((error) => error)).toBe('no');
  });

  it('of a call that ends all the same lets go of what it made', async () => {
    const { client, page, worker } = await pair();
    const controller = new AbortController();
    worker.onSend = ({ kind }) => {
      if (kind === 'result') controller.abort();
    };
    const codes = { data: new Uint8Array(8), bits: 8 };
    const making = client.HammingIndex.build(codes, { signal: controller.signal });
    await expect(making).rejects.toMatchObject({ name: 'AbortError' });
    while (kinds(page.sent, 'release').length === 0) await delay(1);
    expect(kinds(page.sent, 'release')).toHaveLength(1);
  });
});

describe('errors', () => {
  it('have the class, code, details and message of the facade’s', async () => {
    const client = await startClient();
    const { model } = await client.fit(matrix, OPTIONS);
    const here = h2q.Model.fromBytes(await model.toBytes());
    const codes = here.encodeSync(matrix);
    const index = await client.HammingIndex.build(codes);
    const indexHere = h2q.HammingIndex.buildSync(codes);
    const bad = copyOf(matrix);
    bad.data[5 * COLUMNS + 3] = NaN;
    const narrow = randomMatrix(3, 1, 8);
    const none = { data: new Float32Array(0), columns: 4 };
    const cases: [string, Promise<unknown>, () => unknown][] = [
      ['NOT_FINITE', client.Vectors.from(bad), () => h2q.Vectors.fromSync(bad)],
      ['NOT_FINITE', client.fit(bad), () => h2q.fitSync(bad)],
      ['MISMATCH', model.encode(narrow), () => here.encodeSync(narrow)],
      ['INVALID_OPTION', client.fit(matrix, { epochs: 0 }), () => h2q.fitSync(matrix, { epochs: 0 })],
      ['INVALID_BITS', client.fit(matrix, { bits: 12 }), () => h2q.fitSync(matrix, { bits: 12 })],
      ['INVALID_OPTION', client.HammingIndex.empty(4), () => h2q.HammingIndex.empty(4)],
      ['INVALID_OPTION', index.search(codes, 0), () => indexHere.searchSync(codes, 0)],
      ['EMPTY_INPUT', client.Vectors.from(none), () => h2q.Vectors.fromSync(none)],
      [
        'MODEL_FORMAT',
        client.Model.fromBytes(new Uint8Array(9)),
        () => h2q.Model.fromBytes(new Uint8Array(9)),
      ],
      [
        'INVALID_ARGUMENT',
        client.fit([1, 2] as unknown as h2q.Matrix),
        () => h2q.fitSync([1, 2] as unknown as h2q.Matrix),
      ],
    ];
    for (const [code, there, direct] of cases) {
      const error = (await there.catch((caught: unknown) => caught)) as h2q.H2qError;
      const wanted = thrownBy(direct);
      expect(error).toBeInstanceOf(h2q.H2qError);
      expect([error.code, error.message, error.details]).toEqual([code, wanted.message, wanted.details]);
    }
    const { details } = await client.Vectors.from(bad).catch((caught) => caught);
    expect(details).toMatchObject({ row: 5, column: 3 });
  });

  it('bring their causes and what the worker’s stack was', async () => {
    const client = await startClient();
    const bad = { data: Float32Array.of(1, NaN), columns: 1 };
    const error = await client.Vectors.from(bad).catch((caught) => caught);
    const wanted = thrownBy(() => h2q.Vectors.fromSync(bad));
    const messages = (chain: unknown): string[] =>
      chain instanceof Error ? [`${chain.name}: ${chain.message}`, ...messages(chain.cause)] : [];
    expect(messages(error)).toEqual(messages(wanted));
    expect(messages(error).length).toBeGreaterThan(1);
    expect(error.stack).toContain('server.js');
  });

  it('of defects are plain errors', async () => {
    const error = await pair(async () => {
      throw new TypeError('broken', { cause: 'text' });
    }).catch((caught) => caught);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(h2q.H2qError);
    expect(error).toMatchObject({ name: 'TypeError', message: 'broken', cause: 'text' });
  });

  it('name what cannot cross', async () => {
    const client = await startClient();
    const codes = { data: new Uint8Array(4), bits: 8 };
    const index = await client.HammingIndex.build(codes);
    const other = await startClient();
    const vectors = await other.Vectors.from(matrix);
    const cases: [Promise<unknown>, string][] = [
      [client.fit(vectors), 'vectors: not of this worker'],
      [index.search(codes, 1, { deny: new Map() as never }), 'deny: a Map cannot cross to the worker'],
      [index.search(codes, Symbol('k') as never), 'the arguments cannot be sent to the worker'],
      [index.search(codes, 1, 3 as never), 'options: expected an object, got a number'],
    ];
    for (const [call, message] of cases) await expect(call).rejects.toThrow(message);
    for (const [call] of cases) await expect(call).rejects.toBeInstanceOf(h2q.H2qError);
  });
});

describe('objects of the worker', () => {
  it('are of no use once released', async () => {
    const client = await startClient();
    const vectors = await client.Vectors.from(matrix);
    const { model } = await client.fit(vectors, OPTIONS);
    const codes = await model.encode(vectors);
    const index = await client.HammingIndex.build(codes);
    const running = model.encode(vectors);
    for (const object of [vectors, model, index]) {
      object.release();
      object.release();
      expect(object.isReleased).toBe(true);
    }
    expect(await running).toEqual(codes);
    expect([vectors.rows, model.bits, index.size]).toEqual([300, 16, 300]);
    const cases: [Promise<unknown>, string][] = [
      [client.fit(vectors), 'vectors: these vectors were released'],
      [client.fit(matrix, { validation: vectors }), 'validation: these vectors were released'],
      [model.encode(matrix), 'model: this model was released'],
      [index.search(codes, 1), 'index: this index was released'],
    ];
    for (const [call, message] of cases) {
      await expect(call).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
    }
  });

  it('are let go in the worker, too', async () => {
    const { client, page, worker } = await pair();
    const vectors = await client.Vectors.from(matrix);
    const release = vi.spyOn(h2q.Vectors.prototype, 'release');
    onTestFinished(() => release.mockRestore());
    vectors.release();
    vectors.release();
    expect(kinds(page.sent, 'release')).toHaveLength(1);
    await client.info();
    expect(release).toHaveBeenCalledOnce();
    // As a page would ask that had forgotten.
    const target = { className: 'HammingIndex', name: 'build' };
    const args = [{ 'h2q:handle': 1 }];
    page.port.postMessage({ h2q: 1, kind: 'call', call: 99, target, args, options: {}, progress: false }, []);
    while (kinds(worker.sent, 'error').length === 0) await delay(1);
    const error = { code: 'INVALID_ARGUMENT', message: 'handle: this object was released' };
    expect(kinds(worker.sent, 'error')[0]?.message).toMatchObject({ call: 99, error });
  });

  it('that a fit releases are released on the page', async () => {
    const client = await startClient();
    const vectors = await client.Vectors.from(matrix);
    await client.fit(vectors, { ...OPTIONS, release: true });
    expect(vectors.isReleased).toBe(true);
    await expect(client.fit(vectors)).rejects.toThrow('these vectors were released');
  });

  it('go with the page’s garbage', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const { client, page } = await pair();
    const kept = await client.Vectors.from(matrix);
    for (let i = 0; i < 3; i++) await client.Vectors.from(matrix);
    for (let i = 0; i < 100 && kinds(page.sent, 'release').length < 3; i++) {
      collect();
      await delay(10);
    }
    expect(
      kinds(page.sent, 'release')
        .map(({ message }) => message['handle'])
        .sort(),
    ).toEqual([2, 3, 4]);
    expect(kept.isReleased).toBe(false);
  });
});

it('calls run at the same time, and each gets its own answer', async () => {
  const client = await startClient();
  const controller = new AbortController();
  const fit = client.fit(large, { ...LONG, signal: controller.signal });
  const { model } = await client.fit(matrix, OPTIONS);
  const here = h2q.fitSync(matrix, OPTIONS).model;
  const inputs = Array.from({ length: 20 }, (_, i) => randomMatrix(1 + (i % 7) * 40, i));
  const codes = await Promise.all(inputs.map((input) => model.encode(input)));
  expect(codes).toEqual(inputs.map((input) => here.encodeSync(input)));
  const index = await client.HammingIndex.empty(16);
  const firsts = await Promise.all(codes.map((some) => index.add(some)));
  expect(index.size).toBe(inputs.reduce((rows, { data }) => rows + data.length / COLUMNS, 0));
  expect(new Set(firsts).size).toBe(20);
  controller.abort();
  await expect(fit).rejects.toMatchObject({ name: 'AbortError' });
});

function thrownBy(work: () => unknown): h2q.H2qError {
  try {
    work();
  } catch (error) {
    return error as h2q.H2qError;
  }
  throw new Error('nothing was thrown');
}
