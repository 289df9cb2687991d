/** The building blocks on a backend. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { Api, Loaded } from './conformance.js';

export function describePrimitives(loaded: () => Loaded): void {
  let h2q: Api;
  beforeAll(() => {
    ({ h2q } = loaded());
  });

  describe('primitives', () => {
    it('one reflection is I - 2vvᵀ/vᵀv, none is the identity', () => {
      const u = h2q.reflectionProduct(Float32Array.from([3, 4]), 2);
      [0.28, -0.96, -0.96, -0.28].forEach((value, i) => {
        expect(u[i]).toBeCloseTo(value, 6);
      });
      expect(h2q.reflectionProduct(new Float32Array(0), 2)).toEqual(Float32Array.from([1, 0, 0, 1]));
      expect(() => h2q.reflectionProduct(new Float32Array(2), 2)).toThrow(
        expect.objectContaining({ code: 'ZERO_REFLECTION' }),
      );
    });

    it('losses and gradients', () => {
      const { value, gradient } = h2q.quantizationLoss('l2', {
        data: Float32Array.from([0.5, -3]),
        columns: 2,
      });
      expect(value).toBeCloseTo((0.25 + 4) / 2, 6);
      expect([...gradient]).toEqual([-0.5, -2]);
    });

    it('any number of reflections is a product; a loss of NaN is refused', () => {
      const v = Float32Array.from([3, 4, 3, 4, 3, 4, 3, 4]);
      h2q.reflectionProduct(v, 2).forEach((value, i) => {
        expect(value).toBeCloseTo(i % 3 === 0 ? 1 : 0, 6);
      });
      const z = { data: Float32Array.from([1, 2, 3, NaN]), columns: 2 };
      expect(() => h2q.quantizationLoss('l2', z)).toThrow(
        expect.objectContaining({
          code: 'NOT_FINITE',
          details: expect.objectContaining({ row: 1, column: 1 }),
        }),
      );
    });

    it('Hamming distance and popcount', () => {
      expect(h2q.hammingDistance(Uint8Array.from([255, 1]), Uint8Array.from([0, 3]))).toBe(9);
      expect(h2q.popcount(Uint8Array.from([255, 1, 0]))).toBe(9);
      expect(() => h2q.hammingDistance(new Uint8Array(1), new Uint8Array(2))).toThrow(
        'b: expected 1 bytes as in a, got 2',
      );
    });
  });
}
