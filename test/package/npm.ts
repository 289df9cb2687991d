/** npm and what it installs, run as on a machine without Rust. */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Outcome, outcomeOf } from '../outcome.js';

const ON_WINDOWS = process.platform === 'win32';

/** What npm says when it cannot reach its registry. */
const UNREACHABLE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR|ENOTCACHED)\b/;

/** Runs a program in a folder and returns how it ended. */
export function run(
  folder: string,
  env: NodeJS.ProcessEnv,
  program: string,
  ...args: string[]
): Promise<Outcome> {
  // On Windows npm and npx are batch files, which need a shell.
  const shell = ON_WINDOWS && program.startsWith('np');
  const child = spawn(program, args, {
    cwd: folder,
    env,
    shell,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return outcomeOf(child);
}

/** The standard output of a program that must succeed. */
export async function outputOf(...of: Parameters<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await run(...of);
  if (code !== 0) throw new Error(`${of.slice(2).join(' ')} ended with ${code}:\n${stderr}${stdout}`);
  return stdout;
}

/**
 * This process's environment with a PATH that has Node, npm and a shell but no Rust. The links behind it
 * go into `folder`. Windows has no such links: there, folders with Rust are left out.
 */
export function withoutRust(folder: string): NodeJS.ProcessEnv {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const hasRust = (path: string) =>
    ['cargo', 'rustc'].some((tool) => existsSync(join(path, tool)) || existsSync(join(path, `${tool}.exe`)));
  if (ON_WINDOWS) return { ...process.env, PATH: folders.filter((path) => !hasRust(path)).join(delimiter) };

  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, 'node'));
  for (const tool of ['npm', 'npx', 'sh']) {
    const home = folders.find((path) => existsSync(join(path, tool)));
    if (home === undefined) throw new Error(`${tool} is not on the PATH`);
    symlinkSync(join(home, tool), join(folder, tool));
  }
  return { ...process.env, PATH: folder };
}

/** The line in which npm says that its registry cannot be reached; undefined when it failed otherwise. */
export function unreachable({ stderr }: Outcome): string | undefined {
  return stderr.split('\n').find((line) => UNREACHABLE.test(line));
}
