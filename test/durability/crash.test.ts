/** Killed at any moment, a process leaves an index file that holds what it acknowledged. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HammingIndex, IndexFile, verifyIndex } from '../../dist/node/index.js';
import { BITS, changeAt, codeOf, contentsOf, idsAfter } from './changes.mjs';

/** `H2Q_CRASH_ROUNDS=200 npx vitest run test/durability` takes some minutes. */
const ROUNDS = Number(process.env['H2Q_CRASH_ROUNDS'] ?? 12);
/** Then a new file begins: the larger one is, the fewer moments there are in a second. */
const ROUNDS_PER_FILE = 10;
const CHANGER = fileURLToPath(new URL('changer.mjs', import.meta.url));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-crash-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Lets a process change the file for a while and kills it; the number of changes that it acknowledged. */
function changeAndKill(path: string, seed: number, first: number, milliseconds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHANGER, path, String(seed), String(first)]);
    let told = '';
    let problem = '';
    child.stderr.on('data', (bytes) => {
      problem += bytes;
    });
    child.stdout.on('data', (bytes) => {
      // From the first change on, so that the start of the process is not part of the time.
      if (told === '') setTimeout(() => child.kill('SIGKILL'), milliseconds);
      told += bytes;
    });
    child.on('close', (_, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the changer ended by itself: ${problem}`));
      else resolve(told.split('\n').length - 1);
    });
  });
}

it(`keeps every acknowledged change through ${ROUNDS} kills`, {
  timeout: 30_000 + ROUNDS * 4000,
}, async () => {
  let path = '';
  let seed = Math.floor(Date.now() / 1000);
  const counts = { acknowledged: 0, completed: 0, cutOff: 0, compactions: 0, tails: 0 };
  let done = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (round % ROUNDS_PER_FILE === 0) {
      path = join(mkdtempSync(join(folder, 'file-')), 'codes.h2q');
      (await IndexFile.create(path, BITS, { ids: true })).close();
      [seed, done] = [seed + 1, 0];
    }
    const acknowledged = await changeAndKill(path, seed, done, Math.random() * 150);
    const context = `seed ${seed}, round ${round}, ${acknowledged} from ${done} on`;
    const { problems, uncommittedBytes } = await verifyIndex(path);
    expect(problems, context).toEqual([]);
    if (uncommittedBytes > 0) counts.tails++;
    for (let i = done; i < done + acknowledged; i++) {
      if (changeAt(seed, i).kind === 'compact') counts.compactions++;
    }
    done += acknowledged;
    counts.acknowledged += acknowledged;
    const contents = await contentsOf(await HammingIndex.open(path, { mapped: true }));
    const held = new Set(contents.keys());
    // The change that was under way is there as a whole or not at all.
    const [before, after] = [idsAfter(seed, done), idsAfter(seed, done + 1)];
    const isBefore = isSame(held, before);
    expect(isBefore || isSame(held, after), context).toBe(true);
    if (isBefore) counts.cutOff++;
    else {
      counts.completed++;
      done++;
    }
    for (const [id, distance] of contents) {
      if (distance !== onesOf(codeOf(id))) throw new Error(`${context}: the code of ${id} is another`);
    }
    // What it left behind is gone when the next one has opened the file.
    (await IndexFile.open(path)).close();
    expect(readdirSync(dirname(path)), context).toEqual(['codes.h2q']);
  }
  console.log(`crashes: ${JSON.stringify({ rounds: ROUNDS, seed, ...counts })}`);
});

function isSame(a: Set<bigint>, b: Set<bigint>): boolean {
  if (a.size !== b.size) return false;
  for (const id of a) if (!b.has(id)) return false;
  return true;
}

function onesOf(bytes: Uint8Array): number {
  return [...bytes].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}
