/** Re-ranking: a second, finer score for more hits than wanted, of which the best remain (docs/reranking.md). */

import { checkInteger, checkOneOf, invalidArgument, kindOf } from './arguments.js';
import type { CoreCodes, CoreIndex, Releasable, RerankedHits, SearchHits } from './backend.js';
import { H2qError, inFile } from './errors.js';
import { MappedVectors } from './io/mapped.js';
import { backend } from './platform.js';
import { checkDimensions, countRows, toVectors, Vectors, type VectorsInput } from './vectors.js';
import { call, type Work } from './work.js';

interface CommonRerank {
  /**
   * Hits of the first search per hit wanted, at least 1. Default 8: beyond, `asymmetric` gains next to
   * nothing; `float` gains more the shorter the codes are (docs/reranking.md has figures).
   */
  oversample?: number | undefined;
}

/** Scores by the float query against the codes, refined by the factor of the row where the index has factors. */
export interface AsymmetricRerank extends CommonRerank {
  rerank: 'asymmetric';
  /** The queries as `model.transform` gives them: queries x bits. */
  vectors: VectorsInput;
}

/** Scores by the exact cosine of the query and the row that the code was made of. */
export interface FloatRerank extends CommonRerank {
  rerank: 'float';
  /** The queries as they were before `model.encode`: queries x dimensions. */
  vectors: VectorsInput;
  /** Row for row the vectors behind the codes of the index: a file opened by `openVectors`, or vectors in memory. */
  originals: MappedVectors | Vectors;
}

export type RerankOptions = AsymmetricRerank | FloatRerank;

/** Options of a search, of which nobody knows yet whether they ask for a re-ranking. */
interface Unchecked {
  threads?: number | undefined;
  rerank?: unknown;
  vectors?: VectorsInput | undefined;
  originals?: MappedVectors | Vectors | undefined;
  oversample?: number | undefined;
}

/** A re-ranking that is ready: its arguments are checked and copied. */
export interface Rescoring extends Releasable {
  oversample: number;
  /** The best `k` of the hits of each query. */
  rescore(codes: CoreCodes, hits: SearchHits, k: number, threads: number): Work<RerankedHits>;
}

export const DEFAULT_OVERSAMPLE = 8;

/** @throws INVALID_OPTION */
export function checkOversample(oversample: number | undefined): number {
  return checkInteger('oversample', oversample ?? DEFAULT_OVERSAMPLE, 1);
}

/** Throws INVALID_ARGUMENT for options of a re-ranking where `why` there is none. */
export function refuseRerank(options: object, why: string): void {
  for (const name of ['rerank', 'vectors', 'originals', 'oversample']) {
    if ((options as Record<string, unknown>)[name] !== undefined) throw invalidArgument(name, why);
  }
}

/**
 * Checks the options for a search of `queries` codes and copies the vectors. Undefined for a search
 * without re-ranking.
 *
 * @throws INVALID_ARGUMENT, INVALID_OPTION, MISMATCH, EMPTY_INPUT, NOT_FINITE
 */
export function* prepareRerank(
  options: Unchecked,
  index: CoreIndex,
  queries: number,
): Work<Rescoring | undefined> {
  if (options.rerank === undefined) {
    refuseRerank(options, "needs the option rerank: 'asymmetric' or 'float'");
    return undefined;
  }
  const rerank = checkOneOf('rerank', options.rerank, ['asymmetric', 'float'] as const);
  const oversample = checkOversample(options.oversample);
  if (options.vectors === undefined) {
    throw invalidArgument('vectors', `missing: rerank '${rerank}' scores the queries as vectors`);
  }
  const rescore =
    rerank === 'asymmetric'
      ? byCodes(options, options.vectors, index)
      : byVectors(options, options.vectors, index);
  expectCount('vectors', 'rows as there are queries', queries, countRows(options.vectors, 'vectors'));
  const vectors = yield* toVectors(options.vectors, 'vectors');
  return {
    oversample,
    rescore: (codes, hits, k, threads) => rescore({ codes, vectors, hits, k, threads }),
    release: () => {
      if (vectors !== options.vectors) vectors.release();
    },
  };
}

interface Request {
  codes: CoreCodes;
  vectors: Vectors;
  hits: SearchHits;
  k: number;
  threads: number;
}

function byCodes(options: Unchecked, vectors: VectorsInput, index: CoreIndex) {
  if (options.originals !== undefined) throw invalidArgument('originals', "belongs to rerank 'float' alone");
  checkDimensions(vectors, index.bits, 'vectors');
  return ({ codes, vectors: { core }, hits, k, threads }: Request) =>
    call(
      () => backend().rerankByCodesSync(index, codes, core, hits, k, threads),
      (cancel) => backend().rerankByCodes(index, codes, core, hits, k, threads, cancel),
    );
}

function byVectors(options: Unchecked, vectors: VectorsInput, index: CoreIndex) {
  const originals = checkOriginals(options.originals);
  expectCount('originals', 'rows as in the index', index.rows, originals.rows);
  checkDimensions(vectors, originals.columns, 'vectors');
  return function* ({ vectors: { core }, hits, k, threads }: Request): Work<RerankedHits> {
    checkOpen(originals);
    try {
      return yield* call(
        () => backend().rerankByVectorsSync(originals.core, core, hits, k, threads),
        (cancel) => backend().rerankByVectors(originals.core, core, hits, k, threads, cancel),
      );
    } catch (error) {
      // A bad row of a mapped file is found when it is read.
      const isOfFile = originals instanceof MappedVectors && error instanceof H2qError;
      throw isOfFile && BAD_ROW.includes(error.code) ? inFile(originals.path, error) : error;
    }
  };
}

const BAD_ROW = ['NOT_FINITE', 'MISMATCH'];

function checkOriginals(originals: unknown): MappedVectors | Vectors {
  if (originals === undefined) {
    throw invalidArgument('originals', "missing: rerank 'float' reads the vectors behind the codes");
  }
  if (!(originals instanceof MappedVectors || originals instanceof Vectors)) {
    const wanted = 'what openVectors or Vectors.from gives';
    throw invalidArgument('originals', `expected ${wanted}, got ${kindOf(originals)}`);
  }
  checkOpen(originals);
  return originals;
}

function checkOpen(originals: MappedVectors | Vectors): void {
  if (originals instanceof Vectors ? originals.isReleased : originals.isClosed) {
    const end = originals instanceof Vectors ? 'released' : 'closed';
    throw invalidArgument('originals', `these vectors were ${end}`);
  }
}

function expectCount(what: string, unit: string, expected: number, actual: number): void {
  if (expected === actual) return;
  throw new H2qError('MISMATCH', `${what}: expected ${expected} ${unit}, got ${actual}`, {
    details: { what, expected, actual },
  });
}
