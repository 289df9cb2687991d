// One backend in Node (H2Q_BACKEND), one thread: does the work of lib/backend-work.mjs, prints the round as JSON.
import { readFileSync } from 'node:fs';
import * as h2q from '../../dist/node/index.js';
import { doWork } from '../lib/backend-work.mjs';

const embeddings = readFileSync(new URL('../../test/fixtures/fashion32-train.npy', import.meta.url));
console.log(JSON.stringify(await doWork(h2q, embeddings, process.argv[2] === 'quick')));
