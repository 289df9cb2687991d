/** Which backend Node chooses, seen from outside: in processes of their own. */

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';
import { Workplace } from '../cli/h2q.js';
import { concat } from '../io/memory.js';
import { outcomeOf } from '../outcome.js';
import { hasWasm, skipWithoutWasm } from '../wasm.js';

skipWithoutWasm();

let scratch: string;
/** The package without its addon, without both, and without the module of fits that rank neighbours. */
let [withoutNative, withoutBoth, withoutNeighbours] = ['', '', ''];

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'h2q-backends-'));
  const packageOf = (name: string, parts: string[]) => {
    const folder = join(scratch, name);
    mkdirSync(folder);
    for (const part of ['package.json', 'dist', ...parts])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    return folder;
  };
  withoutNative = packageOf('no-native', hasWasm ? ['wasm'] : []);
  withoutBoth = packageOf('neither', []);
  withoutNeighbours = packageOf('no-neighbours', hasWasm ? ['wasm'] : []);
  rmSync(join(withoutNeighbours, 'wasm/neighbours'), { recursive: true, force: true });
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Runs a program that prints JSON. */
async function inPackage(folder: string, code: string, env: NodeJS.ProcessEnv = {}) {
  const script = join(scratch, 'script.mjs');
  const entry = JSON.stringify(join(folder, 'dist/node/index.js'));
  writeFileSync(script, `import * as h2q from ${entry};\nconsole.log(JSON.stringify(${code}));`);
  const clean = { ...process.env, H2Q_BACKEND: undefined, ...env };
  const child = spawn(process.execPath, [script], { env: clean, stdio: ['ignore', 'pipe', 'pipe'] });
  const { stdout, stderr } = await outcomeOf(child);
  return { result: stdout && JSON.parse(stdout), stderr };
}

const BACKEND = 'h2q.info().backend';
const FAILURE = `(() => { try { return h2q.info() } catch ({ code, message, cause, details }) {
  return { code, message, details, causes: cause?.errors?.map((e) => e.code) ?? String(cause?.code) }
} })()`;

describe('the backend', () => {
  it('is native where that loads, in silence', async () => {
    expect(await inPackage(root, BACKEND)).toEqual({ result: 'native', stderr: '' });
  });

  it('is WASM where native does not load, with one warning that says why', async () => {
    const { result, stderr } = await inPackage(withoutNative, `[${BACKEND}, ${BACKEND}]`);
    expect(result).toEqual(['wasm', 'wasm']);
    expect(stderr.match(/H2Q_WASM/g)).toHaveLength(1);
    expect(stderr).toMatch(/the native addon cannot be loaded on .*Cannot find module/);
  });

  it('is the one that is forced, in silence', async () => {
    expect(await inPackage(root, BACKEND, { H2Q_BACKEND: 'wasm' })).toEqual({ result: 'wasm', stderr: '' });
    const native = await inPackage(root, BACKEND, { H2Q_BACKEND: 'native' });
    expect(native).toEqual({ result: 'native', stderr: '' });
  });

  it('fails where the one that is forced does not load, or is none', async () => {
    const failure = async (folder: string, forced: string | undefined) =>
      (await inPackage(folder, FAILURE, { H2Q_BACKEND: forced })).result;
    expect(await failure(withoutNative, 'native')).toMatchObject({ code: 'NATIVE_UNAVAILABLE' });
    expect(await failure(withoutBoth, 'wasm')).toMatchObject({
      code: 'WASM_UNAVAILABLE',
      causes: 'MODULE_NOT_FOUND',
    });
    expect(await failure(root, 'gpu')).toMatchObject({
      code: 'INVALID_OPTION',
      message: "H2Q_BACKEND: 'gpu' is not native or wasm",
      details: { option: 'H2Q_BACKEND' },
    });
    expect(await failure(withoutBoth, undefined)).toMatchObject({
      code: 'NATIVE_UNAVAILABLE',
      causes: ['NATIVE_UNAVAILABLE', 'WASM_UNAVAILABLE'],
    });
  });
});

