/** The small real networks that `npm test` brings, and the files that their own code made reference values of. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { hasModels, modelFolder } from '../../scripts/lib/embed-models.mjs';
import { root } from '../../scripts/lib/root.mjs';

export const PICTURE_NETWORK = modelFolder('efficientnet-lite0');
export const TEXT_NETWORK = modelFolder('minilm');

export const hasNetworks = hasModels();

export const WITHOUT_NETWORKS =
  process.env['H2Q_MODELS_MISSING'] ?? 'the networks are missing; npm test looks for ways to get them';

/** Skips every test of this file without networks; `npm test` fails then where nothing may be skipped. */
export function skipWithoutNetworks(): void {
  beforeEach(({ skip }) => {
    if (hasNetworks) return;
    skip(
      process.env['H2Q_MODELS_MISSING'] ?? 'the networks are missing; npm test looks for ways to get them',
    );
  });
}

/** A file made by test/fixtures/embed/make.py. */
export function fixture(name: string): string {
  return join(root, 'test/fixtures/embed', name);
}

/** Names of the pictures with reference values, in their order. */
export const PICTURES = readFileSync(fixture('pictures.txt'), 'utf8').trimEnd().split('\n');

/** The data of an `.npy` of float32. */
export function floatsOf(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(Uint8Array.from(bytes.subarray(10 + bytes.readUInt16LE(8))).buffer);
}

/** The largest difference of two values at the same place. */
export function farthest(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}
