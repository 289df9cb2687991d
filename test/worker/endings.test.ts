/** How a connection begins and ends: nobody waits for a worker that is not there. */

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { H2qError } from '../../ts/node/index.js';
import { connect } from '../../ts/worker/client.js';
import { randomMatrix } from '../conformance/matrices.js';
import { kinds, pair, runWorker, startWorker } from './workers.js';

const matrix = randomMatrix(3000, 2, 256);
const LONG = { solver: 'sgd', epochs: 100_000, learningRate: 1e-6 } as const;
const UNAVAILABLE = { name: 'H2qError', code: 'WORKER_UNAVAILABLE' };

/** Two calls that are under way in a worker, as what they were rejected with. */
async function underWay(worker: Worker) {
  const client = await connect(worker);
  const vectors = await client.Vectors.from(matrix);
  let hasBegun = false;
  const onProgress = () => {
    hasBegun = true;
  };
  const fits = [client.fit(vectors, { ...LONG, onProgress }), client.fit(vectors, LONG)];
  const rejections = Promise.all(fits.map((fit) => fit.catch((error: unknown) => error)));
  while (!hasBegun) await delay(5);
  return { client, vectors, rejections };
}

it('a worker killed in mid-work rejects what waits, and all that comes after', async () => {
  const worker = startWorker();
  const { client, vectors, rejections } = await underWay(worker);
  await worker.terminate();
  const wanted = { ...UNAVAILABLE, message: 'the worker ended' };
  expect(await rejections).toMatchObject([wanted, wanted]);
  await expect(client.info()).rejects.toMatchObject(wanted);
  await expect(client.fit(vectors)).rejects.toMatchObject(wanted);
  vectors.release();
  client.close();
});

it('a worker that fails rejects with why', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ h2q, kind, call }) => {
      if (kind === 'open') parentPort.postMessage({ h2q, kind: 'result', call, value: undefined, changes: [] });
      else throw new RangeError('out of everything');
    });`;
  const client = await connect(runWorker(code));
  const error = await client.info().catch((caught) => caught);
  expect(error).toMatchObject({ ...UNAVAILABLE, message: 'the worker failed: out of everything' });
  expect(error.cause).toMatchObject({ name: 'RangeError' });
  await expect(client.info()).rejects.toMatchObject(UNAVAILABLE);
});

it('a message that cannot be read rejects what waits', async () => {
  const { client, page } = await pair();
  const waiting = client.info();
  // Of Node's ports alone: they are emitters, too.
  (page.port as unknown as { emit(type: string, error: Error): void }).emit('messageerror', new Error('bad'));
  await expect(waiting).rejects.toMatchObject({
    ...UNAVAILABLE,
    message: 'a message of the worker could not be read',
  });
});

it('a script that fails, or ends, rejects the connection', async () => {
  await expect(connect(runWorker('throw new Error("no such module")'))).rejects.toMatchObject({
    ...UNAVAILABLE,
    message: 'the worker failed: no such module',
  });
  await expect(connect(runWorker(''))).rejects.toMatchObject({ ...UNAVAILABLE, message: 'the worker ended' });
});

it('a script that does not answer can be given up', async () => {
  const worker = runWorker('setInterval(() => {}, 1000)');
  const signal = AbortSignal.timeout(20);
  await expect(connect(worker, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
});

it('what the backend is made of reaches it, a URL as text; its failure rejects the connection', async () => {
  const sources: unknown[] = [];
  const ready = async (...both: unknown[]) => void sources.push(both);
  await pair(ready, { source: Uint8Array.of(1, 2), neighbours: 'b.wasm' });
  await pair(ready, {
    source: new URL('https://example.org/a.wasm'),
    neighbours: new URL('https://example.org/b.wasm'),
  });
  await pair(ready);
  expect(sources).toEqual([
    [Uint8Array.of(1, 2), 'b.wasm'],
    ['https://example.org/a.wasm', 'https://example.org/b.wasm'],
    [undefined, undefined],
  ]);

  const failing = async () => {
    const cause = new Error('no simd128');
    throw new H2qError('NATIVE_UNAVAILABLE', 'no backend', { details: { simd: false }, cause });
  };
  const error = await pair(failing).catch((caught) => caught);
  expect(error).toBeInstanceOf(H2qError);
  expect(error).toMatchObject({
    code: 'NATIVE_UNAVAILABLE',
    message: 'no backend',
    details: { simd: false },
  });
  expect(error.cause).toMatchObject({ message: 'no simd128' });
});

it('close rejects what waits and lets a worker of Node end', async () => {
  const worker = startWorker();
  const { client, rejections } = await underWay(worker);
  const ended = once(worker, 'exit');
  client.close();
  client.close();
  const wanted = { ...UNAVAILABLE, message: 'the client was closed' };
  expect(await rejections).toMatchObject([wanted, wanted]);
  await expect(client.info()).rejects.toMatchObject(wanted);
  expect(await ended).toEqual([0]);
});

it('close ends a port and stops what runs behind it', async () => {
  const { client, page, worker } = await pair();
  const fit = client.fit(matrix, LONG).catch((error: unknown) => error);
  const closed = once(worker.port as never, 'close');
  await delay(50);
  client.close();
  expect(await fit).toMatchObject(UNAVAILABLE);
  await closed;
  while (kinds(worker.sent, 'error').length === 0) await delay(5);
  expect(kinds(page.sent, 'close')).toHaveLength(1);
});

it('messages of others pass', async () => {
  const { client, page, worker } = await pair();
  for (const message of [null, 'text', { kind: 'call' }, { h2q: 2, kind: 'call', call: 1 }]) {
    page.port.postMessage(message, []);
    worker.port.postMessage(message, []);
  }
  expect(await client.popcount(Uint8Array.of(3))).toBe(2);
});

it('two pages of one worker have objects of their own', async () => {
  const code = `
    import(${JSON.stringify(new URL('../../dist/node/index.js', import.meta.url).href)});
    const { parentPort } = require('node:worker_threads');
    const served = import(${JSON.stringify(new URL('../../dist/worker/server.js', import.meta.url).href)});
    parentPort.on('message', async (port) => (await served).serve(port));`;
  const worker = runWorker(code);
  const clients = [];
  for (let i = 0; i < 2; i++) {
    const { port1, port2 } = new MessageChannel();
    onTestFinished(() => port1.close());
    worker.postMessage(port2, [port2]);
    clients.push(await connect(port1));
  }
  const [one, two] = clients as [(typeof clients)[0], (typeof clients)[0]];
  const index = await one.HammingIndex.build({ data: Uint8Array.of(1, 2), bits: 8 });
  one.close();
  await expect(index.remove(Uint32Array.of(0))).rejects.toMatchObject(UNAVAILABLE);
  expect((await two.HammingIndex.empty(8)).size).toBe(0);
});
