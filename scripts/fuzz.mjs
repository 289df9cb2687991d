// `npm run fuzz -- [--minutes N] [target …]`: every target in turn, from the inputs that are kept and those found
// before. What is found new stays in fuzz/corpus, an input that fails in fuzz/artifacts. With --minimise it keeps
// in fuzz/seeds what is small of the found, with --seeds it writes the others there anew.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  buildTargets,
  fuzzFolder,
  fuzzObstacle,
  makeSeeds,
  runTarget,
  seedsOf,
  targets,
  told,
} from './lib/fuzz.mjs';
import { SetupError } from './lib/programs.mjs';

/** Bytes of inputs that are kept for one target, those that a script made aside. */
const KEPT_BYTES = 8 << 10;
/** And their number. */
const KEPT_FILES = 40;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    minimise: { type: 'boolean', default: false },
    seeds: { type: 'boolean', default: false },
  },
});
try {
  process.exitCode = await main(Number(values.minutes), positionals.length > 0 ? positionals : targets());
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

/**
 * @param {number} minutes of all targets together
 * @param {string[]} chosen
 */
async function main(minutes, chosen) {
  const unknown = chosen.find((name) => !targets().includes(name));
  const obstacle =
    unknown !== undefined
      ? `${unknown} is not a target; there are ${targets().join(', ')}`
      : minutes > 0
        ? fuzzObstacle()
        : '--minutes takes a positive number';
  if (obstacle !== null) {
    console.error(obstacle);
    return 1;
  }
  if (values.seeds) {
    makeSeeds();
    return 0;
  }
  buildTargets();
  let failed = 0;
  for (const target of chosen) {
    const corpus = corpusOf(target);
    if (values.minimise) {
      await minimise(target, corpus);
      continue;
    }
    const seconds = Math.max(1, Math.round((minutes * 60) / chosen.length));
    const outcome = await runTarget(target, [corpus, seedsOf(target)], [`-max_total_time=${seconds}`]);
    if (!outcome.ok) {
      failed += 1;
      console.error(outcome.output);
    }
    console.log(told(target, outcome));
  }
  return failed > 0 ? 1 : 0;
}

/** @param {string} target */
function corpusOf(target) {
  const folder = join(fuzzFolder, 'corpus', target);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Keeps in the repository, of what reaches something that no other input does, what is small.
 *
 * @param {string} target
 * @param {string} corpus
 */
async function minimise(target, corpus) {
  const scratch = mkdtempSync(join(tmpdir(), 'h2q-merge-'));
  const seeds = seedsOf(target);
  const { ok, output } = await runTarget(target, [scratch, seeds, corpus], ['-merge=1']);
  if (!ok) throw new Error(output);
  for (const name of readdirSync(seeds).filter((file) => !isMade(file))) rmSync(join(seeds, name));
  const size = (/** @type {string} */ name) => statSync(join(scratch, name)).size;
  let [kept, bytes] = [0, 0];
  const merged = readdirSync(scratch);
  const small = merged.filter((name) => size(name) <= KEPT_BYTES / 8);
  small.sort((a, b) => size(a) - size(b) || (a < b ? -1 : 1));
  // Of all sizes.
  const step = Math.ceil(small.length / KEPT_FILES);
  for (const name of small.filter((_, i) => i % step === 0)) {
    bytes += size(name);
    if (bytes > KEPT_BYTES) break;
    copyFileSync(join(scratch, name), join(seeds, name.slice(0, 16)));
    kept += 1;
  }
  rmSync(scratch, { recursive: true });
  console.log(`${target}: ${kept} of ${merged.length} inputs kept`);
}

/**
 * By fuzz/examples/seeds.rs.
 *
 * @param {string} name
 */
function isMade(name) {
  return name.startsWith('made-');
}
