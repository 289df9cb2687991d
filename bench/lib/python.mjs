// Peers and data sets in Python, where they are installed. H2Q_PYTHON names the interpreter, else python3.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const python = process.env['H2Q_PYTHON'] ?? 'python3';

/**
 * Whether the interpreter has all of the modules.
 *
 * @param {string[]} modules
 */
export function hasPython(...modules) {
  const imports = modules.map((module) => `import ${module}`).join('; ');
  return spawnSync(python, ['-c', imports], { stdio: 'ignore' }).status === 0;
}

/**
 * What starts bench/peers/NAME.py and its first arguments.
 *
 * @param {string} name
 * @returns {[string, string]}
 */
export function peerCommand(name) {
  return [python, fileURLToPath(new URL(`../peers/${name}.py`, import.meta.url))];
}

/**
 * Runs bench/peers/NAME.py and returns the JSON it prints.
 *
 * @param {string} name
 * @param {string[]} args
 */
export function runPeer(name, ...args) {
  const [command, script] = peerCommand(name);
  const env = { ...process.env, OMP_NUM_THREADS: '1' };
  const { status, stdout, stderr } = spawnSync(command, [script, ...args], { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${name}.py: ${stderr}`);
  return JSON.parse(stdout);
}

/**
 * Runs bench/data/NAME.py, what it prints going to standard error, and says whether it came to its end.
 *
 * @param {string} name
 */
export function makeData(name) {
  const script = fileURLToPath(new URL(`../data/${name}.py`, import.meta.url));
  return spawnSync(python, [script], { stdio: ['ignore', 2, 2] }).status === 0;
}
