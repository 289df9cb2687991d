import { delimiter, join } from 'node:path';
import { outputOf, programsNamed, run, SetupError } from './programs.mjs';
import { root } from './root.mjs';
import { isAtLeast, versionIn } from './versions.mjs';
import { firstWay } from './ways.mjs';

/** For tools that are installed elsewhere in another version, which is left as it is. */
const elsewhere = join(root, '.cache/cargo-tools');

/**
 * A program that `cargo install` makes. With `exact` no other version will do, else newer ones do too.
 *
 * @typedef {{ crate: string, program: string, version: string, exact: boolean }} CargoTool
 */

/**
 * @param {CargoTool} tool
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | null}
 */
export function findTool(tool, env, own = elsewhere) {
  return (
    candidates(tool, env, own).find((file) => suits(tool, versionIn(outputOf(file, ['--version'], env)))) ??
    null
  );
}

/**
 * @param {CargoTool} tool
 * @param {NodeJS.ProcessEnv} env
 */
export function ensureTool(tool, env, own = elsewhere) {
  if (findTool(tool, env, own) !== null) return;
  const what = `${tool.program} ${tool.version}`;
  const install = ['install', tool.crate, '--locked', '--version', tool.version];
  const take = () => {
    const folder = candidates(tool, env, own).length > 0 ? ['--root', own] : [];
    run('cargo', [...install, ...folder], { env });
    if (findTool(tool, env, own) === null) throw new SetupError('it is installed now, but not on the PATH');
  };
  const wanted = tool.exact ? 'exactly this version' : 'this version or a newer one';
  const name = `cargo ${install.join(' ')} (minutes)`;
  firstWay(what, [{ name, take }], `Install it so that it is on the PATH: ${wanted}.`);
}

/**
 * @param {CargoTool} tool
 * @param {string | null} version
 */
export function suits(tool, version) {
  if (version === null) return false;
  return tool.exact ? version === tool.version : isAtLeast(version, tool.version);
}

/**
 * @param {CargoTool} tool
 * @param {NodeJS.ProcessEnv} env
 * @param {string} own
 */
function candidates({ program }, env, own) {
  return programsNamed([program], { PATH: [join(own, 'bin'), env['PATH']].join(delimiter) });
}
