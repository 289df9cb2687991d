/** The module of fits that rank neighbours: when it is loaded, from where, and what becomes of it. */

import { createServer, type Server } from 'node:http';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HEAD } from '../conformance/head.js';
import { matrix, randomMatrix, signsOf } from '../conformance/matrices.js';
import { skipWithoutWasm, wasmBytes, wasmPath } from '../wasm.js';
import { fresh, RANKS, watching } from './fresh.js';

skipWithoutWasm();
afterEach(() => vi.restoreAllMocks());

/** What every fit here has to give. */
async function fingerprint(): Promise<string> {
  const h2q = await fresh();
  await h2q.init();
  return (await h2q.fit(matrix, RANKS)).model.fingerprint;
}

describe('is loaded', () => {
  it('once, when a fit asks for it, and for no other fit', async () => {
    const h2q = await fresh();
    await h2q.init();
    const compile = vi.spyOn(WebAssembly, 'compile');
    await h2q.fit(matrix, { bits: 16, epochs: 2 });
    await h2q.fit(matrix, { method: 'auto', criterion: 'loss', bits: 16, epochs: 2 });
    expect(compile).not.toHaveBeenCalled();
    const both = [h2q.fit(matrix, RANKS), h2q.fit(matrix, RANKS)];
    const [one, other] = await Promise.all(both);
    await h2q.fit(matrix, { method: 'auto', bits: 16, epochs: 2 });
    expect(compile).toHaveBeenCalledTimes(1);
    expect(one!.model.fingerprint).toBe(other!.model.fingerprint);
  });

  const bytes = () => wasmBytes('neighbours');
  const url = () => pathToFileURL(wasmPath('neighbours'));
  const sources: [string, () => unknown][] = [
    ['bytes', bytes],
    ['a buffer', () => bytes().buffer],
    ['a compiled module', () => new WebAssembly.Module(bytes())],
    ['the promise of one', () => WebAssembly.compile(bytes())],
    ['an answer of fetch', () => new Response(bytes(), { headers: { 'Content-Type': 'application/wasm' } })],
    ['the promise of an answer of another type', async () => new Response(bytes())],
    ['a URL', url],
    ['an address', () => url().href],
  ];
  it.each(sources)('from %s', async (_, source) => {
    const h2q = await fresh();
    await h2q.init(undefined, { neighbours: source() as Uint8Array<ArrayBuffer> });
    expect((await h2q.fit(matrix, RANKS)).model.fingerprint).toBe(await fingerprint());
  });

  it.each(sources.filter(([name]) => !/promise|answer/.test(name)))(
    'by a blocking fit from %s',
    async (_, source) => {
      const h2q = await fresh();
      h2q.initSync(wasmBytes('whole'), { neighbours: source() as Uint8Array<ArrayBuffer> });
      expect(h2q.fitSync(matrix, RANKS).model.fingerprint).toBe(await fingerprint());
    },
  );
});

