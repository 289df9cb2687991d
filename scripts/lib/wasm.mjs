import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { minifySync } from 'vite';
import { ensureTool, findTool } from './cargo-tools.mjs';
import { cargoEnvironment, run } from './programs.mjs';
import { root, toolPath } from './root.mjs';
import { lockedVersion } from './versions.mjs';
import { forgetPlaces, withoutPanics } from './wasm-panics.mjs';
import { ensureWasmRust, findWasmRust } from './wasm-rust.mjs';

/** What is built: all there is, and what encoding and searching need. */
export const packages = [
  { name: 'whole', profile: 'wasm', features: [] },
  { name: 'search', profile: 'wasm-search', features: ['--no-default-features'] },
];

/** What every browser with SIMD has, and what rustc and wasm-bindgen may use. */
const features = [
  'simd',
  'bulk-memory',
  'bulk-memory-opt',
  'nontrapping-float-to-int',
  'sign-ext',
  'mutable-globals',
  'reference-types',
  'multivalue',
];

/**
 * The profile `wasm` compiles for size, in which rustc leaves vectorising out, for the loops as well whose
 * crates are compiled for speed: so these passes are asked for. Messages of panics name source files: without
 * their folders, which are other ones on every machine.
 */
const rustFlags = [
  '-Ctarget-feature=+simd128',
  '-Cpasses=loop-vectorize,slp-vectorizer',
  `--remap-path-prefix=${root}=h2q`,
  `--remap-path-prefix=${join(process.env['CARGO_HOME'] ?? join(homedir(), '.cargo'), 'registry/src')}=crates`,
];

/** @typedef {{ env: NodeJS.ProcessEnv, wasmPack: string }} Toolchain */

/**
 * Looks for all that a build needs, without installing anything.
 *
 * @returns {Toolchain | null}
 */
export function findToolchain() {
  const cargo = cargoEnvironment();
  const [wasmPack, wasmBindgen] = tools().map((tool) => findTool(tool, cargo));
  return wasmPack && wasmBindgen ? toolchain(cargo, wasmPack, wasmBindgen) : null;
}

/**
 * Finds what a build needs, and installs what is missing.
 *
 * @returns {Toolchain}
 */
export function ensureToolchain() {
  const cargo = cargoEnvironment();
  // First what may be impossible, then what takes long.
  ensureWasmRust(cargo);
  for (const tool of tools()) ensureTool(tool, cargo);
  const found = findToolchain();
  if (found === null) throw new Error('what was installed for WASM is not found');
  return found;
}

/**
 * @param {Toolchain} toolchain
 * @param {string} folder gets a folder for each package
 */
export function buildWasm({ env, wasmPack }, folder) {
  for (const { name, profile, features } of packages) {
    const out = join(folder, name);
    const steps = ['--mode', 'no-install', '--no-opt', '--no-pack', '--no-gitignore'];
    const outputs = ['--target', 'web', '--out-dir', out, '--out-name', 'h2q'];
    run(wasmPack, ['build', 'crates/wasm', '--profile', profile, ...steps, ...outputs, ...features], { env });
    optimise(join(out, 'h2q_bg.wasm'));
    const glue = join(out, 'h2q.js');
    writeFileSync(glue, minified(glue, readFileSync(glue, 'utf8')));
    // The module's own exports, which nobody who uses h2q.d.ts sees.
    rmSync(join(out, 'h2q_bg.wasm.d.ts'), { force: true });
  }
}

/**
 * @param {string} file
 * @param {string} code
 */
function minified(file, code) {
  const result = minifySync(file, code, { module: true, mangle: { toplevel: true } });
  if (result.errors.length > 0) throw new Error(`${file}: ${result.errors[0]?.message}`);
  return result.code;
}

/** @param {string} file */
function optimise(file) {
  const module = withoutPanics(readFileSync(file), features);
  forgetPlaces(module);
  writeFileSync(file, module);
  const enabled = features.map((feature) => `--enable-${feature}`);
  const smaller = `${file}.opt`;
  run(process.execPath, [toolPath('binaryen', 'wasm-opt'), file, '-Os', ...enabled, '-o', smaller]);
  renameSync(smaller, file);
}

/** @returns {import('./cargo-tools.mjs').CargoTool[]} */
function tools() {
  const lock = readFileSync(join(root, 'Cargo.lock'), 'utf8');
  return [
    { crate: 'wasm-pack', program: 'wasm-pack', version: '0.15.1', exact: false },
    // The program and the crate speak a format that changes with every version.
    {
      crate: 'wasm-bindgen-cli',
      program: 'wasm-bindgen',
      version: lockedVersion(lock, 'wasm-bindgen'),
      exact: true,
    },
  ];
}

/**
 * @param {NodeJS.ProcessEnv} cargo
 * @param {string} wasmPack
 * @param {string} wasmBindgen
 * @returns {Toolchain | null}
 */
function toolchain({ CARGO_ENCODED_RUSTFLAGS: _, ...cargo }, wasmPack, wasmBindgen) {
  // wasm-pack takes the first wasm-bindgen on the PATH.
  const path = [dirname(wasmBindgen), cargo['PATH']].join(delimiter);
  const env = findWasmRust({ ...cargo, PATH: path, CARGO_ENCODED_RUSTFLAGS: rustFlags.join('\x1f') });
  return env && { env, wasmPack };
}
