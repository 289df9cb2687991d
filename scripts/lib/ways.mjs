import { programsNamed, run, SetupError, say } from './programs.mjs';

/** A part that cannot be made because something it needs is missing here and cannot be had. */
export class MissingError extends SetupError {}

/**
 * One way to get something. `obstacle` says why it is not open here.
 *
 * @template T
 * @typedef {{ name: string, obstacle?: string | null, take: () => T }} Way
 */

/**
 * Takes the ways in their order until one succeeds.
 *
 * @template T
 * @param {string} what all of them lead to
 * @param {Way<T>[]} ways
 * @param {string} help what the person at the keyboard can do when none does
 * @returns {T}
 */
export function firstWay(what, ways, help) {
  const failures = [];
  for (const { name, obstacle, take } of ways) {
    if (obstacle) {
      failures.push(`${name}: ${obstacle}`);
      continue;
    }
    say(`${what}: ${name}`);
    try {
      return take();
    } catch (error) {
      // Anything else is a mistake of these scripts.
      if (!(error instanceof SetupError)) throw error;
      say(`that failed: ${error.message}`);
      failures.push(`${name}: ${error.message}`);
    }
  }
  throw new MissingError([`${what} is missing.`, ...failures.map((line) => `  ${line}`), help].join('\n'));
}

/** Why apt-get cannot install anything here, null when it can. */
export function aptObstacle() {
  if (process.platform !== 'linux' || programsNamed(['apt-get'], process.env).length === 0)
    return 'this is not a Debian or Ubuntu';
  return process.getuid?.() === 0 ? null : 'needs root';
}

/** @param {string[]} packages */
export function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  // What somebody installed on purpose is not ours to remove in case of a conflict.
  const flags = ['-y', '-qq', '--no-install-recommends', '--no-remove'];
  run('apt-get', ['install', ...flags, ...packages], { env });
}
