/** The memory of WASM, which never shrinks: what is used for a while is used again. And traps. */

import { describe, expect, it, vi } from 'vitest';
import * as h2q from '../../ts/browser/index.js';
import { Instance } from '../../ts/wasm/instance.js';
import { randomMatrix } from '../conformance/matrices.js';
import { skipWithoutWasm, wasmBytes } from '../wasm.js';

skipWithoutWasm();

const MIB = 2 ** 20;

it('memory begins small, and copies of arguments are given back before the garbage collector comes', async () => {
  const instantiate = vi.spyOn(WebAssembly, 'instantiate');
  await h2q.init(wasmBytes('whole'));
  const loaded = instantiate.mock.results[0]?.value as Promise<WebAssembly.WebAssemblyInstantiatedSource>;
  const { instance } = await loaded;
  const { buffer } = instance.exports['memory'] as WebAssembly.Memory;
  expect(buffer.byteLength).toBeLessThan(2 * MIB);

  // 10 MiB, and twice 5 MiB on the way in and out; 30 of them would be 300 MiB.
  const matrix = randomMatrix(40_000, 1, 64);
  const { model } = await h2q.fit(randomMatrix(300, 1, 64), { bits: 32 });
  for (let i = 0; i < 30; i++) {
    const codes = i % 2 === 0 ? model.encodeSync(matrix) : await model.encode(matrix);
    const index = h2q.HammingIndex.buildSync({ data: codes.data.slice(0, 400), bits: 32 });
    await index.search(codes, 1, { deny: new Uint32Array(40_000) });
  }
  const { byteLength } = (instance.exports['memory'] as WebAssembly.Memory).buffer;
  expect(byteLength).toBeLessThan(60 * MIB);
});

it('h2q/search works in memory that it gives back, and keeps nothing of files that it refuses', async () => {
  const instantiate = vi.spyOn(WebAssembly, 'instantiate');
  vi.resetModules();
  const whole = await import('../../ts/browser/index.js');
  await whole.init(wasmBytes('whole'));
  const { model } = await whole.fit(randomMatrix(300, 1, 64), { bits: 32 });
  vi.resetModules();
  const search = await import('../../ts/browser/search.js');
  await search.init(wasmBytes('search'));
  const loaded = (await instantiate.mock.results.at(-1)?.value) as WebAssembly.WebAssemblyInstantiatedSource;
  const memory = () => (loaded.instance.exports['memory'] as WebAssembly.Memory).buffer.byteLength;
  expect(memory()).toBeLessThan(2 * MIB);

  const copy = search.Model.fromBytes(model.toBytes());
  const matrix = randomMatrix(40_000, 1, 64);
  const codes = copy.encodeSync(matrix);
  const index = search.HammingIndex.buildSync(codes);
  let once = 0;
  for (let i = 0; i < 30; i++) {
    once ||= i > 0 ? memory() : 0;
    await copy.encode(matrix);
    index.searchSync({ data: codes.data.slice(0, 400), bits: 32 }, 20_000, { deny: new Uint8Array(5000) });
    expect(() => search.Model.fromBytes(model.toBytes().fill(1, 200, 300))).toThrow('damaged');
  }
  expect(memory()).toBeLessThan(once + MIB);
});

describe('a trap', () => {
  const trap = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };

  it('is an internal error, and so is everything after it', () => {
    const instance = new Instance({}, new WebAssembly.Memory({ initial: 1 }));
    expect(instance.run(() => 1)).toBe(1);
    expect(() => instance.run(trap)).toThrow(
      expect.objectContaining({ code: 'INTERNAL', details: { memory: 65536 } }),
    );
    expect(() => instance.run(() => 1)).toThrow(/has stopped/);
  });

  it('an error of the core is none', () => {
    const instance = new Instance({}, new WebAssembly.Memory({ initial: 1 }));
    const fail = () => {
      throw Object.assign(new Error('mine'), { code: 'MISMATCH' });
    };
    expect(() => instance.run(fail)).toThrow('mine');
    expect(instance.run(() => 1)).toBe(1);
  });
});
