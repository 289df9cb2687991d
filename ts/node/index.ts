/** The package's entry in Node: the facade with the native addon and the file system. */

import { setImmediate } from 'node:timers/promises';
import { setPlatform } from '../platform.js';
import { checkWritable, createFile, openSource } from './files.js';
import { mapVectors, nativeBackend } from './native.js';

setPlatform({
  backend: nativeBackend,
  nextTurn: () => setImmediate(),
  openSource,
  mapVectors,
  checkWritable,
  createFile,
});

export * from '../index.js';
