/** Reading from bytes and blobs. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { Api, Loaded } from './conformance.js';
import { COLUMNS, randomMatrix } from './matrices.js';

export function describeInputs(loaded: () => Loaded): void {
  let h2q: Api;
  beforeAll(() => {
    ({ h2q } = loaded());
  });

  describe('bytes and blobs', () => {
    const matrix = randomMatrix(300, 4);
    const npy = () => new Uint8Array([...h2q.npyHeader('f4', [300, COLUMNS]), ...bytesOf(matrix.data)]);
    const fbin = () =>
      new Uint8Array([...bytesOf(Uint32Array.from([300, COLUMNS])), ...bytesOf(matrix.data)]);

    it('are vectors: .npy unless the name or an option says otherwise', async () => {
      const model = (await h2q.fit(matrix, { method: 'identity', center: false })).model;
      const inputs: [Blob | Uint8Array, { format?: 'fbin' }][] = [
        [npy(), {}],
        [new Blob([npy()]), {}],
        [new File([npy()], 'x.npy'), {}],
        [new File([fbin()], 'x.fbin'), {}],
        [fbin(), { format: 'fbin' }],
      ];
      for (const [input, options] of inputs) {
        const vectors = await h2q.readVectors(input, options);
        expect([vectors.rows, vectors.columns]).toEqual([300, COLUMNS]);
        expect((await model.transform(vectors)).data).toEqual(matrix.data);
      }
      const sample = await h2q.sampleVectors(npy(), { rows: 20, seed: 1 });
      expect([sample.vectors.rows, sample.rows?.length]).toEqual([20, 20]);
    });

    it('are codes, labels and indexes', async () => {
      const codes = await h2q.readCodes(new Uint8Array([...h2q.npyHeader('u1', [3, 2]), 1, 2, 3, 4, 5, 6]));
      expect(codes).toEqual({ data: Uint8Array.from([1, 2, 3, 4, 5, 6]), bits: 16 });
      const labels = await h2q.readLabels(new Blob([new Uint8Array([...h2q.npyHeader('u1', [3]), 7, 8, 9])]));
      expect(labels).toEqual(Uint8Array.from([7, 8, 9]));

      const index = await h2q.HammingIndex.build(codes, { ids: BigInt64Array.from([5n, 2n ** 60n, -1n]) });
      await index.remove(BigInt64Array.from([5n]));
      const bytes = await index.toBytes();
      for (const input of [bytes, new Blob([bytes as BlobPart])]) {
        const copy = await h2q.HammingIndex.open(input);
        expect([copy.size, copy.rows, copy.hasIds]).toEqual([2, 3, true]);
        expect(copy.searchSync(codes, 3)).toEqual(index.searchSync(codes, 3));
      }
    });

    it('name themselves in errors', async () => {
      await expect(h2q.readVectors(new Uint8Array(5))).rejects.toMatchObject({
        code: 'FILE_FORMAT',
        message: /^bytes: /,
      });
      await expect(h2q.readVectors(new File(['none'], 'x.npy'))).rejects.toThrow(/^x\.npy: /);
      await expect(h2q.readVectors(new File(['none'], 'x.txt'))).rejects.toThrow('x.txt: unknown extension');
      await expect(h2q.HammingIndex.open(new Blob(['none']))).rejects.toMatchObject({
        code: 'INDEX_FORMAT',
        details: { file: 'blob' },
      });
      const wrong = { format: 'png' } as unknown as { format: 'npy' };
      await expect(h2q.readVectors(npy(), wrong)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
      await expect(h2q.readVectors([] as unknown as Blob)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    });
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
