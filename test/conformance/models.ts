/** Models of a backend. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../ts/index.js';
import type { Api, Loaded } from './conformance.js';
import { COLUMNS, matrix, randomMatrix, rowOf } from './matrices.js';

export function describeModels(loaded: () => Loaded): void {
  let h2q: Api;
  let model: Model;
  beforeAll(() => {
    ({ h2q, model } = loaded());
  });

  describe('a model', () => {
    it('encodes the signs of what it transforms, in both layouts, alone or in a batch', async () => {
      const { data: z, columns } = await model.transform(matrix);
      expect([z.length, columns]).toEqual([700 * 16, 16]);
      const lsb = await model.encode(matrix);
      const msb = await model.encode(matrix, { layout: 'msb' });
      expect([lsb.bits, lsb.layout, msb.layout]).toEqual([16, 'lsb', 'msb']);
      const differences = z.filter((value, i) => {
        const wanted = value >= 0 ? 1 : 0;
        const [byte, bit] = [i >> 3, i & 7];
        return ((lsb.data[byte]! >> bit) & 1) !== wanted || ((msb.data[byte]! >> (7 - bit)) & 1) !== wanted;
      });
      expect(differences).toHaveLength(0);

      for (const row of [0, 1, 699]) {
        const one = rowOf(matrix, row);
        expect((await model.transform(one)).data).toEqual(z.slice(row * 16, (row + 1) * 16));
        expect(model.encodeSync(one).data).toEqual(lsb.data.slice(row * 2, (row + 1) * 2));
      }
      expect(model.transformSync(matrix, { threads: 1 }).data).toEqual(z);
    });

    it('survives bytes and blobs', async () => {
      const bytes = model.toBytes();
      const blob = new Blob([bytes as BlobPart]);
      for (const copy of [
        h2q.Model.fromBytes(bytes),
        await h2q.Model.load(bytes),
        await h2q.Model.load(blob),
      ]) {
        expect([copy.dimensions, copy.bits, copy.fingerprint]).toEqual([COLUMNS, 16, model.fingerprint]);
        expect(copy.summary).toEqual({ ...model.summary, seconds: undefined });
        expect((await copy.encode(matrix)).data).toEqual(model.encodeSync(matrix).data);
      }
    });

    it('refuses vectors of other dimensions and foreign bytes', async () => {
      await expect(model.encode(randomMatrix(3, 1, 8))).rejects.toMatchObject({
        code: 'MISMATCH',
        message: `vectors: expected ${COLUMNS} dimensions, got 8`,
      });
      const bytes = model.toBytes();
      for (const bad of [
        new Uint8Array(0),
        new Uint8Array(300),
        bytes.subarray(0, -1),
        bytes.with(90, bytes[90]! ^ 1),
      ]) {
        expect(() => h2q.Model.fromBytes(bad)).toThrow(expect.objectContaining({ code: 'MODEL_FORMAT' }));
      }
    });
  });
}
