/** What a page downloads, and that it stays small. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { expect, it } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';
import { skipWithoutWasm, type WasmModule, wasmBytes } from '../wasm.js';

skipWithoutWasm();

function gzipped(bytes: string | Uint8Array): number {
  return gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }).length;
}

/** All that a page loads of an entry at once: its JavaScript, as Vite bundles it, and its module. */
async function downloaded(entry: string): Promise<{ script: number; module: number; modules: number }> {
  const { output } = (await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      target: 'es2022',
      write: false,
      assetsInlineLimit: 0,
      modulePreload: false,
      rollupOptions: { input: join(root, 'dist/browser', entry), preserveEntrySignatures: 'strict' },
    },
  })) as Rolldown.RolldownOutput;
  const chunks = new Map(output.flatMap((part) => (part.type === 'chunk' ? [[part.fileName, part]] : [])));
  const wanted = new Set<string>();
  const want = (name: string) => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const other of chunks.get(name)?.imports ?? []) want(other);
  };
  for (const [name, { isEntry }] of chunks) if (isEntry) want(name);
  const assets = output.flatMap((part) => (part.type === 'asset' ? [gzipped(part.source)] : []));
  return {
    script: [...wanted].reduce((sum, name) => sum + gzipped(chunks.get(name)?.code ?? ''), 0),
    module: assets.reduce((sum, size) => sum + size, 0),
    modules: assets.length,
  };
}

/**
 * Bytes of the WASM modules, gzipped, with the glue of those that have any: little above what there is. They
 * may fall, and never rise.
 */
const LIMITS: readonly [WasmModule, number][] = [
  ['whole', 150_000],
  // What there was once its fits came in parts and had a random rotation for a rival, and 1 %.
  ['neighbours', 112_000],
  ['search', 12.5 * 1024],
];

const GLUE: Partial<Record<WasmModule, string>> = { whole: 'h2q.js', neighbours: 'factory.js' };

it.each(LIMITS)('the module %s with its glue takes at most %i bytes, gzipped', (name, limit) => {
  const module = gzipped(wasmBytes(name));
  const glue = GLUE[name] ? gzipped(readFileSync(join(root, 'wasm', name, GLUE[name]))) : 0;
  console.log(`${name}: ${module} bytes of WASM, ${glue} of glue, gzipped`);
  expect(module + glue).toBeLessThanOrEqual(limit);
});

it('the entry h2q/search with all of its JavaScript takes at most 30,000 bytes, gzipped', async () => {
  const { script, module, modules } = await downloaded('search.js');
  console.log(`h2q/search: ${module} bytes of WASM, ${script} of JavaScript, gzipped`);
  expect(modules).toBe(1);
  expect(script + module).toBeLessThanOrEqual(30_000);
});
