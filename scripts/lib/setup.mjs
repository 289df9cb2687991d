import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { withLock } from './lock.mjs';
import { root, toolPath } from './root.mjs';
import { hashInputs, isCurrent, stamped } from './stamps.mjs';

/** Stamps live here: they go when the packages go. */
const state = join(root, 'node_modules/.h2q');
const platform = `${process.platform}-${process.arch}`;

/** What is made, in this order. `inputs` may name files that need not exist. */
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
      'crates',
      'node_modules/@napi-rs/cli/package.json',
    ],
    outputs: ['native/index.cjs', 'native/index.d.cts'],
    make: buildAddon,
  },
  {
    name: 'typescript',
    says: 'compiling TypeScript',
    inputs: ['tsconfig.json', 'ts', 'native/index.d.cts'],
    outputs: ['dist'],
    make: compileTypeScript,
  },
];

/** Makes what is missing or out of date. */
export async function setUp() {
  requireNode(20, 17);
  if (parts.every(isUpToDate)) return;
  const waiting = (/** @type {number} */ pid) => say(`waiting for the set-up that process ${pid} runs`);
  await withLock(join(root, '.cache/setup.lock'), makeAll, waiting);
}

function makeAll() {
  for (const part of parts) {
    // Asked again: another process may have done it while this one waited, and each part may change the next one's inputs.
    if (isUpToDate(part)) continue;
    say(part.says);
    const started = performance.now();
    stamped(stampOf(part), hashOf(part), part.make);
    say(`${part.name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
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

/** @param {(typeof parts)[number]} part */
function isUpToDate(part) {
  return isCurrent(
    stampOf(part),
    hashOf(part),
    part.outputs.map((path) => join(root, path)),
  );
}

/** @param {(typeof parts)[number]} part */
function hashOf(part) {
  return hashInputs(root, part.inputs, platform);
}

/** @param {(typeof parts)[number]} part */
function stampOf(part) {
  return join(state, `${part.name}.stamp`);
}

/** The npm that runs this script, else the one on the PATH (a batch file on Windows, which needs a shell). */
function npmCommand() {
  const outer = process.env['npm_execpath'];
  if (outer?.endsWith('npm-cli.js')) return { file: process.execPath, args: [outer], shell: false };
  return { file: 'npm', args: [], shell: process.platform === 'win32' };
}

/** The environment with rustup's folder at the end of PATH: shells started before the installation do not know it yet. */
export function cargoEnvironment() {
  const home = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
  return { ...process.env, PATH: [process.env['PATH'] ?? '', join(home, 'bin')].join(delimiter) };
}

/**
 * @param {string} file
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, shell?: boolean }} options
 */
function run(file, args, options = {}) {
  const { error, status, signal } = spawnSync(file, args, { ...options, cwd: root, stdio: ['ignore', 2, 2] });
  if (error) throw new SetupError(`${file} could not be started: ${error.message}`, { cause: error });
  if (status !== 0)
    throw new SetupError(`${[file, ...args].join(' ')} ended with ${signal ?? `exit code ${status}`}`);
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

/** @param {string} message */
function say(message) {
  process.stderr.write(`set-up: ${message}\n`);
}

/** Something for the person at the keyboard to put right: its message says all. */
export class SetupError extends Error {}

/** Runs `setUp`; when it fails, says why and ends the process with `exitCode`. */
export async function setUpOrExit(exitCode = 2) {
  try {
    await setUp();
  } catch (error) {
    say(error instanceof SetupError ? error.message : String(error instanceof Error ? error.stack : error));
    process.exit(exitCode);
  }
}
