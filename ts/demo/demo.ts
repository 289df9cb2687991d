/** The main job on real images: fit, encode, search and judge four binary methods and the floats. */

import { writeFiles } from '../io/files.js';
import { backend, platform } from '../platform.js';
import { type Matrix, Vectors } from '../vectors.js';
import { loadFashionMnist } from './dataset.js';
import { buildSprite } from './images.js';
import {
  type BinaryMeasurement,
  type BinaryMethod,
  type FloatMeasurement,
  LEARN_ROWS,
  type Learnt,
  learnStage,
  measureBinary,
  measureFloat,
  type Subject,
} from './measure.js';
import { renderPage } from './page.js';
import type { DemoReport } from './report.js';
import { formatResults } from './results.js';
import { collectSamples, type DemoImages, SAMPLE_RULE, sampleTiles } from './samples.js';
import { describeEnvironment, readPlotLibrary } from './surroundings.js';

export interface DemoOptions {
  /** Path of the HTML page; replaced when it exists, and complete or not there at all. */
  output: string;
  /** Print the report as JSON instead of the table. */
  json?: boolean | undefined;
  /** Threads of the core; 0 (default) uses all. */
  threads?: number | undefined;
  /** Ends the run; the promise rejects with `signal.reason` at once, and nothing is written. */
  signal?: AbortSignal | undefined;
  /** Images instead of Fashion-MNIST, for tests. */
  dataset?: DemoImages | undefined;
  /** Called at the start of each stage. Default: a line on stderr. */
  onStage?: OnStage | undefined;
  /** Takes the results and resolves when they have left. Default: stdout. */
  print?: ((text: string) => Promise<void>) | undefined;
}

const BITS = 64;
const SEED = 1;
/** Queries for the curves and for timing the float search: all of them would take minutes. */
const FIRST_QUERIES = 1000;

const BINARY_METHODS: BinaryMethod[] = [
  { key: 'identity', name: 'Plain sign' },
  { key: 'random', name: 'Random rotation' },
  { key: 'itq', name: 'ITQ' },
  { key: 'h2q', name: 'H²Q' },
  { key: 'neighbours', name: 'H²Q, neighbours' },
];

/**
 * Measures, writes the page and prints the results.
 *
 * @throws FILE_UNWRITABLE before any work when the page could not be written; the data set's errors
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { output, signal, onStage = writeStage, print = printOnStdout } = options;
  const started = performance.now();
  await platform().checkWritable(output);
  onStage('Images of Fashion-MNIST');
  const images =
    options.dataset ?? (await loadFashionMnist({ onProgress: onStage, ...(signal && { signal }) }));

  const report = await measure(images, options, onStage);
  await writePage(report, images, output, signal);
  await print(options.json ? `${JSON.stringify(report)}\n` : formatResults(report));
  onStage(`Wrote ${output}; ${secondsSince(started).toFixed(1)} s in all`);
  return report;
}

type OnStage = (stage: string) => void;

async function measure(images: DemoImages, options: DemoOptions, onStage: OnStage): Promise<DemoReport> {
  const { threads = 0, signal } = options;
  const started = performance.now();
  const subject = await prepare(images, threads, signal);

  // First, because it also finds the neighbours that every other method is asked for.
  onStage('Float cosine: exact neighbours of all queries');
  const float = await measureFloat(subject);
  const binary: BinaryMeasurement[] = [];
  for (const method of BINARY_METHODS) {
    onStage(`${method.name}: fit, encode, search, evaluate`);
    binary.push(await measureBinary(subject, method, float.neighbours));
  }
  onStage('Learnt, then H²Q: a head from labels, then as before');
  const taught = images.train.images.subarray(0, LEARN_ROWS * subject.database.columns);
  const learnt = await learnStage(subject, pixelsOf(taught, images));
  const staged = await measureBinary(
    learnt.subject,
    { key: 'learnt', name: 'Learnt, then H²Q' },
    float.neighbours,
  );
  staged.report.fitSeconds = (staged.report.fitSeconds ?? 0) + learnt.seconds;
  binary.push(staged);
  return toReport(images, subject, binary, float, learnt, secondsSince(started));
}

async function prepare(
  images: DemoImages,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<Subject> {
  const columns = images.width * images.height;
  const toVectors = (pixels: Uint8Array) => Vectors.from(pixelsOf(pixels, images), { signal });
  return {
    database: await toVectors(images.train.images),
    databaseLabels: images.train.labels,
    queries: await toVectors(images.test.images),
    queryLabels: images.test.labels,
    firstQueries: await toVectors(images.test.images.subarray(0, FIRST_QUERIES * columns)),
    bits: BITS,
    seed: SEED,
    threads,
    signal,
  };
}

function pixelsOf(pixels: Uint8Array, { width, height }: DemoImages): Matrix {
  return { data: new Float32Array(pixels), columns: width * height };
}

function toReport(
  images: DemoImages,
  subject: Subject,
  binary: BinaryMeasurement[],
  float: FloatMeasurement,
  learnt: Learnt,
  seconds: number,
): DemoReport {
  const h2q = binary.find(({ report }) => report.key === 'h2q') as BinaryMeasurement;
  return {
    dataset: {
      name: 'Fashion-MNIST',
      database: subject.database.rows,
      queries: subject.queries.rows,
      dimensions: subject.database.columns,
      classNames: images.classNames,
    },
    bits: BITS,
    ties: 'expected',
    seed: SEED,
    methods: [...binary, float].map(({ report }) => report),
    learnt: {
      rows: learnt.summary.rows,
      loss: learnt.summary.loss,
      dimensions: learnt.summary.dimensions,
      seconds: learnt.seconds,
    },
    fit: { summary: h2q.fit.summary, history: h2q.fit.history },
    curveQueries: subject.firstQueries.rows,
    floatSpeedQueries: subject.firstQueries.rows,
    sampleRule: SAMPLE_RULE,
    samples: collectSamples(images, binary, float),
    environment: describeEnvironment(backend().info(), subject.threads),
    seconds,
  };
}

async function writePage(
  report: DemoReport,
  images: DemoImages,
  output: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sprite = buildSprite(sampleTiles(images, report.samples));
  const page = renderPage(report, { sprite, ...(await readPlotLibrary()) });
  await writeFiles([output], async ([file]) => file?.write(new TextEncoder().encode(page)), signal);
}

function printOnStdout(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}

function writeStage(stage: string): void {
  process.stderr.write(`${stage}\n`);
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
