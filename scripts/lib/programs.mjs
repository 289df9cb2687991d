import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { root } from './root.mjs';

/** Something for the person at the keyboard to put right: its message says all. */
export class SetupError extends Error {}

/** @param {string} message */
export function say(message) {
  process.stderr.write(`set-up: ${message}\n`);
}

/**
 * Runs a program whose output is for people: all of it goes to stderr.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, shell?: boolean, cwd?: string }} options
 */
export function run(file, args, options = {}) {
  const { error, status, signal } = spawnSync(file, args, {
    cwd: root,
    ...options,
    stdio: ['ignore', 2, 2],
  });
  if (error) throw new SetupError(`${file} could not be started: ${error.message}`, { cause: error });
  if (status !== 0)
    throw new SetupError(`${[file, ...args].join(' ')} ended with ${signal ?? `exit code ${status}`}`);
}

/**
 * @param {string} file
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | null} what the program prints, null when it fails or cannot be started
 */
export function outputOf(file, args, env) {
  const { stdout, status } = spawnSync(file, args, { cwd: root, env, encoding: 'utf8', windowsHide: true });
  return status === 0 ? stdout.trim() : null;
}

/**
 * @param {string[]} names the more wanted first
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]} every program of these names in the folders of PATH
 */
export function programsNamed(names, env) {
  const ending = process.platform === 'win32' ? '.exe' : '';
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name + ending)))
    .filter((file) => isExecutable(file));
}

/** @param {string} file */
export function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The environment with rustup's folder at the end of PATH: shells started before the installation do not know it yet. */
export function cargoEnvironment() {
  const home = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
  return { ...process.env, PATH: [process.env['PATH'] ?? '', join(home, 'bin')].join(delimiter) };
}
