import { HammingIndex } from '../../dist/node/index.js';

/**
 * Whether the facade's search knows its option `method`: only then does it count its work. A facade
 * without it takes no notice of the option and searches linearly.
 */
export function supportsMethods() {
  const index = HammingIndex.buildSync({ data: new Uint8Array(64), bits: 64 });
  const options = { threads: 1, method: /** @type {const} */ ('mih'), counters: true };
  const result = index.searchSync({ data: new Uint8Array(8), bits: 64 }, 1, options);
  return /** @type {{ work?: object }} */ (result).work !== undefined;
}
