/** The package as users get it: packed, installed without Rust or scripts into an empty folder, and used. */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { root, toolPath } from '../../scripts/lib/root.mjs';
import { npyHeader } from '../../ts/io/npy.js';
import { randomValues } from '../cli/h2q.js';
import { blocksOf, readDocument } from '../docs/documents.js';
import { concat } from '../io/memory.js';
import type { Outcome } from '../outcome.js';
import { hasWasm, WITHOUT_WASM } from '../wasm.js';
import { outputOf, run, unreachable, withoutRust } from './npm.js';

/** Undo what an outer npm may have put into the environment. */
const ALWAYS = ['--dry-run=false', '--global=false', '--loglevel=error'];

let scratch: string;
let packed: Outcome;
let tarball: { filename: string; files: { path: string }[] };

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'h2q-pack-'));
  // Packing sets up too. Done before, so that packing itself has nothing left to do.
  await outputOf(root, process.env, process.execPath, 'scripts/setup.mjs');
  const options = ['--json', '--pack-destination', scratch, ...ALWAYS];
  packed = await run(root, process.env, 'npm', 'pack', ...options);
  if (packed.code !== 0) throw new Error(`npm pack ended with ${packed.code}:\n${packed.stderr}`);
  [tarball] = JSON.parse(packed.stdout);
}, 600_000);
afterAll(() => rmSync(scratch, { recursive: true }));

describe('the tarball', () => {
  it('holds the compiled packages, this platform’s addon and the documents, nothing else', () => {
    const filesIn = (folder: string) =>
      readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'));
    const addons = filesIn('native').filter((path) => path.endsWith('.node'));
    expect(addons).toEqual([expect.stringContaining(`native/h2q.${process.platform}-${process.arch}`)]);
    expect(tarball.files.map(({ path }) => path).sort()).toEqual(
      [
        ...filesIn('dist'),
        ...(existsSync(join(root, 'wasm')) ? filesIn('wasm') : []),
        ...['native/index.cjs', 'native/index.d.cts', ...addons],
        ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'],
      ].sort(),
    );
  });

  it('has no sources, tests or fixtures among its compiled files', () => {
    const compiled = tarball.files.map(({ path }) => path).filter((path) => path.startsWith('dist/'));
    expect(compiled.filter((path) => !/\.(js|d\.ts)$/.test(path))).toEqual([]);
    expect(compiled.filter((path) => /test|fixture/.test(path))).toEqual([]);
  });

  it('is made without any set-up when nothing has changed', () => {
    expect(packed.stderr).not.toContain('set-up:');
  });
});

