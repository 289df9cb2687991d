import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { say } from './programs.mjs';
import { hashInputs, isCurrent, stamped } from './stamps.mjs';
import { MissingError } from './ways.mjs';

const platform = `${process.platform}-${process.arch}`;

/**
 * Something that set-up makes. `inputs` may name files that need not exist. A part with `isPossible` is
 * left out where `make` throws a MissingError; `isPossible` looks for what is needed without installing
 * anything.
 *
 * @typedef {object} Part
 * @property {string} name
 * @property {string} says
 * @property {string[]} inputs
 * @property {string[]} outputs
 * @property {() => void} make
 * @property {() => boolean} [isPossible]
 */

/**
 * Where the paths of parts start, where their stamps live, and whether leaving a part out is a failure.
 *
 * @typedef {{ base: string, state: string, required: boolean }} Place
 */

/**
 * @param {Part[]} parts
 * @param {Place} place
 */
export function makeParts(parts, place) {
  for (const part of parts) {
    // Asked for each in turn: each part may change the next one's inputs.
    if (isSettled(part, place)) continue;
    say(part.says);
    const started = performance.now();
    try {
      stamped(fileOf(part, place, 'stamp'), hashOf(part, place), part.make);
      forget(part, place);
      say(`${part.name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    } catch (error) {
      if (!part.isPossible || !(error instanceof MissingError) || place.required) throw error;
      leaveOut(part, place, error.message);
    }
  }
}

/**
 * True when there is nothing to do: made, or left out before and still not possible. Trying to install
 * what is missing may take minutes each time.
 *
 * @param {Part} part
 * @param {Place} place
 */
export function isSettled(part, place) {
  const outputs = part.outputs.map((path) => join(place.base, path));
  if (isCurrent(fileOf(part, place, 'stamp'), hashOf(part, place), outputs)) return true;
  return !place.required && leftOutBecause(part, place) !== null && !part.isPossible?.();
}

/**
 * @param {Part} part
 * @param {Place} place
 * @returns {string | null} null when the part was not left out
 */
export function leftOutBecause(part, place) {
  const note = fileOf(part, place, 'missing');
  return existsSync(note) ? readFileSync(note, 'utf8') : null;
}

/**
 * Forgets that the part was left out, so that it is tried again.
 *
 * @param {Part} part
 * @param {Place} place
 */
export function forget(part, place) {
  rmSync(fileOf(part, place, 'missing'), { force: true });
}

/**
 * @param {Part} part
 * @param {Place} place
 * @param {string} reason
 */
function leaveOut(part, place, reason) {
  say(`${reason}\nGoing on without ${part.name}. To try again: npm run setup -- --retry`);
  // What an earlier state of the sources gave would pass for this one's.
  for (const path of part.outputs) rmSync(join(place.base, path), { force: true });
  mkdirSync(place.state, { recursive: true });
  writeFileSync(fileOf(part, place, 'missing'), reason);
}

/**
 * @param {Part} part
 * @param {Place} place
 */
function hashOf(part, { base }) {
  return hashInputs(base, part.inputs, platform);
}

/**
 * @param {Part} part
 * @param {Place} place
 * @param {'stamp' | 'missing'} kind `missing` holds the reason while a part is left out
 */
function fileOf(part, { state }, kind) {
  return join(state, `${part.name}.${kind}`);
}
