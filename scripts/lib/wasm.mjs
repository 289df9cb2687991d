import { readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ensureTool, findTool } from './cargo-tools.mjs';
import { cargoEnvironment, run } from './programs.mjs';
import { root } from './root.mjs';
import { lockedVersion } from './versions.mjs';
import { ensureWasmRust, findWasmRust } from './wasm-rust.mjs';

/** What is built: all there is, and what encoding and searching need. */
export const packages = [
  { name: 'whole', profile: 'wasm', features: [] },
  { name: 'search', profile: 'wasm-search', features: ['--no-default-features'] },
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
    // A program of its own: it needs packages that the set-up itself installs.
    run(process.execPath, [join(root, 'scripts/lib/wasm-shrink.mjs'), out]);
    // The module's own exports, which nobody who uses h2q.d.ts sees.
    rmSync(join(out, 'h2q_bg.wasm.d.ts'), { force: true });
  }
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
