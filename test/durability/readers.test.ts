/** Whoever reads an index file while another process changes it sees one of its states, and no damage. */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { HammingIndex, IndexFile, verifyIndex } from '../../dist/node/index.js';
import { BITS } from './changes.mjs';

const APPENDER = fileURLToPath(new URL('appender.mjs', import.meta.url));

it('may be opened, mapped and verified while another process appends', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'h2q-readers-'));
  const path = join(folder, 'codes.h2q');
  const file = await IndexFile.create(path, BITS);
  await file.append({ data: new Uint8Array(8 * 200_000), bits: BITS });
  file.close();
  const child = spawn(process.execPath, [APPENDER, path]);
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    let rows = 200_000;
    const started = performance.now();
    for (let round = 0; performance.now() - started < 3000; round++) {
      const { problems } = await verifyIndex(path);
      expect(problems, `round ${round}`).toEqual([]);
      for (const mapped of [true, false]) {
        const index = await HammingIndex.open(path, { mapped });
        expect(index.rows).toBeGreaterThanOrEqual(rows);
        rows = index.rows;
      }
    }
    expect(rows).toBeGreaterThan(200_100);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});
