// `npm run setup`: brings a checkout up to date: npm packages, native addon, WASM packages, compiled TypeScript.
// What has not changed since the last run is left alone. All it says goes to stderr, and it says nothing when
// there was nothing to do. With `-- --retry` it tries again to get what could not be had before.
import { setUpOrExit } from './lib/setup.mjs';

await setUpOrExit(1, { retry: process.argv.includes('--retry') });
