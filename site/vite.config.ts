import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const folder = fileURLToPath(new URL('.', import.meta.url));
const output = join(folder, 'dist');

/** Fits by the loss `neighbours`, which nothing on the page asks for: the file is there for who does, and not kept. */
const unused = join(folder, '../wasm/neighbours/h2q_bg.wasm');

/** Tells the service worker which files it keeps, once all of them are written. */
const listFiles: Plugin = {
  name: 'list-files',
  apply: 'build',
  closeBundle() {
    const script = join(output, 'service-worker.js');
    const isUnused = (file: string) =>
      file.endsWith('.wasm') && readFileSync(join(output, file)).equals(readFileSync(unused));
    const files = readdirSync(output, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(output.length + 1)
          .split(sep)
          .join('/'),
      )
      .filter((file) => file !== 'service-worker.js' && !isUnused(file))
      .sort();
    const hash = createHash('sha256');
    for (const file of files) hash.update(file).update(readFileSync(join(output, file)));
    const version = hash.digest('hex').slice(0, 16);
    const text = readFileSync(script, 'utf8').replace(
      '__FILES__',
      JSON.stringify({ version, files }).replaceAll('"', '\\"'),
    );
    writeFileSync(script, text);
  },
};

export default defineConfig({
  root: folder,
  // What is not there is a 404 and not, as in an app of one page, this page.
  appType: 'mpa',
  // The page may lie below any path.
  base: './',
  plugins: [listFiles],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    outDir: output,
    emptyOutDir: true,
    // An inlined file would be a data: URL, which the page's policy forbids.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { page: join(folder, 'index.html'), 'service-worker': join(folder, 'src/service-worker.ts') },
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
});
