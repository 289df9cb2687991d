/**
 * What every backend does alike. No file here asks for Node: the same suite runs on the native addon, on
 * WASM in Node and on WASM in a browser.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { describeEvaluation } from './evaluation.js';
import { describeFits } from './fits.js';
import { describeIndexes } from './indexes.js';
import { describeInputs } from './inputs.js';
import { describeModels } from './models.js';
import { describePrimitives } from './primitives.js';

/** The facade, on whatever backend. */
export type Api = typeof import('../../ts/index.js');

/**
 * Registers the suite for the backend `name`.
 *
 * @param load the facade, ready for use
 */
export function describeConformance(name: 'native' | 'wasm', load: () => Promise<Api>): void {
  describe(`the facade on ${name}`, () => {
    let h2q: Api | undefined;
    beforeAll(async () => {
      h2q = await load();
    });
    const loaded = () => {
      if (!h2q) throw new Error('the facade is not loaded');
      return h2q;
    };

    it('names its backend', () => {
      const info = loaded().info();
      expect(info).toMatchObject({ backend: name, version: expect.any(String), simd: expect.any(String) });
      expect(info.threads).toBeGreaterThan(0);
    });
    describeModels(loaded);
    describeIndexes(loaded);
    describeEvaluation(loaded);
    describeFits(loaded);
    describePrimitives(loaded);
    describeInputs(loaded);
  });
}
