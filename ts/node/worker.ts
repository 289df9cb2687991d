/** The script of a worker in Node: the facade on the backend of this package, for the thread that made the worker. */

import { parentPort } from 'node:worker_threads';
import './index.js';
import { H2qError } from '../errors.js';
import { serve } from '../worker/server.js';

if (!parentPort)
  throw new H2qError('INVALID_ARGUMENT', 'h2q/worker is the script of a worker; make one of it');
serve(parentPort);
