/** One instance of a WASM module, and what becomes of it when it traps. */

import { H2qError } from '../errors.js';
import type { Handle } from './exports.js';

/**
 * Calls into WASM go through {@link Instance.run}. A panic of the core ends in a trap, and so does memory
 * that could not be had where the core does not ask for it politely. The state of the memory is unknown
 * after that: the error is `INTERNAL`, and so is that of every later call.
 */
export class Instance<E> {
  readonly exports: E;
  readonly #memory: WebAssembly.Memory;
  #trap: unknown;

  constructor(exports: E, memory: WebAssembly.Memory) {
    this.exports = exports;
    this.#memory = memory;
  }

  run<T>(work: (exports: E) => T): T {
    if (this.#trap !== undefined) {
      const problem =
        'the WASM module has stopped at an internal error before; load the page or program anew';
      throw new H2qError('INTERNAL', problem, { cause: this.#trap });
    }
    try {
      return work(this.exports);
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError)) throw cause;
      this.#trap = cause;
      const memory = this.#memory.buffer.byteLength;
      const problem = `internal error: the WASM module stopped (${cause.message}) with ${memory} bytes of memory`;
      throw new H2qError('INTERNAL', problem, { details: { memory }, cause });
    }
  }

  /** Frees memory, unless all of it is lost already. */
  free(...handles: (Handle | null | undefined)[]): void {
    if (this.#trap === undefined) for (const handle of handles) handle?.free();
  }
}
