import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A hash over the names and contents of files and whole folders below `base`. What does not exist
 * counts as empty, so a file that appears later changes the hash.
 *
 * @param {string} base
 * @param {string[]} inputs paths relative to `base`
 * @param {string} salt anything else the result depends on
 */
export function hashInputs(base, inputs, salt = '') {
  const hash = createHash('sha256').update(salt);
  for (const path of inputs.flatMap((input) => filesBelow(base, input))) {
    const content = readFileSync(join(base, path));
    hash.update(`\0${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/**
 * True when the stamp holds this hash and everything that was made then is still there.
 *
 * @param {string} stamp
 * @param {string} hash
 * @param {string[]} outputs
 */
export function isCurrent(stamp, hash, outputs) {
  return (
    existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outputs.every((path) => existsSync(path))
  );
}

/**
 * Runs `make` between removing and writing the stamp: an interrupted run leaves none.
 *
 * @param {string} stamp
 * @param {string} hash
 * @param {() => void} make
 */
export function stamped(stamp, hash, make) {
  rmSync(stamp, { force: true });
  make();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

/**
 * @param {string} base
 * @param {string} path
 * @returns {string[]} in an order that does not depend on the file system
 */
function filesBelow(base, path) {
  const stats = statSync(join(base, path), { throwIfNoEntry: false });
  if (!stats) return [];
  if (stats.isFile()) return [path];
  return readdirSync(join(base, path))
    .sort()
    .flatMap((name) => filesBelow(base, `${path}/${name}`));
}
