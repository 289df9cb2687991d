import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Folders with nothing of our own in them. */
const foreign = ['.cache', '.git', 'dist', 'native', 'node_modules', 'target'];

/**
 * Every file that looks like a test, wherever it lies: what vitest's own pattern misses is found too.
 *
 * @param {string} folder
 * @param {string} prefix of the returned paths, which have forward slashes
 * @returns {string[]}
 */
export function testFilesBelow(folder, prefix = '') {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = prefix + entry.name;
    if (entry.isDirectory()) {
      return foreign.includes(entry.name) ? [] : testFilesBelow(join(folder, entry.name), `${path}/`);
    }
    return /\.(test|spec)\.[cm]?[jt]sx?$/.test(entry.name) ? [path] : [];
  });
}
