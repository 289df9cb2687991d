// Who takes part in the hamming bench, and in what.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cargoEnvironment } from '../../scripts/lib/programs.mjs';
import { root } from '../../scripts/lib/root.mjs';
import { hasPython, peerCommand } from './python.mjs';
import { supportsMethods } from './search-methods.mjs';

/** @typedef {{ data: 'uniform' | 'clustered', bits: number, rows: number }} Case */
/** @typedef {{ mode: 'single' | 'batch', queries: number }} Asked */
/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {[string, ...string[]]} command what starts its process, see lib/peer.mjs
 * @property {string} variant
 * @property {boolean} exact
 * @property {(searched: Case) => boolean} takes
 * @property {(asked: Asked, threads: number) => boolean} threaded whether it makes use of so many threads
 * @property {number} most queries x rows of one round: slower peers leave the larger sizes out
 */

const ANY = () => true;
const ONE_THREAD = (/** @type {Asked} */ _, /** @type {number} */ threads) => threads === 1;
const BATCHES = (/** @type {Asked} */ { mode }, /** @type {number} */ threads) =>
  mode === 'batch' || threads === 1;
/** Multi-index search pays only where the codes are short. */
const WORDS = (/** @type {Case} */ { bits }) => bits === 64;
const CLUSTERED_WORDS = (/** @type {Case} */ { bits, data }) => bits === 64 && data === 'clustered';
/** What takes its time to build. */
const SMALL = (/** @type {Case} */ searched) => CLUSTERED_WORDS(searched) && searched.rows <= 100_000;

/** @returns {{ contenders: Contender[], missing: string[] }} */
export function listContenders() {
  const missing = /** @type {string[]} */ ([]);
  /** @type {Omit<Contender, 'name' | 'command'>} */
  const defaults = { variant: '', exact: true, takes: ANY, threaded: ANY, most: Number.POSITIVE_INFINITY };
  const h2q = { ...defaults, command: nodePeer('h2q') };
  /** @type {Contender[]} */
  const contenders = [{ ...h2q, name: 'h2q linear', variant: 'linear' }];
  if (supportsMethods()) contenders.push({ ...h2q, name: 'h2q mih', variant: 'mih', takes: WORDS });
  else missing.push("h2q mih: this version's search has no option `method`");
  if (hasPython('faiss', 'numpy')) {
    const faiss = { ...defaults, command: peerCommand('faiss_binary'), threaded: BATCHES, most: 1e9 };
    contenders.push(
      { ...faiss, name: 'faiss flat' },
      { ...faiss, name: 'faiss multi-hash', variant: 'multi-hash', exact: false, takes: CLUSTERED_WORDS },
    );
  } else missing.push('faiss: no Python with faiss and numpy');
  if (hasPython('usearch.index', 'numpy')) {
    const usearch = { ...defaults, command: peerCommand('usearch_binary') };
    contenders.push(
      { ...usearch, name: 'usearch exact', most: 64e6 },
      { ...usearch, name: 'usearch HNSW', variant: 'hnsw', exact: false, takes: SMALL, threaded: BATCHES },
    );
  } else missing.push('usearch: no Python with usearch and numpy');
  if (hasPeerPackage('hnswlib-node')) {
    const hnswlib = { ...defaults, command: nodePeer('hnswlib'), exact: false };
    contenders.push({ ...hnswlib, name: 'hnswlib-node', takes: SMALL, threaded: ONE_THREAD });
  } else missing.push('hnswlib-node: not in bench/peers (npm install --prefix bench/peers)');
  const mih = buildMih();
  if (mih) {
    const command = /** @type {[string]} */ ([mih]);
    contenders.push({ ...defaults, name: 'mih-rs', command, takes: WORDS, threaded: BATCHES });
  } else missing.push('mih-rs: cargo could not build bench/peers/mih');
  return { contenders, missing };
}

/**
 * What starts bench/peers/NAME.mjs.
 *
 * @param {string} name
 * @returns {[string, ...string[]]}
 */
export function nodePeer(name) {
  const script = fileURLToPath(new URL(`../peers/${name}.mjs`, import.meta.url));
  return [process.execPath, '--expose-gc', script];
}

/**
 * Whether bench/peers has the package, in working order.
 *
 * @param {string} name
 */
function hasPeerPackage(name) {
  const cwd = join(root, 'bench', 'peers');
  return spawnSync(process.execPath, ['-e', `require('${name}')`], { cwd, stdio: 'ignore' }).status === 0;
}

/** Builds mih-rs for this very CPU, as h2q chooses its kernel by it, and returns the program. */
function buildMih() {
  const target = join(root, '.cache', 'bench', 'mih');
  const manifest = join(root, 'bench', 'peers', 'mih', 'Cargo.toml');
  const args = ['build', '--release', '--locked', '--quiet', '--manifest-path', manifest];
  const env = { ...cargoEnvironment(), RUSTFLAGS: '-C target-cpu=native' };
  const { status } = spawnSync('cargo', [...args, '--target-dir', target], { env, stdio: ['ignore', 2, 2] });
  const program = join(target, 'release', process.platform === 'win32' ? 'h2q-peer-mih.exe' : 'h2q-peer-mih');
  return status === 0 ? program : null;
}
