// `npm test`: set-up, then every check and test there is, each step even when an earlier one failed. The
// last line counts them all. `npm test -- rust lint` runs only these groups. With H2Q_REQUIRE=all a
// skipped test is a failed one.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureChromium } from './lib/chromium.mjs';
import { addUp, countCargo, countVitest, oneCheck, totalLine } from './lib/counts.mjs';
import { ensureModels } from './lib/embed-models.mjs';
import { fuzzBriefly } from './lib/fuzz.mjs';
import { cargoEnvironment } from './lib/programs.mjs';
import { root, toolPath } from './lib/root.mjs';
import { setUp } from './lib/setup.mjs';
import { testFilesBelow } from './lib/test-files.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'h2q-test-'));
process.on('exit', () => rmSync(scratch, { recursive: true }));
const vitestReport = join(scratch, 'vitest.json');

// As the addon is built: the same profile and target, so that its dependencies are not compiled twice.
const cargoOptions = ['--release', '--workspace', ...hostTarget()];

// The features that no other build has: see scripts/lib/wasm.mjs.
const alone = [
  '--release',
  ...hostTarget(),
  ...['--package', 'h2q-wasm', '--no-default-features', '--features', 'neighbours'],
];

// As the whole WASM module has it: the other builds of a workspace share the features of all.
const bare = ['--release', ...hostTarget(), '--package', 'h2q-core', '--no-default-features'];

/** @type {{ name: string, group: string, run: () => Promise<import('./lib/counts.mjs').Counts> }[]} */
const steps = [
  { name: 'rustfmt', group: 'lint', run: () => check('cargo', 'fmt', '--all', '--check') },
  {
    name: 'rustfmt (fuzz)',
    group: 'lint',
    run: () => check('cargo', 'fmt', '--manifest-path', 'fuzz/Cargo.toml', '--check'),
  },
  {
    name: 'clippy',
    group: 'lint',
    run: () => check('cargo', 'clippy', ...cargoOptions, '--all-targets', '--', '-D', 'warnings'),
  },
  {
    name: 'clippy (fits)',
    group: 'lint',
    run: () => check('cargo', 'clippy', ...alone, '--', '-D', 'warnings'),
  },
  {
    name: 'clippy (core)',
    group: 'lint',
    run: () => check('cargo', 'clippy', ...bare, '--all-targets', '--', '-D', 'warnings'),
  },
  {
    name: 'biome',
    group: 'lint',
    run: () =>
      checkTool(
        '@biomejs/biome',
        'biome',
        'ci',
        '--error-on-warnings',
        `--colors=${process.stdout.isTTY ? 'force' : 'off'}`,
      ),
  },
  { name: 'tsc', group: 'lint', run: () => checkTool('typescript', 'tsc', '--noEmit') },
  {
    name: 'tsc (tests)',
    group: 'lint',
    run: () => checkTool('typescript', 'tsc', '--project', 'tsconfig.test.json'),
  },
  {
    name: 'tsc (site)',
    group: 'lint',
    run: () => checkTool('typescript', 'tsc', '--project', 'site/tsconfig.json'),
  },
  { name: 'cargo test', group: 'rust', run: testRust },
  { name: 'vitest', group: 'vitest', run: testTypeScript },
  { name: 'fuzz', group: 'fuzz', run: () => fuzzBriefly(scratch) },
];

process.exitCode = await main(process.argv.slice(2));

/** @param {string[]} groups */
async function main(groups) {
  const known = [...new Set(steps.map((step) => step.group))];
  const unknown = groups.find((group) => !known.includes(group));
  if (unknown !== undefined) {
    console.error(`${unknown} is not a group of steps; there are ${known.join(', ')}`);
    return 1;
  }
  const chosen = steps.filter((step) => groups.length === 0 || groups.includes(step.group));
  const rows = [await timed('set-up', setUpCounted)];
  for (const step of chosen) rows.push(await timed(step.name, step.run));
  return report(rows);
}

/**
 * @param {string} name
 * @param {() => Promise<import('./lib/counts.mjs').Counts>} run
 */
