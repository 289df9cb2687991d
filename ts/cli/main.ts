#!/usr/bin/env node
/** The process around the program: signals, broken pipes, exit code. Runs on import. */

import { removeTemporaryFiles } from '../node/files.js';
import { settled } from '../node/index.js';
import { EXIT } from './failures.js';
import { run } from './program.js';

/** A terminal and `npm run` both deliver one Ctrl-C, so a second signal counts only after this time. */
const REPEAT_MILLISECONDS = 400;
/** An interrupted process ends by then, whatever its work does. */
const PATIENCE_MILLISECONDS = 800;

const interruption = new AbortController();
let interruptedAt = 0;

function interrupt(): void {
  if (!interruption.signal.aborted) {
    interruptedAt = Date.now();
    setTimeout(() => exit(EXIT.interrupted), PATIENCE_MILLISECONDS).unref();
    interruption.abort();
  } else if (Date.now() - interruptedAt > REPEAT_MILLISECONDS) {
    exit(EXIT.interrupted);
  }
}

function exit(code: number): never {
  removeTemporaryFiles();
  process.exit(code);
}

process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
const { stdout, stderr } = process;
stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader has seen enough, as in `h2q search … | head`.
  if (error.code === 'EPIPE') exit(EXIT.done);
  stderr.write(`h2q: standard output: ${error.message}\n`);
  exit(EXIT.badInput);
});
// There is nowhere left to complain; the exit code still tells.
stderr.on('error', () => {});

const context = {
  ...{ signal: interruption.signal, stdout, stderr },
  // Asked for only where it is read: a process that has touched its standard input waits for the end of it.
  get stdin() {
    return process.stdin;
  },
};
const exitCode = await run(process.argv.slice(2), context);
await settled();
if (interruption.signal.aborted) exit(exitCode);
process.exitCode = exitCode;
