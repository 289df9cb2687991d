import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { forget, isSettled, leftOutBecause, makeParts } from './parts.mjs';
import { cargoEnvironment, run, SetupError, say } from './programs.mjs';
import { root, toolPath } from './root.mjs';
import { buildWasm, ensureToolchain, findToolchain, packages } from './wasm.mjs';

/** Stamps live here: they go when the packages go. */
const state = join(root, 'node_modules/.h2q');

/** @type {import('./parts.mjs').Part[]} what is made, in this order */
const parts = [
  {
    name: 'packages',
    says: 'installing npm packages',
    inputs: ['package-lock.json'],
    outputs: ['node_modules'],
    make: installPackages,
  },
  {
    name: 'native',
    says: 'building the native addon (minutes the first time)',
    inputs: [
      'Cargo.toml',
      'Cargo.lock',
      '.cargo',
      'rust-toolchain.toml',
      'crates/kernels',
      'crates/core',
      'crates/node',
      'node_modules/@napi-rs/cli/package.json',
    ],
    outputs: ['native/index.cjs', 'native/index.d.cts'],
    make: buildAddon,
  },
  {
    name: 'wasm',
    says: 'building the WASM packages (minutes the first time)',
    inputs: [
      'Cargo.toml',
      'Cargo.lock',
      '.cargo',
      'rust-toolchain.toml',
      'crates/kernels',
      'crates/core',
      'crates/wasm',
      'crates/wasm-search',
      'scripts/lib/wasm.mjs',
      'scripts/lib/wasm-panics.mjs',
      'scripts/lib/wasm-shrink.mjs',
      'node_modules/binaryen/package.json',
      'node_modules/vite/package.json',
    ],
    outputs: packages.flatMap(({ name, files }) => files.map((file) => `wasm/${name}/${file}`)),
    make: buildPackages,
    isPossible: () => findToolchain() !== null,
  },
  {
    name: 'typescript',
    says: 'compiling TypeScript',
    inputs: ['tsconfig.json', 'ts', 'native/index.d.cts', 'wasm/whole/h2q.d.ts'],
    outputs: ['dist'],
    make: compileTypeScript,
  },
];

/**
 * Makes what is missing or out of date. What could not be had once is tried again only with `retry` and
 * where everything is required: it may take minutes each time.
 *
 * @param {{ retry?: boolean }} options
 * @returns {Promise<{ name: string, reason: string }[]>} the parts that were left out
 */
export async function setUp({ retry = false } = {}) {
  requireNode(20, 17);
  const place = { base: root, state, required: process.env['H2Q_REQUIRE'] === 'all' };
  if (retry) for (const part of parts) forget(part, place);
  if (!parts.every((part) => isSettled(part, place))) {
    const waiting = (/** @type {number} */ pid) => say(`waiting for the set-up that process ${pid} runs`);
    await withLock(join(root, '.cache/setup.lock'), () => makeParts(parts, place), waiting);
  }
  return parts.flatMap((part) => {
    const reason = leftOutBecause(part, place);
    return reason === null ? [] : [{ name: part.name, reason }];
  });
}

function installPackages() {
  const npm = npmCommand();
  // Each flag undoes what an outer npm may have put into the environment (`npm pack --dry-run`, NODE_ENV=production …).
  const flags = [
    '--include=dev',
    '--include=optional',
    '--dry-run=false',
    '--global=false',
    '--loglevel=error',
  ];
  run(npm.file, [...npm.args, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', ...flags], {
    shell: npm.shell,
  });
}

function buildAddon() {
  const env = cargoEnvironment();
  if (spawnSync('cargo', ['--version'], { env, stdio: 'ignore' }).error) {
    throw new SetupError('cargo was not found. Install Rust from https://rustup.rs, then try again.');
  }
  try {
    intoFresh('native', (folder) => {
      const options = ['--release', '--platform', '--manifest-path', 'crates/node/Cargo.toml'];
      const outputs = ['--output-dir', folder, '--js', 'index.cjs', '--dts', 'index.d.cts'];
      run(process.execPath, [toolPath('@napi-rs/cli', 'napi'), 'build', ...options, ...outputs], { env });
    });
  } catch (error) {
    if (process.platform !== 'win32' && spawnSync('cc', ['--version'], { stdio: 'ignore' }).error) {
      const how =
        process.platform === 'darwin'
          ? 'xcode-select --install'
          : 'your system\'s package "gcc" or "build-essential"';
      throw new SetupError(
        `Rust needs the linker cc, which was not found. Install it (${how}), then try again.`,
        { cause: error },
      );
    }
    throw error;
  }
}

function buildPackages() {
  const toolchain = ensureToolchain();
  intoFresh('wasm', (folder) => buildWasm(toolchain, folder));
}

function compileTypeScript() {
  intoFresh('dist', (folder) => {
    run(process.execPath, [toolPath('typescript', 'tsc'), '--project', 'tsconfig.json', '--outDir', folder]);
  });
}

/**
 * Fills a new folder and puts it in place of the old one, so that no stale file survives and a
 * running process keeps the addon it has mapped.
 *
 * @param {string} name
 * @param {(folder: string) => void} fill
 */
function intoFresh(name, fill) {
  const [fresh, old] = [join(state, name), join(state, `${name}.old`)];
  for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  fill(fresh);
  if (existsSync(join(root, name))) renameSync(join(root, name), old);
  renameSync(fresh, join(root, name));
  rmSync(old, { recursive: true, force: true });
}

/** The npm that runs this script, else the one on the PATH (a batch file on Windows, which needs a shell). */
function npmCommand() {
  const outer = process.env['npm_execpath'];
  if (outer?.endsWith('npm-cli.js')) return { file: process.execPath, args: [outer], shell: false };
  return { file: 'npm', args: [], shell: process.platform === 'win32' };
}

/**
 * @param {number} major
 * @param {number} minor
 */
function requireNode(major, minor) {
  const [actualMajor = 0, actualMinor = 0] = process.versions.node.split('.').map(Number);
  if (actualMajor > major || (actualMajor === major && actualMinor >= minor)) return;
  throw new SetupError(`Node ${major}.${minor} or newer is needed, this is ${process.versions.node}.`);
}

/**
 * Runs `setUp`; when it fails, says why and ends the process with `exitCode`.
 *
 * @param {number} exitCode
 * @param {Parameters<typeof setUp>[0]} options
 */
export async function setUpOrExit(exitCode = 2, options = {}) {
  try {
    await setUp(options);
  } catch (error) {
    say(error instanceof SetupError ? error.message : String(error instanceof Error ? error.stack : error));
    process.exit(exitCode);
  }
}
