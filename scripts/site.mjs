// `npm run site`: set-up, the data of the page, the page as static files in site/dist; then serves them on this
// machine. `npm run site -- --build` only builds, `-- --port 8080` serves there.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { say } from './lib/programs.mjs';
import { root } from './lib/root.mjs';
import { setUpOrExit } from './lib/setup.mjs';
import { ensureSiteData } from './lib/site-data.mjs';

const { values } = parseArgs({ options: { build: { type: 'boolean' }, port: { type: 'string' } } });

await setUpOrExit(1);
await ensureSiteData();
// Only now: set-up may have installed it.
const { build, preview } = await import('vite');
const configFile = join(root, 'site/vite.config.ts');
await build({ configFile, logLevel: 'warn' });
if (values.build) {
  say('the page is in site/dist');
} else {
  const port = values.port === undefined ? {} : { port: Number(values.port), strictPort: true };
  const server = await preview({ configFile, preview: port, logLevel: 'warn' });
  say(`the page is at ${server.resolvedUrls?.local[0]} (Ctrl+C ends it)`);
}
