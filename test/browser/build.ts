/** Bundles pages of test/browser/app as a user's project would be, by Vite. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Plugin } from 'vite';
import { afterAll } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';

const app = join(root, 'test/browser/app');

const made: string[] = [];
// Here, as vitest hears of no hook that another hook registers.
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

/**
 * Builds pages into a folder that goes with the test file. Of Vite's options none is set that has to do with
 * workers or WASM: users should not need to either.
 *
 * @param pages names of files in test/browser/app, without .html
 */
export async function buildPages(...pages: string[]): Promise<string> {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'h2q-browser-')));
  made.push(scratch);
  mkdirSync(join(scratch, 'node_modules'));
  symlinkSync(root, join(scratch, 'node_modules/h2q'), 'junction');
  const outDir = join(scratch, 'built');
  const plugins = () => [published(join(scratch, 'index.js'))];
  await build({
    configFile: false,
    root: app,
    logLevel: 'warn',
    resolve: { alias: [{ find: /^vitest$/, replacement: join(app, 'collector.ts') }] },
    plugins: plugins(),
    worker: { plugins },
    build: {
      target: 'es2022',
      outDir,
      emptyOutDir: false,
      rollupOptions: { input: pages.map((page) => join(app, `${page}.html`)) },
    },
  });
  return outDir;
}

/** Finds `h2q/…` as it is published: by the `exports` of a package that `importer`'s project has installed. */
function published(importer: string): Plugin {
  return {
    name: 'published',
    enforce: 'pre',
    async resolveId(source) {
      return /^h2q(\/|$)/.test(source) ? this.resolve(source, importer, { skipSelf: true }) : null;
    },
  };
}
