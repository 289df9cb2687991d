/** What one backend computed, for another to be held against. Plain values: it may cross to a browser. */

import type {
  Candidate,
  FactorMetric,
  FitOptions,
  Matrix,
  RadiusResult,
  RerankedResult,
  SearchOptions,
  SearchResult,
} from '../../ts/index.js';
import type { Api } from './conformance.js';
import { HEAD } from './head.js';
import { randomMatrix } from './matrices.js';
import { seededRandom } from './random.js';

export const DIMENSIONS = 64;
export const DATABASE = randomMatrix(3000, 21, DIMENSIONS);
export const QUERIES = randomMatrix(120, 22, DIMENSIONS);

/** As many bits as dimensions, so that a transformed row has the norm of its centred input. */
const MODEL: FitOptions = { seed: 3, method: 'h2q' };

/** Fits that are compared by what they reach. */
export const FITS: Readonly<Record<string, FitOptions>> = {
  'bit-variance': { bits: 32, seed: 1 },
  'a solver by gradients': { bits: 32, seed: 1, solver: 'sgd', epochs: 5 },
  l2: { bits: 32, seed: 1, loss: 'l2' },
  l1: { seed: 1, loss: 'l1' },
  'min-entropy': { bits: 16, seed: 1, loss: 'min-entropy' },
  'neighbours, one epoch': { bits: 16, seed: 1, loss: 'neighbours', epochs: 1 },
  neighbours: { bits: 32, seed: 1, loss: 'neighbours', epochs: 3 },
  'neighbours, bits as dimensions': { seed: 1, loss: 'neighbours', epochs: 3 },
  'neighbours, principal directions': { bits: 32, seed: 1, loss: 'neighbours', projection: 'pca', epochs: 3 },
  itq: { bits: 32, seed: 1, method: 'itq' },
  'a random rotation': { bits: 32, seed: 1, method: 'random' },
  'plain sign': { bits: 32, method: 'identity' },
};

export const METRICS: readonly FactorMetric[] = ['cosine', 'inner-product', 'euclidean'];

export interface Reference {
  model: Uint8Array;
  fingerprint: string;
  transformed: Matrix;
  codes: Uint8Array;
  factors: Record<FactorMetric, Float32Array>;
  indexes: Record<string, { bytes: Uint8Array; searches: Record<string, SearchResult | RadiusResult> }>;
  queries: { vectors: Matrix; codes: Uint8Array };
  /** With the factors of each metric. */
  reranked: Record<FactorMetric, RerankedResult>;
  losses: Record<string, { trainLoss: number; validationLoss: number }>;
  /** What `auto` chose from. */
  candidates: readonly Candidate[];
  /** The models of these fits. */
  files: Record<string, Uint8Array>;
  /** A model of two stages, and what it makes of the queries. */
  head: { file: Uint8Array; transformed: Matrix; codes: Uint8Array };
}

/** Computes everything that {@link Reference} holds. */
export async function makeReference(h2q: Api): Promise<Reference> {
  const { model } = await h2q.fit(DATABASE, MODEL);
  const codes = await model.encode(DATABASE);
  const losses: Reference['losses'] = {};
  const files: Reference['files'] = {};
  for (const [name, options] of Object.entries(FITS)) {
    const { model, summary } = await h2q.fit(DATABASE, options);
    losses[name] = { trainLoss: summary.trainLoss, validationLoss: summary.validationLoss };
    files[name] = model.toBytes();
  }
  const auto = await h2q.fit(DATABASE, { bits: 32, seed: 1, method: 'auto', epochs: 5 });
  const indexes: Reference['indexes'] = {};
  for (const [name, bits, isClustered, hasIds] of INDEXES) {
    const index = await makeIndex(h2q, bits, isClustered, hasIds);
    // Opened again: small segments are merged then, once.
    const opened = await h2q.HammingIndex.open(await index.toBytes());
    indexes[name] = { bytes: await opened.toBytes(), searches: await searchesOf(index) };
  }
  const head = h2q.Model.fromBytes(HEAD);
  const { model: staged } = await h2q.fit(DATABASE, { head, method: 'random', seed: 4 });
  const vectors = await model.transform(QUERIES);
  const asked = await model.encode(QUERIES);
  const factors = {} as Reference['factors'];
  const reranked = {} as Reference['reranked'];
  for (const metric of METRICS) {
    factors[metric] = await model.factors(DATABASE, { metric });
    const index = await h2q.HammingIndex.build(codes, { factors: factors[metric] });
    reranked[metric] = await index.search(asked, 10, { rerank: 'asymmetric', vectors });
  }
  return {
    model: model.toBytes(),
    fingerprint: model.fingerprint,
    transformed: await model.transform(DATABASE),
    codes: codes.data,
    factors,
    indexes,
    queries: { vectors, codes: asked.data },
    reranked,
    losses,
    candidates: auto.summary.candidates ?? [],
    files,
    head: {
      file: staged.toBytes(),
      transformed: await staged.transform(QUERIES),
      codes: (await staged.encode(QUERIES)).data,
    },
  };
}

const INDEXES: readonly [string, number, boolean, boolean][] = [
  ['8 bits, nearly all ties', 8, false, true],
  ['64 bits in clusters', 64, true, false],
  ['72 bits, an odd number of words, with ids', 72, true, true],
  ['1,024 bits', 1024, false, false],
];

/** Added in parts, with some rows removed. */
async function makeIndex(h2q: Api, bits: number, isClustered: boolean, hasIds: boolean) {
  const random = seededRandom(bits);
  const index = h2q.HammingIndex.empty(bits, { ids: hasIds });
  for (const rows of [4000, 100, 1000, 7]) {
    const ids = BigInt64Array.from({ length: rows }, () => BigInt(Math.floor((random() - 0.5) * 2 ** 50)));
    await index.add(madeUpCodes(rows, bits, isClustered, random), hasIds ? { ids } : {});
  }
  await index.remove(hasIds ? new BigInt64Array(0) : Uint32Array.from([0, 17, 4050, 5106]));
  return index;
}

/** Every search that gives hits in another way. */
export async function searchesOf(index: InstanceType<Api['HammingIndex']>) {
  const random = seededRandom(99);
  const queries = madeUpCodes(70, index.bits, true, random);
  const radius = Math.round(index.bits * 0.3);
  const bitmap = Uint8Array.from({ length: Math.ceil(index.rows / 8) }, () => Math.floor(random() * 256));
  const searches: Record<string, SearchResult | RadiusResult> = {};
  const ways: SearchOptions[] = [
    { method: 'linear', counters: true },
    { method: 'mih' },
    { method: 'auto' },
    { allow: bitmap },
    { deny: bitmap, method: 'mih' },
  ];
  for (const [i, options] of ways.entries()) {
    for (const k of [1, 10, 500]) searches[`way ${i}, k of ${k}`] = await index.search(queries, k, options);
    searches[`way ${i}, a radius`] = await index.searchRadius(queries, radius, options);
  }
  return searches;
}

function madeUpCodes(rows: number, bits: number, isClustered: boolean, random: () => number) {
  const bytes = bits / 8;
  const centres = Uint8Array.from({ length: 20 * bytes }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
  const data = Uint8Array.from({ length: rows * bytes }, (_, i) => {
    if (!isClustered) return Math.floor(random() * 256);
    const noise = random() < 0.4 ? 1 << Math.floor(random() * 8) : 0;
    return centres[(Math.floor(i / bytes) % 20) * bytes + (i % bytes)]! ^ noise;
  });
  return { data, bits };
}
