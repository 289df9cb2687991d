/** How far two backends agree: docs/browser.md states the bounds. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../ts/index.js';
import type { Api } from './conformance.js';
import { DATABASE, DIMENSIONS, FITS, METRICS, QUERIES, type Reference, searchesOf } from './reference.js';

/** Of the losses that fits of one seed reach, relative. */
const LOSS_TOLERANCE = 1e-4;
/** Of more than an epoch by the loss neighbours: signs decide its steps, and where one differs all that follow do. */
const NEIGHBOURS_TOLERANCE = 0.02;
/** Of the recall that candidates of `auto` are judged by. */
const RECALL_TOLERANCE = 0.01;

/** A facade and what its backend computed. */
export interface Side {
  h2q: Api;
  reference: Reference;
}

/**
 * Registers tests of one side against what the other computed.
 *
 * @param name who is compared with whom
 */
export function describeAgreement(
  name: string,
  load: () => Promise<Side>,
  loadReference: () => Promise<Reference>,
): void {
  describe(name, () => {
    let h2q: Api;
    let reference: Reference;
    let own: Reference;
    let model: Model;
    beforeAll(async () => {
      ({ h2q, reference: own } = await load());
      reference = await loadReference();
      model = h2q.Model.fromBytes(reference.model);
    }, 120_000);

    it('reads the other’s model as the same model', () => {
      expect(model.fingerprint).toBe(reference.fingerprint);
      expect(differences({ bytes: model.toBytes() }, { bytes: reference.model })).toEqual([]);
    });

    it.each(Object.keys(FITS))('writes the other’s model with the same bytes: %s', (name) => {
      const bytes = reference.files[name]!;
      expect(differences({ bytes: h2q.Model.fromBytes(bytes).toBytes() }, { bytes })).toEqual([]);
    });

    it('transforms within the stated bound, and a code differs only where that lets a sign differ', async () => {
      const { data: z } = await model.transform(DATABASE);
      const codes = (await model.encode(DATABASE)).data;
      const other = reference.transformed.data;
      let farthest = 0;
      for (let row = 0; row < DATABASE.data.length / DIMENSIONS; row++) {
        const bound = boundOf(other.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS));
        for (let i = row * DIMENSIONS; i < (row + 1) * DIMENSIONS; i++) {
          farthest = Math.max(farthest, Math.abs(z[i]! - other[i]!) / bound);
          if (bitOf(codes, i) !== bitOf(reference.codes, i)) {
            expect(Math.abs(other[i]!)).toBeLessThanOrEqual(bound);
          }
        }
      }
      expect(farthest).toBeLessThanOrEqual(1);
      expect(equalShare(codes, reference.codes)).toBeGreaterThan(0.9999);
    });

    it('passes vectors through a head alike', async () => {
      const { file, transformed, codes } = reference.head;
      const staged = h2q.Model.fromBytes(file);
      expect(differences({ bytes: staged.toBytes() }, { bytes: file })).toEqual([]);
      expect(staged.summary.head).toMatchObject({ loss: 'cel', dimensions: 16, epochs: 3 });
      const { data: z } = await staged.transform(QUERIES);
      const own = (await staged.encode(QUERIES)).data;
      // Layers add up what their inputs are off by: a bound of values, not of rounding.
      const largest = Math.max(...transformed.data.map(Math.abs));
      z.forEach((value, i) => {
        const difference = Math.abs(value - transformed.data[i]!);
        expect(difference).toBeLessThanOrEqual(1e-5 * largest);
        if (bitOf(own, i) !== bitOf(codes, i)) expect(Math.abs(value)).toBeLessThanOrEqual(1e-5 * largest);
      });
    });

    it('gives factors alike', async () => {
      for (const metric of METRICS) {
        (await model.factors(DATABASE, { metric })).forEach((factor, row) => {
          expect(factor / reference.factors[metric][row]!).toBeCloseTo(1, 5);
        });
      }
    });

    it('finds the same in an index of its own, bit for bit', () => {
      for (const [index, { searches }] of Object.entries(reference.indexes)) {
        for (const [search, hits] of Object.entries(searches)) {
          expect(differences(own.indexes[index]!.searches[search]!, hits), `${index}: ${search}`).toEqual([]);
        }
      }
    });

    it('finds the same in the other’s index, bit for bit, and writes it the same', async () => {
      for (const [name, { bytes, searches }] of Object.entries(reference.indexes)) {
        const index = await h2q.HammingIndex.open(bytes);
        expect(differences({ bytes: await index.toBytes() }, { bytes })).toEqual([]);
        for (const [search, hits] of Object.entries(await searchesOf(index))) {
          expect(differences(hits, searches[search]!), `${name}: ${search}`).toEqual([]);
        }
      }
    });

    it('re-ranks the same', async () => {
      const codes = { data: reference.codes, bits: model.bits };
      const { vectors, codes: asked } = reference.queries;
      const options = { rerank: 'asymmetric', vectors } as const;
      for (const metric of METRICS) {
        const index = await h2q.HammingIndex.build(codes, { factors: reference.factors[metric] });
        const best = await index.search({ data: asked, bits: model.bits }, 10, options);
        expect(differences(best, reference.reranked[metric]), metric).toEqual([]);
      }
    });

    it('auto finds the candidates alike', () => {
      const names = (candidates: Reference['candidates']) =>
        candidates.map(({ method, loss }) => `${method}, ${loss}`);
      expect(names(own.candidates)).toEqual(names(reference.candidates));
      expect(own.candidates.at(-1)).toMatchObject({ method: 'h2q', loss: 'neighbours' });
      own.candidates.forEach(({ neighbourRecall }, i) => {
        const other = reference.candidates[i]!.neighbourRecall;
        expect(Math.abs(neighbourRecall - other), `recall of candidate ${i}`).toBeLessThan(RECALL_TOLERANCE);
      });
    });

    it.each(Object.entries(FITS))('a fit of the same seed reaches the same loss: %s', (name, options) => {
      const isExact = options.loss !== 'neighbours' || options.epochs === 1;
      const tolerance = isExact ? LOSS_TOLERANCE : NEIGHBOURS_TOLERANCE;
      for (const loss of ['trainLoss', 'validationLoss'] as const) {
        const [mine, other] = [own.losses[name]?.[loss], reference.losses[name]?.[loss]];
        expect(Math.abs(mine! / other! - 1), `${loss} ${mine} and ${other}`).toBeLessThan(tolerance);
      }
    });
  });
}

/** 2 √d ε ‖x − mean‖; with as many bits as dimensions that is the norm of the transformed row. */
function boundOf(z: Float32Array): number {
  return 2 * Math.sqrt(DIMENSIONS) * 2 ** -23 * Math.hypot(...z);
}

function bitOf(codes: Uint8Array, i: number): number {
  return (codes[i >> 3]! >> (i & 7)) & 1;
}

/** The names of what differs, in arrays by a single element; a comparison of large arrays by `toEqual` takes seconds. */
function differences(a: object, b: object): string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.filter((name) => {
    const [mine, other] = [a, b].map((all) => (all as Record<string, unknown>)[name]);
    if (!ArrayBuffer.isView(mine) || !ArrayBuffer.isView(other)) {
      return JSON.stringify(mine) !== JSON.stringify(other);
    }
    const [left, right] = [mine, other] as unknown as [ArrayLike<number>, ArrayLike<number>];
    return left.length !== right.length || equalShare(left, right) < 1;
  });
}

function equalShare(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let equal = 0;
  for (let i = 0; i < a.length; i++) equal += a[i] === b[i] ? 1 : 0;
  return a.length === 0 ? 1 : equal / a.length;
}
