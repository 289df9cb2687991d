/** The package's entry in Node: the facade with the native addon (else WASM) and the file system. */

import { setImmediate } from 'node:timers/promises';
import { setPlatform } from '../platform.js';
import { chosenBackend, indexFiles, mapVectors } from './backends.js';
import { copySource } from './copies.js';
import { checkWritable, createFile, createNew, openSource } from './files.js';
import { openHdf5 } from './hdf5.js';

setPlatform({
  backend: chosenBackend,
  nextTurn: () => setImmediate(),
  openSource,
  mapVectors,
  indexFiles,
  checkWritable,
  createNew,
  createFile,
  openHdf5,
  copySource,
});

export * from '../index.js';
