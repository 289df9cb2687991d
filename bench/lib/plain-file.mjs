// Files as the system writes them, to hold index files against.
import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

/** Bytes one after the other, on the disk when `append` returns. */
export class PlainFile {
  #file;

  /** @param {string} path */
  constructor(path) {
    this.#file = openSync(path, 'w');
  }

  /** @param {Uint8Array} bytes */
  append(bytes) {
    writeSync(this.#file, bytes);
    fsyncSync(this.#file);
  }

  close() {
    closeSync(this.#file);
  }
}

/**
 * Has the system forget what it keeps of a file in memory; false where it cannot be asked.
 *
 * @param {string} path
 */
export function forgetCached(path) {
  const options = [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none'];
  return spawnSync('dd', options).status === 0;
}
