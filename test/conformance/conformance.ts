/**
 * What every backend does alike. No file here asks for Node: the same suite runs on the native addon, on
 * WASM in Node and on WASM in a browser.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../ts/index.js';
import { describeEvaluation } from './evaluation.js';
import { describeFits } from './fits.js';
import { describeIndexes } from './indexes.js';
import { describeInputs } from './inputs.js';
import { matrix } from './matrices.js';
import { describeModels } from './models.js';
import { describePrimitives } from './primitives.js';

/** The facade, on whatever backend. */
export type Api = typeof import('../../ts/index.js');

/** The facade, ready for use, and what it fitted to `matrix`: fewer bits than dimensions. */
export interface Loaded {
  h2q: Api;
  model: Model;
}

/**
 * Registers the suite for the backend `name`.
 *
 * @param load the facade, ready for use
 */
export function describeConformance(name: 'native' | 'wasm', load: () => Promise<Api>): void {
  describe(`the facade on ${name}`, () => {
    let api: Loaded | undefined;
    beforeAll(async () => {
      const h2q = await load();
      const { model } = await h2q.fit(matrix, { bits: 16, seed: 1 });
      api = { h2q, model };
    });
    const loaded = () => {
      if (!api) throw new Error('the facade is not loaded');
      return api;
    };

    it('names its backend', () => {
      const info = loaded().h2q.info();
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