describe('installed', () => {
  let home: string;
  let env: NodeJS.ProcessEnv;
  /** Why nothing could be installed through no fault of the package. */
  let obstacle: string | undefined;

  beforeAll(async () => {
    home = join(scratch, 'home');
    mkdirSync(home);
    env = withoutRust(join(scratch, 'bin'));
    const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--prefix', home];
    const patience = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-timeout=20000'];
    const file = join(scratch, tarball.filename);
    const ran = await run(home, env, 'npm', 'install', file, ...options, ...patience, ...ALWAYS);
    if (ran.code === 0) return;
    const line = unreachable(ran);
    if (line === undefined) throw new Error(`npm install ended with ${ran.code}:\n${ran.stderr}`);
    obstacle = `npm's registry cannot be reached: ${line}`;
  }, 60_000);

  /** Skips the test, or fails it where nothing may be skipped, when there is no installation to test. */
  function requireInstallation({ skip }: TestContext): void {
    if (obstacle !== undefined && process.env['H2Q_REQUIRE'] === 'all') throw new Error(obstacle);
    if (obstacle !== undefined) skip(obstacle);
  }

  it('needs no Rust and has no install scripts', async (context) => {
    requireInstallation(context);
    await expect(run(home, { ...env }, 'cargo', '--version')).rejects.toMatchObject({ code: 'ENOENT' });
    const installed = JSON.parse(readFileSync(join(home, 'node_modules/h2q/package.json'), 'utf8'));
    const scripts = Object.keys(installed.scripts).filter((name) => /install|^prepare$/.test(name));
    expect(scripts).toEqual([]);
    expect(existsSync(join(home, 'node_modules/h2q/binding.gyp')), 'npm would run node-gyp').toBe(false);
  });

  it('runs from the command line', async (context) => {
    requireInstallation(context);
    const h2q = (...args: string[]) => outputOf(home, env, 'npx', '--no-install', 'h2q', ...args);
    const help = await h2q('--help');
    for (const command of ['fit', 'transform', 'encode', 'search', 'eval', 'demo']) {
      expect(help).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
    writeFileSync(join(home, 'x.npy'), concat(npyHeader('f4', [200, 16]), randomValues(3200, 1)));
    const summary = JSON.parse(await h2q('fit', 'x.npy', '-o', 'm.h2q', '--bits', '8', '--json'));
    expect(summary).toMatchObject({ rows: 200, dimensions: 16, bits: 8, method: 'h2q' });
    expect(readFileSync(join(home, 'm.h2q'), 'latin1')).toMatch(/^H2QMODEL/);
  });

  it('has every WASM module where its exports say, and fits with the one for the loss neighbours', async (context) => {
    requireInstallation(context);
    if (!hasWasm) context.skip(WITHOUT_WASM);
    const code = `
      import { readFileSync } from 'node:fs';
      import { fit, info } from 'h2q';
      const modules = ['h2q', 'neighbours', 'search'].map((name) => import.meta.resolve(\`h2q/\${name}.wasm\`));
      const compiled = modules.map((url) => new WebAssembly.Module(readFileSync(new URL(url))));
      const data = Float32Array.from({ length: 3200 }, (_, i) => Math.sin(i * i));
      const { summary } = await fit({ data, columns: 16 }, { loss: 'neighbours', bits: 8, epochs: 1 });
      console.log(compiled.length, info().backend, summary.loss);`;
    writeFileSync(join(home, 'modules.mjs'), code);
    const onWasm = { ...env, H2Q_BACKEND: 'wasm' };
    expect(await outputOf(home, onWasm, 'node', 'modules.mjs')).toBe('3 wasm neighbours\n');
  });

  it('does without the optional package, and names it where it is needed', async (context) => {
    requireInstallation(context);
    expect(existsSync(join(home, 'node_modules/@huggingface'))).toBe(false);
    writeFileSync(join(home, 'x.jsonl'), '"a text"\n');
    const embed = ['embed', 'x.jsonl', '--model', '.', '-o', 'x.npy'];
    const { code, stderr } = await run(home, env, 'npx', '--no-install', 'h2q', ...embed);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('try: npm install @huggingface/transformers@'),
    ]);
  });

  it('runs the README’s first example, of ten lines', async (context) => {
    requireInstallation(context);
    const example = blocksOf(readDocument('README.md')).find(({ language }) => language === 'js')?.text ?? '';
    expect(example.split('\n').length).toBeLessThanOrEqual(10);
    writeFileSync(join(home, 'example.mjs'), example);
    expect(await outputOf(home, env, 'node', 'example.mjs')).toMatch(/^Uint32Array\(10\)/);
  });

  it('has types that strict TypeScript accepts, and that refuse mistakes', async (context) => {
    requireInstallation(context);
    writeFileSync(join(home, 'use.mts'), USE);
    const compilerOptions = {
      ...{ target: 'es2022', module: 'nodenext', strict: true, noEmit: true, skipLibCheck: false },
      ...{ exactOptionalPropertyTypes: true, types: ['node'] },
      typeRoots: [join(root, 'node_modules/@types')],
    };
    writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.mts'] }));
    expect(await outputOf(home, env, 'node', toolPath('typescript', 'tsc'))).toBe('');
  });
});

/** A user's program. An expected error that does not come is an error, so `any` would not pass. */
const USE = `
import { type Codes, fit, H2qError, HammingIndex, type Matrix, Model, writeVectors } from 'h2q';
import { connect, type Model as RemoteModel } from 'h2q/client';
import { PictureEmbedder } from 'h2q/embed';

const matrix: Matrix = { data: new Float32Array(64), columns: 8 };
await writeVectors('x.npy', matrix, { signal: AbortSignal.timeout(1000) });
const { model, history } = await fit(matrix, {
  bits: 8,
  loss: 'l1',
  onProgress: ({ epoch, validationLoss }) => console.log(epoch.toFixed(), validationLoss.toFixed(5)),
});
const losses: number[] = history.map((report) => report.trainLoss);
const codes: Codes = await Model.fromBytes(model.toBytes()).encode(matrix);
const { rows, distances } = await (await HammingIndex.build(codes)).search(codes, 3);
const hit: [number | undefined, number | undefined] = [rows[0], distances[0]];
console.log(losses, hit, new H2qError('MISMATCH', 'no match').details['expected']);

const client = await connect(new Worker('worker.js', { type: 'module' }));
const remote: RemoteModel = (await client.fit(matrix, { transfer: true })).model;
const bits: number = (await remote.encode(matrix)).bits;
console.log(bits);
// @ts-expect-error nothing blocks in a worker
remote.encodeSync(matrix);

const embedded: Matrix = await (await PictureEmbedder.load('model', { pooling: 'cls' })).embed(['a.png']);
await fit(embedded);
// @ts-expect-error no such pooling
await PictureEmbedder.load('model', { pooling: 'max' });

// @ts-expect-error codes are bytes
await HammingIndex.build({ data: new Float32Array(8), bits: 8 });
// @ts-expect-error no such loss
await fit(matrix, { loss: 'l3' });
// @ts-expect-error a model has no rows
console.log(model.rows);
`;
