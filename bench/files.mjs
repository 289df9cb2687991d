// Index files beside plain writing, and how long they take to open, to check and to search; a large file encoded.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTable } from '../dist/cli/table.js';
import { HammingIndex, IndexFile, verifyIndex } from '../dist/node/index.js';
import { encodeLarge } from './lib/large-encode.mjs';
import { madeUp } from './lib/made-up-bytes.mjs';
import { forgetCached, PlainFile } from './lib/plain-file.mjs';
import { saveRecord, spread } from './lib/record.mjs';

const BITS = 64;
const BYTES = BITS / 8;
const QUERIES = { data: madeUp(16 * BYTES, 99), bits: BITS };

/** How much of everything: of a whole run, and of a quick one that shows that it works. */
const WHOLE = {
  rounds: 9,
  appends: { batches: 100, rows: 10_000 },
  small: { batches: 10_000, rows: 100 },
  large: { rows: 100_000_000, rounds: 5 },
  encode: { rows: 20_000_000, columns: 128, bits: 64 },
};
const QUICK = {
  rounds: 1,
  appends: { batches: 5, rows: 1000 },
  small: { batches: 30, rows: 10 },
  large: { rows: 300_000, rounds: 1 },
  encode: { rows: 20_000, columns: 128, bits: 64 },
};

export const options = /** @type {const} */ ({ folder: { type: 'string' } });

