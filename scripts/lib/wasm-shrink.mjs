// `node scripts/lib/wasm-shrink.mjs FOLDER [FACTORY]`: makes the module there smaller, and the glue that wasm-pack left
// beside it. With a name for it the glue becomes a factory instead.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

const [folder = '', factory] = process.argv.slice(2);
optimise(join(folder, 'h2q_bg.wasm'));
const glue = join(folder, 'h2q.js');
if (existsSync(glue)) {
  const code = withoutSpares(readFileSync(glue, 'utf8'));
  if (factory) rmSync(glue);
  writeFileSync(join(folder, factory ?? 'h2q.js'), minified(glue, factory ? asFactory(code) : code));
}

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
 * wasm-bindgen's glue has one instance for as long as the program runs, whose memory never shrinks. A factory makes glue
 * for one instance each, which go together. Who calls it instantiates the module: `imports` are for that, `begin` takes the
 * instance, and then `exports` can be used.
 *
 * @param {string} code
 */
function asFactory(code) {
  const loading = code.indexOf('\nasync function __wbg_load(');
  const exported = /^export (?=(?:class|function) (\w+))/gm;
  const names = [...code.matchAll(exported)].map(([, name]) => name);
  if (loading < 0 || names.length === 0) throw new Error('the glue is of another shape');
  const parts = `imports: __wbg_get_imports(), begin: __wbg_finalize_init, exports: { ${names} }`;
  return `export function create() {${code.slice(0, loading).replaceAll(exported, '')}\nreturn { ${parts} };\n}`;
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
