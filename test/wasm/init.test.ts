/** Loading a WASM module: from everything that it may come from, once, and what is said where it cannot be. */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';
import { skipWithoutWasm, type WasmModule, wasmBytes, wasmPath } from '../wasm.js';
import { noAlarm } from './alarm.js';

skipWithoutWasm();
afterEach(() => vi.restoreAllMocks());

/** An entry nobody has loaded yet. */
async function fresh(): Promise<typeof import('../../ts/browser/index.js')> {
  vi.resetModules();
  return import('../../ts/browser/index.js');
}

const ENTRIES: [WasmModule, () => Promise<Entry>][] = [
  ['whole', fresh],
  ['search', freshSearch],
];
type Entry = Pick<Awaited<ReturnType<typeof fresh>>, 'init' | 'popcount'>;

async function freshSearch(): Promise<typeof import('../../ts/browser/search.js')> {
  vi.resetModules();
  return import('../../ts/browser/search.js');
}

describe.each(ENTRIES)('init of the entry %s takes', (module, entry) => {
  const bytes = () => wasmBytes(module);
  const response = (type: string) => new Response(bytes(), { headers: { 'Content-Type': type } });
  const sources: [string, () => unknown][] = [
    ['nothing: the file beside it', () => undefined],
    ['bytes', bytes],
    ['a buffer', () => bytes().buffer],
    ['a compiled module', () => new WebAssembly.Module(bytes())],
    ['the promise of one', () => WebAssembly.compile(bytes())],
    ['an answer of fetch', () => response('application/wasm')],
    ['the promise of an answer of another type', async () => response('application/octet-stream')],
    ['a URL', () => pathToFileURL(wasmPath(module))],
    ['an address', () => pathToFileURL(wasmPath(module)).href],
  ];
  it.each(sources)('%s', async (_, source) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const h2q = await entry();
    await h2q.init(source() as Uint8Array<ArrayBuffer>);
    expect(h2q.popcount(Uint8Array.of(7))).toBe(3);
  });

  it('what a server sends, and tells of an error that it sends', async () => {
    const server = createServer(({ url }, answer) => {
      if (url !== '/h2q.wasm') return void answer.writeHead(404).end();
      answer.writeHead(200, { 'Content-Type': 'application/wasm' }).end(bytes());
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    try {
      const base = `http://localhost:${(server.address() as { port: number }).port}`;
      const h2q = await entry();
      const failure = await h2q.init(`${base}/none.wasm`).catch((error) => error);
      expect(failure).toMatchObject({
        code: 'WASM_UNAVAILABLE',
        message: `${base}/none.wasm cannot be loaded`,
      });
      expect(failure.cause.message).toBe('the server answered 404 Not Found');
      await h2q.init(new Request(`${base}/h2q.wasm`));
      expect(h2q.popcount(Uint8Array.of(7))).toBe(3);
    } finally {
      server.close();
    }
  });
});

it('initSync takes bytes or a module', async () => {
  const h2q = await fresh();
  h2q.initSync(wasmBytes('whole'));
  h2q.initSync(new WebAssembly.Module(wasmBytes('whole')));
  await h2q.init();
  expect(h2q.info()).toMatchObject({ backend: 'wasm', threads: 1, simd: 'simd128' });
  const search = await freshSearch();
  search.initSync(wasmBytes('search'));
  search.initSync(new WebAssembly.Module(wasmBytes('search')));
  expect(search.popcount(Uint8Array.of(7))).toBe(3);
});

it('loads once', async () => {
  const h2q = await fresh();
  const instantiate = vi.spyOn(WebAssembly, 'instantiate');
  await Promise.all([h2q.init(), h2q.init(wasmBytes('whole')), h2q.init()]);
  await h2q.init();
  expect(instantiate).toHaveBeenCalledTimes(1);
});

it('everything before it says to call it', async () => {
  const h2q = await fresh();
  const wanted = { code: 'WASM_UNAVAILABLE', message: expect.stringContaining('init()') };
  expect(() => h2q.info()).toThrow(expect.objectContaining(wanted));
  await expect(h2q.fit({ data: new Float32Array(64), columns: 8 })).rejects.toMatchObject(wanted);
  expect(() => h2q.HammingIndex.empty(8)).toThrow(expect.objectContaining(wanted));
  expect(() => h2q.popcount(new Uint8Array(1))).toThrow(expect.objectContaining(wanted));
});

it('after a failure the next call tries again', async () => {
  const h2q = await fresh();
  await expect(h2q.init(new Uint8Array(8))).rejects.toMatchObject({ code: 'WASM_UNAVAILABLE' });
  await expect(h2q.init(Promise.reject(new Error('mine')))).rejects.toMatchObject({
    code: 'WASM_UNAVAILABLE',
    message: 'the given module cannot be loaded',
    cause: { message: 'mine' },
  });
  const answer = new Response('no', { status: 404, statusText: 'Not Found' });
  await expect(h2q.init(answer)).rejects.toMatchObject({
    code: 'WASM_UNAVAILABLE',
    cause: { message: 'the server answered 404 Not Found' },
  });
  expect(() => h2q.initSync(new Uint8Array(8))).toThrow(
    expect.objectContaining({ code: 'WASM_UNAVAILABLE' }),
  );
  await h2q.init();
  expect(h2q.info().backend).toBe('wasm');
  // Nobody reads this one.
  await noAlarm(() => h2q.init(Promise.reject(new Error('late'))));
});

it('says what is missing where there is no SIMD, or no WebAssembly', async () => {
  const h2q = await fresh();
  const validate = vi.spyOn(WebAssembly, 'validate').mockReturnValue(false);
  const wanted = { code: 'WASM_UNAVAILABLE', message: expect.stringContaining('simd128') };
  await expect(h2q.init()).rejects.toMatchObject(wanted);
  expect(() => h2q.initSync(wasmBytes('whole'))).toThrow(expect.objectContaining(wanted));
  validate.mockRestore();
  vi.stubGlobal('WebAssembly', undefined);
  await expect(h2q.init()).rejects.toMatchObject({ message: 'there is no WebAssembly here' });
  vi.unstubAllGlobals();
  await h2q.init();
});

it('refuses files by path, and says what to give', async () => {
  const h2q = await fresh();
  await h2q.init();
  const wanted = { code: 'FILE_UNREADABLE', message: expect.stringMatching(/^x\.npy: .*Blob/) };
  await expect(h2q.readVectors('x.npy')).rejects.toMatchObject(wanted);
  await expect(h2q.openVectors('x.npy')).rejects.toMatchObject(wanted);
  await expect(h2q.writeVectors('x.npy', { data: new Float32Array(8), columns: 8 })).rejects.toMatchObject(
    wanted,
  );
});

it.each(['whole/h2q.js', 'neighbours/factory.js'])(
  '%s makes no code of strings: a strict CSP lets it run',
  (file) => {
    const glue = readFileSync(join(root, 'wasm', file), 'utf8');
    expect(glue).not.toMatch(/\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\(/);
  },
);