/** @param {{ quick: boolean, folder?: string | undefined }} request where the files are written, by default the system's */
export async function run({ quick, folder }) {
  const size = quick ? QUICK : WHOLE;
  const place = mkdtempSync(join(folder ?? tmpdir(), 'h2q-bench-'));
  try {
    const appends = [];
    for (let round = 0; round < size.rounds; round++)
      appends.push(await appendBesidePlain(place, size.appends));
    const outcome = {
      appends: { ...size.appends, bits: BITS, ...ratios(appends) },
      small: { ...size.small, ...(await openSmall(place, size.small)) },
      large: { ...size.large, ...(await openLarge(place, size.large)) },
      encode: { ...size.encode, ...(await encodeLarge(place, size.encode)) },
    };
    print(outcome);
    const record = quick ? null : saveRecord('files', outcome);
    if (record) console.log(`\nrecord: ${record}`);
    return outcome;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/**
 * Milliseconds of appending and of writing the same bytes plainly, each batch with one fsync; batch by batch in turn,
 * so that whatever else the disk does meets both.
 *
 * @param {string} place
 * @param {{ batches: number, rows: number }} size
 */
async function appendBesidePlain(place, { batches, rows }) {
  const path = join(place, 'appended.h2q');
  rmSync(path, { force: true });
  const file = await IndexFile.create(path, BITS);
  const plainFile = new PlainFile(join(place, 'plain'));
  const [total, batch] = [{ plain: 0, appended: 0 }, madeUp(rows * BYTES, 1)];
  for (let i = 0; i < batches; i++) {
    batch[0] = i;
    const started = performance.now();
    plainFile.append(batch);
    const middle = performance.now();
    await file.append({ data: batch, bits: BITS });
    total.plain += middle - started;
    total.appended += performance.now() - middle;
  }
  plainFile.close();
  file.close();
  return total;
}

/** @param {{ plain: number, appended: number }[]} rounds */
function ratios(rounds) {
  return {
    plainMilliseconds: spread(rounds.map(({ plain }) => plain)),
    appendMilliseconds: spread(rounds.map(({ appended }) => appended)),
    ratio: spread(rounds.map(({ plain, appended }) => appended / plain)),
  };
}

/**
 * Milliseconds of opening a file of many small appends.
 *
 * @param {string} place
 * @param {{ batches: number, rows: number }} size
 */
async function openSmall(place, { batches, rows }) {
  const path = join(place, 'small.h2q');
  const file = await IndexFile.create(path, BITS, { ids: true });
  for (let i = 0; i < batches; i++) {
    const ids = BigInt64Array.from({ length: rows }, (_, row) => BigInt(i * rows + row));
    await file.append({ data: madeUp(rows * BYTES, i), bits: BITS }, { ids });
  }
  file.close();
  const times = { mapped: /** @type {number[]} */ ([]), read: /** @type {number[]} */ ([]) };
  for (let round = 0; round < 5; round++) {
    times.mapped.push(await milliseconds(() => HammingIndex.open(path, { mapped: true })));
    times.read.push(await milliseconds(() => HammingIndex.open(path)));
  }
  return { openMappedMilliseconds: spread(times.mapped), openReadMilliseconds: spread(times.read) };
}

/**
 * Milliseconds of opening, searching and checking one large file, from the disk (cold) and from memory (warm).
 *
 * @param {string} place
 * @param {{ rows: number, rounds: number }} size
 */
async function openLarge(place, { rows, rounds }) {
  const path = join(place, 'large.h2q');
  const file = await IndexFile.create(path, BITS);
  const most = 10_000_000;
  for (let row = 0; row < rows; row += most) {
    const data = madeUp(Math.min(most, rows - row) * BYTES, row + 1);
    await file.append({ data, bits: BITS });
  }
  file.close();
  /** @type {Record<string, number[]>} */
  const times = {};
  const time = async (/** @type {string} */ name, /** @type {() => Promise<unknown>} */ work) => {
    times[name] = [...(times[name] ?? []), await milliseconds(work)];
  };
  let isCold = true;
  for (let round = 0; round < rounds; round++) {
    for (const state of ['cold', 'warm']) {
      if (state === 'cold') isCold &&= forgetCached(path);
      if (state === 'cold' && !isCold) continue;
      const open = () => HammingIndex.open(path, { mapped: true });
      /** @type {HammingIndex | undefined} */
      let index;
      await time(`${state}Open`, async () => {
        index = await open();
      });
      await time(`${state}FirstSearch`, async () => index?.search(QUERIES, 10));
      if (state === 'warm') await time('warmSecondSearch', async () => index?.search(QUERIES, 10));
      if (state === 'cold') forgetCached(path);
      await time(`${state}Verify`, () => verifyIndex(path));
    }
  }
  rmSync(path);
  return {
    milliseconds: Object.fromEntries(Object.entries(times).map(([name, all]) => [name, spread(all)])),
  };
}

/** @param {() => Promise<unknown>} work */
async function milliseconds(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** @param {Awaited<ReturnType<typeof run>>} outcome */
function print({ appends, small, large, encode }) {
  const told = (/** @type {import('./lib/record.mjs').Spread} */ { median, lowest, highest }, digits = 1) => [
    median.toFixed(digits),
    `${lowest.toFixed(digits)}–${highest.toFixed(digits)}`,
  ];
  const of = (/** @type {{ batches: number, rows: number }} */ { batches, rows }) =>
    `${batches} x ${rows} codes`;
  const rows = [
    [`plain writes, ${of(appends)}`, ...told(appends.plainMilliseconds)],
    [`appends, ${of(appends)}`, ...told(appends.appendMilliseconds)],
    ['x plain', ...told(appends.ratio, 2)],
    [`open mapped, ${of(small)}`, ...told(small.openMappedMilliseconds)],
    [`open read, ${of(small)}`, ...told(small.openReadMilliseconds)],
    ...Object.entries(large.milliseconds).map(([name, times]) => [
      `${name}, ${large.rows} codes`,
      ...told(times),
    ]),
    [`encode ${(encode.bytes / 1e9).toFixed(2)} GB`, (encode.seconds * 1000).toFixed(0), ''],
    ['its peak memory, MiB', (encode.peakBytes / 2 ** 20).toFixed(0), ''],
  ];
  console.log(formatTable(['', 'ms, median', 'lowest–highest'], rows));
}
