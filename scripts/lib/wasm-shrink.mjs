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
if (existsSync(glue)) writeFileSync(glue, minified(glue, withoutSpares(readFileSync(glue, 'utf8'))));

/**
 * Every class of the glue brings along what `using` calls, which nothing here does, and what stands in for a
 * `FinalizationRegistry`, which every browser with SIMD has.
 *
 * @param {string} code
 */
function withoutSpares(code) {
  const spares = [
    /^if \(Symbol\.dispose\) .*\n/gm,
    /\(typeof FinalizationRegistry === 'undefined'\)\s*\? \{.*\}\s*: (?=new FinalizationRegistry)/g,
  ];
  return spares.reduce((rest, spare) => {
    const less = rest.replaceAll(spare, '');
    if (less === rest) throw new Error(`the glue has nothing like ${spare}`);
    return less;
  }, code);
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
  // The linker puts nothing into the first KiB, so that addresses can be folded into loads.
  const assumed = ['--low-memory-unused'];
  run(process.execPath, [
    toolPath('binaryen', 'wasm-opt'),
    file,
    '-Os',
    ...assumed,
    ...enabled,
    '-o',
    smaller,
  ]);
  renameSync(smaller, file);
}
