// What surrounds a measurement: the machine, the versions, the spread, the file it is kept in.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { info } from '../../dist/node/index.js';
import { root } from '../../scripts/lib/root.mjs';

/** @typedef {{ median: number, lowest: number, highest: number, samples: number }} Spread */

/**
 * @param {number[]} samples at least one
 * @returns {Spread}
 */
export function spread(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) =>
    /** @type {number} */ (sorted[Math.floor(share * (sorted.length - 1))]);
  return { median: at(0.5), lowest: at(0), highest: at(1), samples: sorted.length };
}

/** The circumstances of a run. */
export function circumstances() {
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString(),
    commit:
      git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--', 'crates', 'ts') ? ' with changes' : ''),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${process.platform} ${release()}`,
    node: process.version,
    h2q: info(),
  };
}

/**
 * Keeps a result as bench/records/NAME-DATE.json and returns its path.
 *
 * @param {string} name
 * @param {object} result
 */
export function saveRecord(name, result) {
  const record = { bench: name, ...circumstances(), ...result };
  const folder = join(root, 'bench', 'records');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${record.date.slice(0, 10)}.json`);
  writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`);
  return path;
}
