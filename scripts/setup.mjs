// `npm run setup`: brings a checkout up to date: npm packages, native addon, compiled TypeScript. What has
// not changed since the last run is left alone. All it says goes to stderr, and it says nothing when there
// was nothing to do.
import { setUpOrExit } from './lib/setup.mjs';

await setUpOrExit(1);
