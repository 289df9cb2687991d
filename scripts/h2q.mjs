// `npm run --silent h2q -- ARGS`: the command-line program of this checkout, set up first. It runs in
// this process, so signals reach it and its exit code is this one's. For the same reason package.json says
// `exec`: some shells keep a signal that npm passes on to themselves. (Without a POSIX shell, run this file.)
import { setUpOrExit } from './lib/setup.mjs';

await setUpOrExit();
// By URL: the type checker of the scripts must not look for what set-up has yet to make.
await import(new URL('../dist/cli/main.js', import.meta.url).href);
