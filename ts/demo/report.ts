/**
 * What the demo measured: the JSON document that it prints, and all that its page shows apart from the
 * pixels themselves.
 */

import type { EpochReport, FitSummary, Method, Ties } from '../backend.js';

/**
 * The ways from vectors to binary codes, H²Q by two losses, H²Q behind a head that was learnt from labels, and the float vectors
 * that they are measured against.
 */
export type MethodKey = Method | 'neighbours' | 'learnt' | 'float';

/** One demo run. */
export interface DemoReport {
  dataset: DatasetReport;
  /** Code length. */
  bits: number;
  /** How hits at equal Hamming distance count. */
  ties: Ties;
  /** The seed of every fit. */
  seed: number;
  /** In the order of the table. */
  methods: MethodReport[];
  /** How the head of `learnt` came to be. */
  learnt: {
    /** Images whose labels it saw, the first of the database. */
    rows: number;
    loss: string;
    /** Dimensions of its embeddings. */
    dimensions: number;
    seconds: number;
  };
  /** The H²Q fit. */
  fit: { summary: FitSummary; history: EpochReport[] };
  /** The precision-recall curves are means over this many queries, the first of the test set. */
  curveQueries: number;
  /** The speed of the float search was measured on this many queries, the first of the test set. */
  floatSpeedQueries: number;
  /** How the sample queries were chosen, as a phrase: "the first test image of each class". */
  sampleRule: string;
  samples: Sample[];
  environment: Environment;
  /** Seconds of the whole run, without the download of the images and without writing the page. */
  seconds: number;
}

/** The images behind a run. */
export interface DatasetReport {
  name: string;
  /** Rows searched and fitted on. */
  database: number;
  queries: number;
  /** Pixels per image. */
  dimensions: number;
  classNames: string[];
}

/** One row of the table. */
export interface MethodReport {
  key: MethodKey;
  name: string;
  /** Bits per image, or `float` for the vectors themselves. */
  representation: number | 'float';
  /** Mean of (z − sgn z)² over the database's transformed rows at norm √bits; null for floats. */
  quantizationLoss: number | null;
  /** Of labels, over the first 1,000 hits. */
  meanAveragePrecision1000: number;
  /** Share of the first 100 hits with the query's label. */
  precision100: number;
  /** Share of the ten nearest by cosine of the raw pixels found in the first 100 hits. */
  neighbourRecall100: number;
  bytesPerImage: number;
  /** Of what was learnt as well; null for floats, which need no fit. */
  fitSeconds: number | null;
  queriesPerSecond: number;
  /** By growing cut-off. */
  curve: CurvePoint[];
}

/** Label precision and recall of the first `n` hits. */
export interface CurvePoint {
  n: number;
  precision: number;
  recall: number;
}

/** A query image and what each method found. */
export interface Sample {
  /** Row of the test set. */
  row: number;
  label: number;
  /** The query's H²Q code in hexadecimal, `lsb` layout. */
  code: string;
  results: SampleResult[];
}

/** The ten nearest database images by one method, best first. */
export interface SampleResult {
  method: MethodKey;
  neighbours: Neighbour[];
}

/** A database image found. */
export interface Neighbour {
  row: number;
  label: number;
  /** Hamming distance, or 1 − cosine for floats. */
  distance: number;
}

/** The machine and the versions behind the numbers. */
export interface Environment {
  /** Of h2q. */
  version: string;
  backend: string;
  /** The SIMD level of the float kernels. */
  simd: string;
  threads: number;
  cpu: string;
  platform: string;
  node: string;
  /** ISO 8601. */
  date: string;
}
