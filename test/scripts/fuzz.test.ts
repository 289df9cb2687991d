/** The fuzz targets are all built, run with so many inputs, started from kept ones, and locked as what is shipped. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { figures, fuzzFolder, fuzzObstacle, seedsOf, shortRuns, targets } from '../../scripts/lib/fuzz.mjs';
import { root } from '../../scripts/lib/root.mjs';

const manifest = readFileSync(join(fuzzFolder, 'Cargo.toml'), 'utf8');

test('the manifest has every target', () => {
  const named = [...manifest.matchAll(/^path = "fuzz_targets\/(\w+)\.rs"$/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual(targets());
  expect(targets().length).toBeGreaterThan(5);
});

test('every target has a number of runs, a line in the documents and inputs to start from', () => {
  expect(Object.keys(shortRuns()).sort()).toEqual(targets());
  const documents = readFileSync(join(root, 'docs/fuzzing.md'), 'utf8');
  for (const target of targets()) {
    expect(documents).toContain(`| \`${target}\` |`);
    expect(readdirSync(seedsOf(target)).length).toBeGreaterThan(2);
  }
});

test('inputs in the repository stay few and small', () => {
  const sizes = targets().flatMap((target) =>
    readdirSync(seedsOf(target)).map((file) => statSync(join(seedsOf(target), file)).size),
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200 << 10);
});

test('what is fuzzed is locked in the versions that are shipped', () => {
  const versions = (path: string) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/^name = "(.+)"\nversion = "(.+)"$/gm)].map(
      ([, name, version]) => `${name} ${version}`,
    );
  const shipped = new Set(versions('Cargo.lock'));
  const names = new Set([...shipped].map((entry) => entry.split(' ')[0]));
  const others = versions('fuzz/Cargo.lock').filter((entry) => names.has(entry.split(' ')[0] ?? ''));
  expect(others.filter((entry) => !shipped.has(entry))).toEqual([]);
  expect(others).toContain('h2q-core 0.1.0');
});

test('where libFuzzer cannot be had, the reason is said', () => {
  expect(fuzzObstacle('win32')).toBe('libFuzzer is not used on win32');
  expect(fuzzObstacle('linux', { PATH: '/nowhere' })).toContain('C++ compiler');
  expect(fuzzObstacle('linux', { PATH: '/nowhere', CXX: process.execPath })).toBeNull();
});

test('figures are the last that libFuzzer printed', () => {
  const output = [
    '#2\tINITED cov: 10 ft: 12 corp: 1/1b exec/s: 0 rss: 40Mb',
    '#900\tDONE   cov: 345 ft: 1234 corp: 9/2Kb lim: 4 exec/s: 300 rss: 60Mb',
    'stat::number_of_executed_units: 900',
  ];
  expect(figures(output.join('\n'))).toEqual({ runs: 900, edges: 345, features: 1234 });
  expect(figures('')).toEqual({ runs: 0, edges: 0, features: 0 });
});
