import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './programs.mjs';
import { root } from './root.mjs';

/**
 * @param {string} lock the text of Cargo.lock
 * @param {string} crate
 */
export function lockedVersion(lock, crate) {
  const versions = lock
    .split('[[package]]')
    .filter((entry) => fieldOf(entry, 'name') === crate)
    .map((entry) => fieldOf(entry, 'version'));
  // Of two versions nobody could tell which one is meant.
  if (versions.length !== 1 || !versions[0])
    throw new SetupError(`Cargo.lock has ${versions.length} versions of ${crate}, not one`);
  return versions[0];
}

/** What the workspace asks of a compiler. */
export function oldestRust() {
  return fieldOf(readFileSync(join(root, 'Cargo.toml'), 'utf8'), 'rust-version') ?? '0';
}

/**
 * The first version in what a program prints, null when there is none.
 *
 * @param {string | null} text
 */
export function versionIn(text) {
  return text?.match(/\d+\.\d+\.\d+/)?.[0] ?? null;
}

/**
 * @param {string} version
 * @param {string} oldest
 */
export function isAtLeast(version, oldest) {
  const [have, want] = [version, oldest].map((text) => text.split('.').map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (have?.[part] ?? 0) - (want?.[part] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/**
 * @param {string} toml
 * @param {string} field
 */
function fieldOf(toml, field) {
  return toml.match(new RegExp(`^${field} = "(.*)"$`, 'm'))?.[1];
}
