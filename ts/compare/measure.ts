/** Runs the trainings of a grid and judges every strategy on rows that nothing was fitted to. */

import { type Encoded, evaluateCosine, evaluateEncoded } from '../evaluate.js';
import { fit } from '../fit.js';
import { HammingIndex } from '../hamming-index.js';
import type { LabelsInput } from '../labels.js';
import { type LearnOptions, learn } from '../learn.js';
import { type Matrix, Vectors } from '../vectors.js';
import { type CellKey, optionsOf, type Training } from './grid.js';

export interface Labelled {
  vectors: Vectors;
  labels: LabelsInput;
}

/** Rows that teach, that choose the epoch, that are ranked and that ask. */
export interface Splits {
  train: Labelled;
  validation: Labelled;
  database: Labelled;
  queries: Labelled;
}

/** One judged cell; all scores in 0 to 1, ties of distance by the cosine of the float embeddings (the paper's rule). */
export interface Cell extends CellKey {
  /** What its strategy was, as {@link optionsOf} tells it. */
  options: string;
  /** mAP@1000 of the codes, over the relevant rows retrieved. */
  meanAveragePrecision: number;
  /** Label precision among the first 1,000. */
  precision: number;
  /** Of the ten float neighbours in the embedding, the share among the first 100. */
  neighbourRecall: number;
  /** mAP@1000 of the float embedding that the strategy began with, by cosine. */
  floatMeanAveragePrecision: number;
  /** Different codes among those of the database. */
  distinctCodes: number;
  /** The loss l2 of the database's rows at norm √bits. */
  quantizationLoss: number;
  learnSeconds: number;
  fitSeconds: number;
  /** Rows of the ten nearest of each of {@link MeasureOptions.samples}. */
  hits?: number[][];
}

/** Rows that a cut-off takes, as in the paper. */
export const AT = 1000;
const RECALL_AT = 100;
const HITS = 10;

export interface MeasureOptions {
  /** What `learn` is told beside loss, bits, seed and penalty. */
  learning?: Partial<LearnOptions>;
  /** Rows of queries whose hits are kept, to be looked at. */
  samples?: readonly number[];
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Trains, then hands out each cell as soon as it is judged. */
export async function* measure(
  training: Training,
  splits: Splits,
  { learning, samples, threads, signal }: MeasureOptions,
): AsyncGenerator<Cell> {
  const { loss, bits, seed, penalty, strategies } = training;
  const { train, validation, database, queries } = splits;
  const started = performance.now();
  const { model } = await learn(train.vectors, {
    ...learning,
    labels: train.labels,
    validation: validation.vectors,
    validationLabels: validation.labels,
    loss,
    bits,
    seed,
    penalty,
    // As published, and as the code of H²Q runs it.
    continuation: loss === 'hashnet' ? true : undefined,
    threads,
    signal,
  });
  const learnSeconds = (performance.now() - started) / 1000;
  const embedded: Vectors[] = [];
  const embed = async ({ vectors }: Labelled) => {
    const rows = atLengthOne(await model.transform(vectors, { threads, signal }));
    const embeddings = await Vectors.from(rows, { signal });
    embedded.push(embeddings);
    return embeddings;
  };
  try {
    const task = {
      database: await embed(database),
      databaseLabels: database.labels,
      queries: await embed(queries),
      queryLabels: queries.labels,
      at: [AT, RECALL_AT],
      threads,
      signal,
    };
    const { at: float, neighbours } = await evaluateCosine(task);
    const fitted = await embed(train);
    for (const strategy of strategies) {
      const { name, method, loss: quantization } = strategy;
      const { model: rotation, summary } = await fit(fitted, {
        method,
        loss: quantization,
        seed,
        threads,
        signal,
      });
      const encoded = {
        database: await rotation.encode(task.database, { threads, signal }),
        queries: await rotation.encode(task.queries, { threads, signal }),
      };
      const { at, statistics } = await evaluateEncoded(
        { ...task, model: rotation, neighbours, ties: 'float', statistics: true },
        encoded,
      );
      yield {
        loss,
        bits,
        seed,
        strategy: name,
        options: optionsOf(strategy),
        meanAveragePrecision: at[AT]?.meanAveragePrecision ?? 0,
        precision: at[AT]?.precision ?? 0,
        neighbourRecall: at[RECALL_AT]?.neighbourRecall ?? 0,
        floatMeanAveragePrecision: float[AT]?.meanAveragePrecision ?? 0,
        distinctCodes: statistics?.distinct ?? 0,
        quantizationLoss: statistics?.quantizationLoss.l2 ?? 0,
        learnSeconds: round(learnSeconds),
        fitSeconds: round(summary.seconds),
        ...(samples && { hits: await hitsOf(encoded, samples, { threads, signal }) }),
      };
    }
  } finally {
    for (const vectors of embedded) vectors.release();
  }
}

interface Run {
  threads: number | undefined;
  signal: AbortSignal | undefined;
}

/** The ten nearest by Hamming distance of each sample, ties in order of the row. */
async function hitsOf(
  { database, queries }: Encoded,
  samples: readonly number[],
  run: Run,
): Promise<number[][]> {
  const index = await HammingIndex.build(database, { signal: run.signal });
  const { data, bits } = queries;
  const bytes = bits / 8;
  const asked = samples.map((row) => data.subarray(row * bytes, (row + 1) * bytes));
  const all = new Uint8Array(asked.length * bytes);
  asked.forEach((code, i) => {
    all.set(code, i * bytes);
  });
  const { rows, k } = await index.search({ data: all, bits }, HITS, run);
  return samples.map((_, i) => [...rows.subarray(i * k, (i + 1) * k)]);
}

/**
 * Rows over their norm, in place: then the float order of ties is that by cosine, as in the code of H²Q, in which
 * lengths, which no rotation is fitted to, have no say. Signs and cosines stay as they are. Ties `cosine` on the rows as
 * they were learnt would do without; that changes the last digits of a fit, and so cells of results that others go on with.
 */
function atLengthOne({ data, columns }: Matrix): Matrix {
  for (let start = 0; start < data.length; start += columns) {
    const row = data.subarray(start, start + columns);
    const norm = Math.hypot(...row);
    if (norm > 0) for (let i = 0; i < columns; i++) row[i] = (row[i] as number) / norm;
  }
  return { data, columns };
}

function round(seconds: number): number {
  return Number(seconds.toPrecision(3));
}
