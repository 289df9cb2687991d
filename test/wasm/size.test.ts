/** What a page downloads, and that it stays small. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';
import { skipWithoutWasm, type WasmModule } from '../wasm.js';

skipWithoutWasm();

/**
 * Bytes of the module and its glue together, gzipped: little above what there is. They may fall, to 150 and 40 KiB in
 * the end (docs/browser.md says what the bytes are spent on), and never rise.
 */
const LIMITS: readonly [WasmModule, number][] = [
  ['whole', 161.5 * 1024],
  ['search', 55.5 * 1024],
];

it.each(LIMITS)('the module %s with its glue takes at most %i bytes, gzipped', (name, limit) => {
  const sizes = ['h2q_bg.wasm', 'h2q.js'].map((file) => {
    const bytes = readFileSync(join(root, 'wasm', name, file));
    return gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }).length;
  });
  const total = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`${name}: ${sizes[0]} bytes of WASM, ${sizes[1]} of glue, gzipped`);
  expect(total).toBeLessThanOrEqual(limit);
});