it('a file of vectors is read into memory where WASM cannot map it', async () => {
  const path = join(scratch, 'x.fvecs');
  const columns = 8;
  const rows = Array.from({ length: 40 }, (_, row) =>
    Float32Array.from({ length: columns }, (_, j) => Math.sin(row * columns + j)),
  );
  writeFileSync(path, concat(...rows.flatMap((row) => [Uint32Array.of(columns), row])));
  const code = `await (async () => {
    const originals = await h2q.openVectors(${JSON.stringify(path)});
    const vectors = await h2q.readVectors(${JSON.stringify(path)});
    const { model } = await h2q.fit(vectors, { method: 'identity' });
    const codes = await model.encode(vectors);
    const index = await h2q.HammingIndex.build(codes);
    const { rows, scores } = await index.search(codes, 3, { rerank: 'float', vectors, originals });
    originals.close();
    return { rows: [...rows], scores: [...scores], backend: h2q.info().backend };
  })()`;
  const [native, wasm] = [
    await inPackage(root, code, { H2Q_BACKEND: 'native' }),
    await inPackage(root, code, { H2Q_BACKEND: 'wasm' }),
  ];
  expect(native.result.backend).toBe('native');
  expect(native.result.rows).toHaveLength(120);
  expect(wasm).toEqual({ result: { ...native.result, backend: 'wasm' }, stderr: '' });

  const missing = `await h2q.openVectors('none.npy').catch(({ code }) => code)`;
  expect((await inPackage(root, missing, { H2Q_BACKEND: 'wasm' })).result).toBe('FILE_NOT_FOUND');
});

it('on WASM fits by the loss neighbours need a file of their own, and name it where it is missing', async () => {
  const matrix = '{ data: Float32Array.from({ length: 640 }, (_, i) => Math.sin(i * i)), columns: 8 }';
  const fits = (options: string) =>
    `await h2q.fit(${matrix}, ${options}).then(({ summary }) => summary.loss, ({ code, message, cause }) => ({ code, message, cause: String(cause) }))`;
  const [ranks, auto] = ["{ loss: 'neighbours', epochs: 1 }", "{ method: 'auto', epochs: 1 }"];
  const code = `[${fits(ranks)}, ${fits(auto)}, ${fits('{ epochs: 1 }')}]`;
  const env = { H2Q_BACKEND: 'wasm' };
  const { result } = await inPackage(withoutNeighbours, code, env);
  const wanted = {
    code: 'WASM_UNAVAILABLE',
    message: expect.stringMatching(/^file:.*wasm\/neighbours\/h2q_bg\.wasm cannot be loaded; fits that/),
    cause: expect.stringContaining('ENOENT'),
  };
  expect(result).toEqual([wanted, wanted, 'bit-variance']);
  const whole = await inPackage(withoutNative, fits(ranks), env);
  expect(whole.result).toBe('neighbours');
  const blocking = `h2q.fitSync(${matrix}, ${ranks}).summary.loss`;
  expect((await inPackage(withoutNative, blocking, env)).result).toBe('neighbours');
});

describe('the command line on WASM', () => {
  const work = new Workplace();

  it('does what it does on native', async () => {
    work.writeVectors('x.npy', 300, 24);
    const steps = [
      'fit x.npy -o m.h2q --bits 16 --seed 1',
      'encode m.h2q x.npy -o c.npy',
      'search c.npy c.npy -k 5 --ids hamming.npy --distances distances.npy',
    ].map((step) => step.split(' '));
    const results = [];
    for (const backend of ['native', 'wasm']) {
      work.env = { H2Q_BACKEND: backend };
      for (const step of steps) await work.succeed(...step);
      results.push(['c.npy', 'hamming.npy', 'distances.npy'].map((name) => work.readNpy(name)));
    }
    expect(results[1]).toEqual(results[0]);
  });

  it('fits by the loss neighbours, and refuses what does not go with it before it reads', async () => {
    work.env = { H2Q_BACKEND: 'wasm' };
    work.writeVectors('x.npy', 300, 24);
    const fit = 'fit x.npy -o m.h2q --bits 16 --loss neighbours --epochs 2'.split(' ');
    const summary = JSON.parse(await work.succeed(...fit, '--json'));
    expect(summary).toMatchObject({ loss: 'neighbours', bits: 16, epochs: 2, seconds: expect.any(Number) });
    expect(await work.succeed('encode', 'm.h2q', 'x.npy', '-o', 'c.npy')).toBeDefined();
    const { code, stderr } = await work.run(...fit, '--method', 'itq');
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining('only one of method itq')]);
    expect(code).not.toBe(0);
  });

  it('measures', async () => {
    work.env = { H2Q_BACKEND: 'wasm' };
    const printed = await work.succeed(
      ...'bench hamming --rows 1000 --queries 4 --rounds 1 --json'.split(' '),
    );
    expect(JSON.parse(printed)).toMatchObject({ threads: 1 });
  });
});