async function timed(name, run) {
  console.log(`\n=== ${name}`);
  const started = performance.now();
  // A tool that is missing because set-up failed fails its own step, not the whole run.
  const counts = await run().catch((error) => {
    console.error(error instanceof Error ? error.message : error);
    return oneCheck(false);
  });
  return { name, counts, seconds: (performance.now() - started) / 1000 };
}

/** Set-up counts only when it fails or leaves something out. */
async function setUpCounted() {
  return { passed: 0, failed: 0, skips: await setUp() };
}

/** What @napi-rs/cli passes to cargo; nothing when there is no rustc to ask. */
function hostTarget() {
  const { stdout, status } = spawnSync('rustc', ['--print', 'host-tuple'], {
    env: cargoEnvironment(),
    encoding: 'utf8',
  });
  return status === 0 ? ['--target', stdout.trim()] : [];
}

async function testRust() {
  const { ok, output } = await stream('cargo', ['test', ...cargoOptions, '--no-fail-fast']);
  return countCargo(output, ok);
}

async function testTypeScript() {
  // Tests that need a browser skip without one, and say this reason.
  const { path, reason } = ensureChromium();
  const browser = path === null ? { H2Q_CHROMIUM_MISSING: reason } : { H2Q_CHROMIUM: path };
  // So do tests of h2q embed without networks.
  const missing = ensureModels();
  const env = { ...browser, ...(missing === null ? {} : { H2Q_MODELS_MISSING: missing }) };
  const { ok } = await stream(process.execPath, [toolPath('vitest', 'vitest'), 'run'], env);
  const report = readReport();
  const uncollected = testFilesBelow(root).filter((file) => !report?.files.includes(file));
  for (const file of uncollected) console.error(`${file} was not collected by vitest`);
  return countVitest(report, ok, uncollected.length);
}

/** @returns {import('./lib/counts.mjs').Counts & { files: string[] } | null} */
function readReport() {
  if (!existsSync(vitestReport)) return null;
  return JSON.parse(readFileSync(vitestReport, 'utf8'));
}

/**
 * @param {string} file
 * @param {string[]} args
 */
async function check(file, ...args) {
  return oneCheck((await stream(file, args)).ok);
}

/**
 * @param {string} packageName
 * @param {string} command
 * @param {string[]} args
 */
async function checkTool(packageName, command, ...args) {
  return check(process.execPath, toolPath(packageName, command), ...args);
}

/**
 * Runs a program, showing what it prints while keeping a copy of its standard output.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} more variables of the environment
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
function stream(file, args, more = {}) {
  const env = { ...cargoEnvironment(), CI: 'true', H2Q_VITEST_REPORT: vitestReport, ...more };
  const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

/**
 * Prints the table and the total, which is the last line.
 *
 * @param {{ name: string, counts: import('./lib/counts.mjs').Counts, seconds: number }[]} rows
 * @returns {number} the exit code
 */
function report(rows) {
  const skips = rows.flatMap(({ name, counts }) => counts.skips.map((skip) => ({ step: name, ...skip })));
  if (skips.length > 0) console.log('\nskipped:');
  for (const { step, name, reason } of skips) console.log(`  ${step}: ${name} [${reason}]`);

  const line = (/** @type {(string | number)[]} */ [name, ...numbers]) =>
    `${String(name).padEnd(14)}${numbers.map((number) => String(number).padStart(9)).join('')}`;
  console.log(`\n${line(['', 'passed', 'failed', 'skipped', 'seconds'])}`);
  for (const { name, counts, seconds } of rows) {
    console.log(line([name, counts.passed, counts.failed, counts.skips.length, seconds.toFixed(1)]));
  }

  const required = process.env['H2Q_REQUIRE'] === 'all';
  const total = addUp(
    rows.map((row) => row.counts),
    required,
  );
  if (required && skips.length > 0) console.log('\nH2Q_REQUIRE=all: skipped tests count as failed');
  console.log(`\n${totalLine(total)}`);
  return total.failed > 0 ? 1 : 0;
}