describe('from a server', () => {
  let server: Server;
  let address: string;
  let asked: string[];
  beforeEach(async () => {
    asked = [];
    server = createServer(({ url }, answer) => {
      asked.push(url ?? '');
      if (url !== '/neighbours.wasm') return void answer.writeHead(404).end();
      answer.writeHead(200, { 'Content-Type': 'application/wasm' }).end(wasmBytes('neighbours'));
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    address = `http://localhost:${(server.address() as { port: number }).port}`;
  });
  afterEach(() => void server.close());

  it('is asked for by the first fit, and blocking fits say to wait for it', async () => {
    const h2q = await fresh();
    await h2q.init(undefined, { neighbours: `${address}/neighbours.wasm` });
    await h2q.fit(matrix, { bits: 8, epochs: 1 });
    expect(asked).toEqual([]);
    for (const options of [RANKS, { method: 'auto' }] as const) {
      expect(() => h2q.fitSync(matrix, options)).toThrow(
        expect.objectContaining({
          code: 'WASM_UNAVAILABLE',
          message: expect.stringMatching(/neighbours\.wasm is not loaded: await initNeighbours\(\)/),
        }),
      );
    }
    await Promise.all([h2q.initNeighbours(), h2q.initNeighbours()]);
    expect(h2q.fitSync(matrix, RANKS).model.fingerprint).toBe(await fingerprint());
    await h2q.fit(matrix, RANKS);
    expect(asked).toEqual(['/neighbours.wasm']);
  });

  it('names an address without a file, and the next fit tries again', async () => {
    const h2q = await fresh();
    await h2q.init(undefined, { neighbours: `${address}/none.wasm` });
    for (const options of [RANKS, { method: 'auto' }] as const) {
      const failure = await h2q.fit(matrix, options).catch((error) => error);
      expect(failure).toBeInstanceOf(h2q.H2qError);
      expect(failure).toMatchObject({
        code: 'WASM_UNAVAILABLE',
        message: `${address}/none.wasm cannot be loaded; fits that rank neighbours need it`,
      });
      expect(failure.cause.message).toBe('the server answered 404 Not Found');
    }
    expect(asked).toHaveLength(2);
    // All else goes on.
    expect((await h2q.fit(matrix, { bits: 8, epochs: 1 })).model.bits).toBe(8);
    await h2q.init(undefined, { neighbours: `${address}/neighbours.wasm` });
    expect((await h2q.fit(matrix, RANKS)).model.bits).toBe(16);
  });
});

it('without network a fit says which file it could not have', async () => {
  const h2q = await fresh();
  await h2q.init(undefined, { neighbours: 'http://localhost:1/h2q_bg.wasm' });
  await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject({
    code: 'WASM_UNAVAILABLE',
    message: expect.stringMatching(/^http:\/\/localhost:1\/h2q_bg\.wasm cannot be loaded/),
    cause: expect.any(Error),
  });
  const missing = pathToFileURL(`${wasmPath('neighbours')}.none`);
  await h2q.init(undefined, { neighbours: missing });
  const wanted = { code: 'WASM_UNAVAILABLE', message: expect.stringContaining('h2q_bg.wasm.none') };
  await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject(wanted);
  expect(() => h2q.fitSync(matrix, RANKS)).toThrow(expect.objectContaining(wanted));
});

it('refuses bytes that are no module', async () => {
  const h2q = await fresh();
  await h2q.init(undefined, { neighbours: new Uint8Array(8) });
  const wanted = { code: 'WASM_UNAVAILABLE', message: expect.stringContaining('the given module') };
  await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject(wanted);
  expect(() => h2q.fitSync(matrix, RANKS)).toThrow(expect.objectContaining(wanted));
});

describe('a fit', () => {
  it('refuses options as native does, before vectors are copied', async () => {
    const h2q = await fresh();
    await h2q.init();
    const refused = [
      [{ ...RANKS, bits: 12 }, 'INVALID_BITS'],
      [{ ...RANKS, method: 'itq' }, 'INVALID_OPTION'],
      [{ ...RANKS, solver: 'sgd' }, 'INVALID_OPTION'],
    ] as const;
    for (const [options, code] of refused) {
      expect(() => h2q.fitSync(matrix, options)).toThrow(expect.objectContaining({ code }));
      await expect(h2q.fit(matrix, options)).rejects.toMatchObject({ code });
    }
    const other = { ...RANKS, validation: randomMatrix(20, 1, 8) };
    await expect(h2q.fit(matrix, other)).rejects.toMatchObject({ code: 'MISMATCH' });
  });

  it('takes vectors, validation and labels along in slices, and leaves them as they are', async () => {
    const h2q = await fresh();
    await h2q.init();
    // Of 5 MiB, which is more than a slice.
    const large = randomMatrix(5120, 4, 256);
    const validation = randomMatrix(200, 5, 256);
    const labels = { labels: signsOf(large), validationLabels: signsOf(validation) };
    const options = { method: 'auto', criterion: 'neighbours', bits: 8, epochs: 1 } as const;
    const held = await h2q.Vectors.from(large);
    const kept = await h2q.Vectors.from(validation);
    const { model, summary } = await h2q.fit(held, { ...options, ...labels, validation: kept });
    expect(summary.candidates).toHaveLength(5);
    // The other four are those of the whole module, which has these vectors and labels itself.
    const whole = await h2q.fit(held, { ...options, ...labels, validation: kept, criterion: 'labels' });
    const scores = ({ candidates = [] }: typeof summary) =>
      candidates.slice(0, 4).map(({ seconds, ...scores }) => scores);
    expect(scores(summary)).toEqual(scores(whole.summary));
    expect([held.isReleased, kept.isReleased]).toEqual([false, false]);
    expect(model.encodeSync(held)).toEqual(model.encodeSync(large));
    const again = await h2q.fit(large, { ...options, ...labels, validation });
    expect(again.model.fingerprint).toBe(model.fingerprint);
    const released = await h2q.fit(held, { ...options, ...labels, validation: kept, release: true });
    expect([held.isReleased, kept.isReleased]).toEqual([true, true]);
    expect(released.model.fingerprint).toBe(model.fingerprint);
  });

  it('gives a model like any other, and says how long it took', async () => {
    const h2q = await fresh();
    await h2q.init();
    const { model, summary, history } = await h2q.fit(matrix, RANKS);
    expect(summary).toMatchObject({ loss: 'neighbours', rows: 700, bits: 16, epochs: 2 });
    expect(summary.seconds).toBeGreaterThanOrEqual(history.at(-1)!.seconds);
    const read = h2q.Model.fromBytes(model.toBytes());
    expect(read.fingerprint).toBe(model.fingerprint);
    const { seconds, ...rest } = model.summary;
    expect(seconds).toBe(summary.seconds);
    expect(read.summary).toEqual(rest);
  });

  it('with a head is one of its embeddings', async () => {
    const h2q = await fresh();
    await h2q.init();
    const head = h2q.Model.fromBytes(HEAD);
    const { model, summary } = await h2q.fit(randomMatrix(300, 6, 64), { ...RANKS, head });
    expect(model.dimensions).toBe(64);
    expect(summary).toMatchObject({ loss: 'neighbours', head: { loss: 'cel' }, seconds: expect.any(Number) });
  });
});

it('a trap in a fit is an internal error, and leaves other fits and all else as they are', async () => {
  const h2q = await fresh();
  await h2q.init();
  await h2q.initNeighbours();
  const fit_stepPart = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  const trapping = ({ exports }: WebAssembly.Instance) => ({ exports: { ...exports, fit_stepPart } });
  await watching(trapping, async () => {
    const wanted = { code: 'INTERNAL', message: expect.stringContaining('unreachable') };
    await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject(wanted);
  });
  expect((await h2q.fit(matrix, RANKS)).model.bits).toBe(16);
});

it('the memory of a fit goes when it has ended, however that was', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const h2q = await fresh();
  await h2q.init();
  await h2q.initNeighbours();
  const memories: WeakRef<WebAssembly.Memory>[] = [];
  const noting = (instance: WebAssembly.Instance) => {
    memories.push(new WeakRef(instance.exports['memory'] as WebAssembly.Memory));
    return instance;
  };
  await watching(noting, async () => {
    await h2q.fit(matrix, RANKS);
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await h2q.fit(matrix, { ...RANKS, onProgress, signal: controller.signal }).catch(() => {});
    await h2q.settled();
    await h2q.fit(matrix, { ...RANKS, validation: randomMatrix(5, 1, 8) }).catch(() => {});
  });
  expect(memories).toHaveLength(3);
  const isThere = () => memories.filter((memory) => memory.deref() !== undefined).length;
  for (let turn = 0; turn < 20 && isThere() > 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
  }
  expect(isThere()).toBe(0);
});
