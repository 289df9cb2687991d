/** Loads of the second module that fail, are wrong, or never end: what is said, and how it goes on. */

import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { matrix } from '../conformance/matrices.js';
import { skipWithoutWasm, wasmBytes } from '../wasm.js';
import { noAlarm } from './alarm.js';
import { fresh, RANKS, replacing } from './fresh.js';

skipWithoutWasm();
afterEach(() => vi.restoreAllMocks());

const bytes = () => wasmBytes('neighbours');
const UNAVAILABLE = {
  code: 'WASM_UNAVAILABLE',
  message: 'the given module cannot be loaded; fits that rank neighbours need it',
};

/** An entry whose second module comes from `neighbours`. */
async function from(neighbours: unknown) {
  const h2q = await fresh();
  await h2q.init(wasmBytes('whole'), { neighbours: neighbours as Uint8Array<ArrayBuffer> });
  return h2q;
}

/** The address of a server that never answers, and how often it was asked. */
async function silentServer() {
  let asked = 0;
  const server = createServer(() => void asked++);
  await new Promise<void>((resolve) => server.listen(0, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = `http://localhost:${(server.address() as { port: number }).port}/neighbours.wasm`;
  return { address, asked: () => asked };
}

/** Fails where `work` takes longer than anything that does not wait for a server. */
async function soon<T>(work: Promise<T>): Promise<T> {
  const late = delay(10_000, undefined, { ref: false }).then(() => {
    throw new Error('still waiting');
  });
  return Promise.race([work, late]);
}

describe('a promise that is rejected', () => {
  it('is told by fits alone', async () => {
    await noAlarm(async () => {
      const h2q = await fresh();
      await h2q.init(undefined, { neighbours: Promise.reject(new Error('net down')) });
      await delay(20);
      const wanted = { ...UNAVAILABLE, cause: { message: 'net down' } };
      for (let i = 0; i < 2; i++) await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject(wanted);
      await expect(h2q.initNeighbours()).rejects.toMatchObject(wanted);
      h2q.initSync(wasmBytes('whole'), { neighbours: bytes() });
      expect((await h2q.fit(matrix, RANKS)).model.bits).toBe(16);
    });
  });
});

describe('an answer of fetch', () => {
  it('with an error is named as such, with its address', async () => {
    const answer = new Response('no', { status: 404, statusText: 'Not Found' });
    Object.defineProperty(answer, 'url', { value: 'https://example.org/n.wasm' });
    const h2q = await from(Promise.resolve(answer));
    for (let i = 0; i < 2; i++)
      await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject({
        code: 'WASM_UNAVAILABLE',
        message: 'https://example.org/n.wasm cannot be loaded; fits that rank neighbours need it',
        cause: { message: 'the server answered 404 Not Found' },
      });
  });

  it('is kept for the next try', async () => {
    const h2q = await from(new Response(bytes()));
    vi.spyOn(WebAssembly, 'compile').mockRejectedValueOnce(new Error('once'));
    await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject({
      ...UNAVAILABLE,
      cause: { message: 'once' },
    });
    expect((await h2q.fit(matrix, RANKS)).model.bits).toBe(16);
  });

  it('that was read by others is refused', async () => {
    const answer = new Response(bytes());
    await answer.arrayBuffer();
    const h2q = await from(answer);
    const cause = { message: expect.stringMatching(/read/) };
    await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject({ ...UNAVAILABLE, cause });
  });
});

describe('another module', () => {
  it.each(['whole', 'search'] as const)('(%s) is not kept: the right one is taken', async (other) => {
    const h2q = await from(wasmBytes(other));
    await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject(UNAVAILABLE);
    expect(() => h2q.fitSync(matrix, RANKS)).toThrow(expect.objectContaining(UNAVAILABLE));
    await h2q.init(undefined, { neighbours: bytes() });
    expect((await h2q.fit(matrix, RANKS)).model.bits).toBe(16);
    expect(h2q.fitSync(matrix, RANKS).model.bits).toBe(16);
  });

  it('is found out by what it lacks, however far it gets', async () => {
    // It has a memory and what is called at the start, and nothing else.
    const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
    const exports = [2, ...name('__wbindgen_start'), 0, 0, ...name('memory'), 2, 0];
    const module = [
      [0, 97, 115, 109, 1, 0, 0, 0],
      [1, 4, 1, 96, 0, 0],
      [3, 2, 1, 0],
      [5, 3, 1, 0, 1],
      [7, exports.length, ...exports],
      [10, 4, 1, 2, 0, 11],
    ];
    const h2q = await from(Uint8Array.from(module.flat()));
    const wanted = { ...UNAVAILABLE, cause: { message: expect.stringMatching(/checkfit/i) } };
    await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject(wanted);
  });

  it('behind the same address is tried again', async () => {
    const served = [wasmBytes('search'), bytes()];
    const h2q = await from('https://example.org/n.wasm');
    const fetched = vi.spyOn(globalThis, 'fetch');
    fetched.mockImplementation(async () => new Response(served.shift()));
    await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject({ code: 'WASM_UNAVAILABLE' });
    expect((await h2q.fit(matrix, RANKS)).model.bits).toBe(16);
    // Loaded from there already.
    await h2q.init(undefined, { neighbours: 'https://example.org/n.wasm' });
    await h2q.init(undefined, { neighbours: new URL('https://example.org/n.wasm') });
    await h2q.fit(matrix, RANKS);
    expect(fetched).toHaveBeenCalledTimes(2);
  });

  it('takes the place of one that was loaded', async () => {
    const h2q = await from(bytes());
    await h2q.initNeighbours();
    h2q.initSync(wasmBytes('whole'), { neighbours: new Uint8Array(8) });
    expect(() => h2q.fitSync(matrix, RANKS)).toThrow(expect.objectContaining(UNAVAILABLE));
    await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject(UNAVAILABLE);
  });
});

describe('a load that never ends', () => {
  it('is left by an abort, and the next fit asks again', async () => {
    const { address, asked } = await silentServer();
    const h2q = await from(address);
    for (let i = 1; i < 3; i++) {
      const controller = new AbortController();
      const running = h2q.fit(matrix, { ...RANKS, signal: controller.signal });
      while (asked() < i) await delay(5);
      controller.abort(new Error('mine'));
      await expect(running).rejects.toThrow('mine');
      await soon(h2q.settled());
    }
    expect(asked()).toBe(2);
  });

  it('is left for another source, also by fits that wait', async () => {
    const { address, asked } = await silentServer();
    const h2q = await from(address);
    const waiting = [h2q.fit(matrix, RANKS), h2q.initNeighbours()] as const;
    while (asked() < 1) await delay(5);
    await h2q.init(undefined, { neighbours: bytes() });
    const [{ model }] = await soon(Promise.all(waiting));
    expect(model.fingerprint).toBe(h2q.fitSync(matrix, RANKS).model.fingerprint);
  });

  it('is left for what a blocking fit has loaded', async () => {
    const h2q = await from(new URL('../../wasm/neighbours/h2q_bg.wasm', import.meta.url));
    const compile = vi.spyOn(WebAssembly, 'compile').mockReturnValue(new Promise(() => {}));
    const waiting = h2q.fit(matrix, RANKS);
    while (compile.mock.calls.length === 0) await delay(5);
    const { model } = h2q.fitSync(matrix, RANKS);
    expect((await soon(waiting)).model.fingerprint).toBe(model.fingerprint);
  });

  it("that fails after another source was given is nobody's", async () => {
    let fail: (error: Error) => void = () => {};
    const pending = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const h2q = await from(pending);
    const running = h2q.fit(matrix, RANKS);
    await delay(5);
    await h2q.init(undefined, { neighbours: bytes() });
    fail(new Error('first'));
    expect((await soon(running)).model.bits).toBe(16);
  });
});

it('what needs no module is refused before it is loaded', async () => {
  const h2q = await from('http://localhost:1/n.wasm');
  const fetched = vi.spyOn(globalThis, 'fetch');
  const narrow = { data: new Float32Array(30), columns: 3 };
  const refused = [
    [matrix, { bits: 12 }, 'INVALID_BITS'],
    [matrix, { seed: -1 }, 'INVALID_OPTION'],
    [matrix, { reflections: 3 }, 'INVALID_OPTION'],
    [matrix, { head: {} as never }, 'INVALID_ARGUMENT'],
    [matrix, { method: 'auto', bits: 40 }, 'INVALID_BITS'],
    [narrow, { bits: undefined }, 'INVALID_BITS'],
    [{ data: matrix.data.slice(0, 32).fill(Number.NaN), columns: 32 }, {}, 'NOT_FINITE'],
  ] as const;
  for (const [vectors, options, code] of refused)
    await expect(h2q.fit(vectors, { ...RANKS, ...options })).rejects.toMatchObject({ code });
  expect(() => h2q.fitSync(matrix, { ...RANKS, bits: 12 })).toThrow(
    expect.objectContaining({ code: 'INVALID_BITS' }),
  );
  expect(fetched).not.toHaveBeenCalled();
  // And where there is one, before anything else is done.
  await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject({ code: 'WASM_UNAVAILABLE' });
});

it('what only the module knows is refused once it is loaded, before vectors are copied', async () => {
  const h2q = await from(bytes());
  let pushes = 0;
  const vectorsbuilder_push = (real: (...args: unknown[]) => unknown, ...args: unknown[]) => {
    pushes++;
    return real(...args);
  };
  await replacing({ vectorsbuilder_push }, async () => {
    const wanted = { code: 'INVALID_OPTION', details: { option: 'solver' } };
    await expect(h2q.fit(matrix, { ...RANKS, solver: 'sgd' })).rejects.toMatchObject(wanted);
    expect(pushes).toBe(0);
    await h2q.fit(matrix, RANKS);
    expect(pushes).toBe(1);
  });
});

it('no memory for an instance is OUT_OF_MEMORY, and the next fit tries again', async () => {
  const h2q = await from(bytes());
  const wanted = { code: 'OUT_OF_MEMORY', cause: expect.any(RangeError) };
  const { Instance } = WebAssembly;
  const full = (name: string) => new RangeError(`WebAssembly.${name}(): Out of memory: Cannot allocate`);
  class NoRoom {
    constructor() {
      throw full('Instance');
    }
  }
  // Before it is loaded, and after.
  for (let i = 0; i < 2; i++) {
    vi.spyOn(WebAssembly, 'instantiate').mockRejectedValueOnce(full('instantiate') as never);
    await expect(h2q.fit(matrix, RANKS)).rejects.toMatchObject(wanted);
    WebAssembly.Instance = NoRoom as never;
    try {
      expect(() => h2q.fitSync(matrix, RANKS)).toThrow(expect.objectContaining(wanted));
    } finally {
      WebAssembly.Instance = Instance;
    }
    expect((await h2q.fit(matrix, RANKS)).model.bits).toBe(16);
    expect(h2q.fitSync(matrix, RANKS).model.bits).toBe(16);
  }
});

it('init refuses options that are none, and sources that are none', async () => {
  const h2q = await fresh();
  const invalid = (argument: string) => ({ code: 'INVALID_ARGUMENT', details: { argument } });
  for (const options of [null, 42]) {
    await expect(h2q.init(undefined, options as never)).rejects.toMatchObject(invalid('options'));
    const now = () => h2q.initSync(wasmBytes('whole'), options as never);
    expect(now).toThrow(expect.objectContaining(invalid('options')));
  }
  for (const neighbours of [null, 42, {}, [], true]) {
    const options = { neighbours } as never;
    await expect(h2q.init(undefined, options)).rejects.toMatchObject(invalid('neighbours'));
    const now = () => h2q.initSync(wasmBytes('whole'), options);
    expect(now).toThrow(expect.objectContaining(invalid('neighbours')));
  }
  await h2q.init();
  expect((await h2q.fit(matrix, RANKS)).model.bits).toBe(16);
});
