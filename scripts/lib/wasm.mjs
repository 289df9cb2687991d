import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ensureTool, findTool } from './cargo-tools.mjs';
import { cargoEnvironment, run } from './programs.mjs';
import { root } from './root.mjs';
import { lockedVersion } from './versions.mjs';
import { ensureWasmRust, findWasmRust } from './wasm-rust.mjs';

/**
 * What is built, in folders of these names: all there is but fits by the loss `neighbours`, these, and what encoding
 * and searching need.
 */
export const packages = [
  { name: 'whole', files: ['h2q_bg.wasm', 'h2q.js', 'h2q.d.ts'] },
  { name: 'neighbours', files: ['h2q_bg.wasm', 'factory.js', 'factory.d.ts'] },
  { name: 'search', files: ['h2q_bg.wasm'] },
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
export function buildWasm(toolchain, folder) {
  buildWhole(toolchain, join(folder, 'whole'));
  buildNeighbours(toolchain, join(folder, 'neighbours'));
  buildSearch(toolchain, join(folder, 'search'));
}

/**
 * @param {Toolchain} toolchain
 * @param {string} out
 */
export function buildWhole(toolchain, out) {
  bind(toolchain, out, []);
  shrink(out);
}

/**
 * The same crate with other features. Its glue becomes a factory, whose types are those of
 * ts/wasm/neighbours-module.ts.
 *
 * @param {Toolchain} toolchain
 * @param {string} out
 */
export function buildNeighbours(toolchain, out) {
  bind(toolchain, out, ['--no-default-features', '--features', 'neighbours']);
  rmSync(join(out, 'h2q.d.ts'));
  writeFileSync(join(out, 'factory.d.ts'), 'export function create(): unknown;\n');
  shrink(out, 'factory.js');
}

/**
 * @param {Toolchain} toolchain
 * @param {string} out
 * @param {string[]} features
 */
function bind({ env, wasmPack }, out, features) {
  const steps = ['--mode', 'no-install', '--no-opt', '--no-pack', '--no-gitignore'];
  const outputs = ['--target', 'web', '--out-dir', out, '--out-name', 'h2q'];
  run(wasmPack, ['build', 'crates/wasm', '--profile', 'wasm', ...steps, ...outputs, '--', ...features], {
    env,
  });
  // The module's own exports, which nobody who uses h2q.d.ts sees.
  rmSync(join(out, 'h2q_bg.wasm.d.ts'), { force: true });
}

/**
 * Nothing but the module: it has no glue.
 *
 * @param {Toolchain} toolchain
 * @param {string} out
 */
export function buildSearch({ env }, out) {
  const [profile, target] = ['wasm', 'wasm32-unknown-unknown'];
  const options = ['--profile', profile, '--target', target];
  run('cargo', ['build', '--package', 'h2q-wasm-search', ...options], { env });
  const made = join(env['CARGO_TARGET_DIR'] ?? join(root, 'target'), target, profile);
  mkdirSync(out, { recursive: true });
  copyFileSync(join(made, 'h2q_wasm_search.wasm'), join(out, 'h2q_bg.wasm'));
  shrink(out);
}

/**
 * By a program of its own: it needs packages that the set-up itself installs.
 *
 * @param {string} folder
 * @param {string[]} factory the name of the file that the glue becomes as a factory, where it shall
 */
function shrink(folder, ...factory) {
  run(process.execPath, [join(root, 'scripts/lib/wasm-shrink.mjs'), folder, ...factory]);
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
