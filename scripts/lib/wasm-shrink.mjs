// `node scripts/lib/wasm-shrink.mjs FOLDER`: makes the module there smaller, and the glue that wasm-pack left beside it.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { minifySync } from 'vite';
import { run } from './programs.mjs';
import { toolPath } from './root.mjs';
import { forgetPlaces, withoutPanics } from './wasm-panics.mjs';

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

const folder = /** @type {string} */ (process.argv[2]);
optimise(join(folder, 'h2q_bg.wasm'));
const glue = join(folder, 'h2q.js');
if (existsSync(glue)) writeFileSync(glue, minified(glue, readFileSync(glue, 'utf8')));

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
