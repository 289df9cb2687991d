import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cargoEnvironment, outputOf, programsNamed, run } from './programs.mjs';
import { root } from './root.mjs';

/** The package of the targets, in the layout of cargo-fuzz. */
export const fuzzFolder = join(root, 'fuzz');

/** Our own crates: only they are compiled for the fuzzer, which is what takes time. */
const instrumented = ['h2q-core', 'h2q-kernels', 'h2q-fuzz'];

/** What cargo-fuzz passes to rustc. */
const coverage = [
  '--cfg=fuzzing',
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
];

/**
 * @typedef {object} Outcome
 * @property {boolean} ok whether nothing was found
 * @property {number} runs inputs that were tried
 * @property {number} edges of the code that were reached
 * @property {number} features of these, and how often: what libFuzzer goes by
 * @property {string} output all that the target printed
 */

/** Names of all targets. */
export function targets() {
  return readdirSync(join(fuzzFolder, 'fuzz_targets'))
    .filter((file) => file.endsWith('.rs'))
    .map((file) => file.slice(0, -'.rs'.length))
    .sort();
}

/**
 * Why nothing can be fuzzed here, null when it can.
 *
 * @param {NodeJS.Platform} platform
 * @param {NodeJS.ProcessEnv} env
 */
export function fuzzObstacle(platform = process.platform, env = process.env) {
  if (platform !== 'linux' && platform !== 'darwin') return `libFuzzer is not used on ${platform}`;
  const compilers = env['CXX'] ? [env['CXX']] : ['c++', 'g++', 'clang++'];
  const isThere = compilers.some((name) => existsSync(name)) || programsNamed(compilers, env).length > 0;
  return isThere ? null : 'libFuzzer needs a C++ compiler (c++, or what CXX names)';
}

/** Compiles all targets, and whatever has changed of what they test. */
export function buildTargets() {
  const flags = hasAddressSanitizer() ? [...coverage, '-Zsanitizer=address'] : coverage;
  run('cargo', ['build', '--bins', ...cargoOptions(flags)], { cwd: fuzzFolder, env: bootstrapped() });
}

/** Writes the inputs that the targets start from. */
export function makeSeeds() {
  const cargo = ['run', '--example', 'seeds', ...cargoOptions(['--cfg=fuzzing'])];
  run('cargo', cargo, { cwd: fuzzFolder, env: bootstrapped() });
}

/**
 * Sanitizers and flags for single packages are options that only nightly compilers have by themselves. The flags are
 * ours, and so is the folder that they are compiled into.
 *
 * @returns {NodeJS.ProcessEnv}
 */
function bootstrapped() {
  /** @type {NodeJS.ProcessEnv} */
  const all = cargoEnvironment();
  const { RUSTFLAGS: _, CARGO_ENCODED_RUSTFLAGS: __, CARGO_TARGET_DIR: ___, ...env } = all;
  return { ...env, RUSTC_BOOTSTRAP: '1' };
}

/** @param {string[]} flags of rustc for our own crates */
function cargoOptions(flags) {
  const perPackage = instrumented.flatMap((name) => [
    '--config',
    `profile.release.package.${name}.rustflags=${JSON.stringify(flags)}`,
  ]);
  return ['--release', '--locked', '--target', host(), '-Zprofile-rustflags', ...perPackage];
}

/** Whether the toolchain has the part of it that is linked in; elsewhere than on Linux it is a library to be found. */
function hasAddressSanitizer() {
  const folder = outputOf('rustc', ['--print', 'target-libdir'], cargoEnvironment());
  if (process.platform !== 'linux' || folder === null) return false;
  return readdirSync(folder).some((file) => file.endsWith('_rt.asan.a'));
}

function host() {
  return outputOf('rustc', ['--print', 'host-tuple'], cargoEnvironment()) ?? '';
}

/** @param {string} target */
export function binaryOf(target) {
  return join(fuzzFolder, 'target', host(), 'release', target);
}

/**
 * Runs a target. What is found new goes into the first folder of `corpus`; an input that fails into fuzz/artifacts.
 *
 * @param {string} target
 * @param {string[]} corpus folders of inputs
 * @param {string[]} options of libFuzzer
 * @returns {Promise<Outcome>}
 */
export async function runTarget(target, corpus, options) {
  const artifacts = join(fuzzFolder, 'artifacts', target);
  mkdirSync(artifacts, { recursive: true });
  const scratch = mkdtempSync(join(fastFolder(), 'h2q-fuzz-'));
  const limits = ['-timeout=30', '-rss_limit_mb=4096', '-malloc_limit_mb=512', '-detect_leaks=0'];
  const args = [...corpus, ...limits, `-artifact_prefix=${artifacts}/`, '-print_final_stats=1', ...options];
  try {
    const env = {
      ...process.env,
      TMPDIR: scratch,
      ASAN_OPTIONS: 'detect_odr_violation=0',
      RUST_BACKTRACE: '1',
    };
    const child = spawn(binaryOf(target), args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const pipe of [child.stdout, child.stderr])
      pipe.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    const code = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { ok: code === 0, ...figures(output), output };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Targets write and sync files thousands of times a second. */
function fastFolder() {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

/**
 * The last figures in what libFuzzer prints.
 *
 * @param {string} output
 */
export function figures(output) {
  const last = (/** @type {RegExp} */ pattern) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  return {
    runs: last(/number_of_executed_units: (\d+)/g),
    edges: last(/ cov: (\d+)/g),
    features: last(/ ft: (\d+)/g),
  };
}

/**
 * The inputs that are kept in the repository.
 *
 * @param {string} target
 */
export function seedsOf(target) {
  return join(fuzzFolder, 'seeds', target);
}

/**
 * Inputs that `npm test` tries: so many take some five seconds of one CPU.
 *
 * @returns {Record<string, number>}
 */
export function shortRuns() {
  return JSON.parse(readFileSync(join(fuzzFolder, 'runs.json'), 'utf8'));
}

/**
 * Every target for some seconds, with the same inputs every time: each is a check.
 *
 * @param {string} scratch a folder for what is found new
 * @returns {Promise<import('./counts.mjs').Counts>}
 */
export async function fuzzBriefly(scratch) {
  const reason = fuzzObstacle();
  const names = targets();
  if (reason !== null) return { passed: 0, failed: 0, skips: names.map((name) => ({ name, reason })) };
  buildTargets();
  let passed = 0;
  for (const name of names) {
    const corpus = mkdtempSync(join(scratch, `${name}-`));
    const options = ['-seed=1', `-runs=${shortRuns()[name]}`, '-max_total_time=30'];
    const outcome = await runTarget(name, [corpus, seedsOf(name)], options);
    if (outcome.ok) passed += 1;
    else console.error(outcome.output);
    console.log(told(name, outcome));
  }
  return { passed, failed: names.length - passed, skips: [] };
}

/**
 * One line about a run.
 *
 * @param {string} target
 * @param {Outcome} outcome
 */
export function told(target, { ok, runs, edges, features }) {
  return `${target}: ${ok ? 'nothing found' : 'FAILED'} in ${runs} runs, ${edges} edges, ${features} features`;
}
