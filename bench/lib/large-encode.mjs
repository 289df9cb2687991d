// A file of vectors that is larger than most memories, encoded by the command line.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fit, npyHeader } from '../../dist/node/index.js';
import { root } from '../../scripts/lib/root.mjs';

/** Rows that are made; the file repeats them. */
const BLOCK_ROWS = 20_000;

/**
 * Tells the peak of the resident memory of a process when it ends, in KiB. What the system counts for `maxRSS` begins with
 * that of the process which started it, so that Linux is asked for this one's own.
 */
const TELL = `
import { readFileSync } from 'node:fs';
const own = () => readFileSync('/proc/self/status', 'utf8').match(/VmHWM: *\\s*(\\d+)/)[1];
const peak = () => process.platform === 'linux' ? own() : process.resourceUsage().maxRSS;
process.on('exit', () => process.stderr.write('peak ' + peak() + ' '));
`;

/**
 * Seconds, and the peak memory of the process.
 *
 * @param {string} place
 * @param {{ rows: number, columns: number, bits: number }} size
 */
export async function encodeLarge(place, { rows, columns, bits }) {
  const data = Float32Array.from({ length: BLOCK_ROWS * columns }, (_, i) => Math.sin(i * i));
  const { model } = await fit({ data, columns }, { bits, epochs: 5 });
  const [modelPath, path, codes] = ['m.h2q', 'x.npy', 'codes.npy'].map((name) => join(place, name));
  await model.save(/** @type {string} */ (modelPath));
  write(/** @type {string} */ (path), data, rows, columns);
  const bytes = statSync(/** @type {string} */ (path)).size;
  const program = join(root, 'dist/cli/main.js');
  const args = ['encode', modelPath, path, '-o', codes, '--json'].map(String);
  const started = performance.now();
  const options = ['--import', `data:text/javascript,${encodeURIComponent(TELL)}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...options, program, ...args], {
    encoding: 'utf8',
  });
  const seconds = (performance.now() - started) / 1000;
  rmSync(/** @type {string} */ (path));
  const peak = stderr.match(/peak (\d+) /)?.[1];
  if (status !== 0 || peak === undefined || JSON.parse(stdout).rows !== rows)
    throw new Error(`encode failed: ${stderr}`);
  return { bytes, seconds, peakBytes: Number(peak) * 1024 };
}

/**
 * @param {string} path
 * @param {Float32Array} block
 * @param {number} rows a multiple of the block's
 * @param {number} columns
 */
function write(path, block, rows, columns) {
  const file = openSync(path, 'w');
  try {
    writeSync(file, npyHeader('f4', [rows, columns]));
    for (let row = 0; row < rows; row += BLOCK_ROWS) writeSync(file, block);
  } finally {
    closeSync(file);
  }
}
