/** The query images that the page shows, with what each method found. */

import type { LabelledImages } from './dataset.js';
import type { ImageSet, TileSource } from './images.js';
import { type BinaryMeasurement, type FloatMeasurement, HITS } from './measure.js';
import type { Neighbour, Sample } from './report.js';

/** Both halves of the data set. */
export interface DemoImages {
  train: LabelledImages;
  test: LabelledImages;
  width: number;
  height: number;
  classNames: string[];
}

/** How {@link chooseQueries} chooses, for the reader. */
export const SAMPLE_RULE = 'the first test image of each class';

/** A rule that leaves no room for picking flattering examples; classes without test images are left out. */
export function chooseQueries({ test, classNames }: DemoImages): number[] {
  return classNames.map((_, label) => test.labels.indexOf(label)).filter((row) => row >= 0);
}

/** The ten nearest of each chosen query, by the methods in the order of the table. */
export function collectSamples(
  images: DemoImages,
  binary: BinaryMeasurement[],
  float: FloatMeasurement,
): Sample[] {
  const codes = binary.find(({ report }) => report.key === 'h2q');
  return chooseQueries(images).map((row) => ({
    row,
    label: images.test.labels[row] as number,
    code: codes ? codeInHex(codes, row) : '',
    results: [
      ...binary.map(({ report, hits }) => ({
        method: report.key,
        neighbours: hitsOf(row, hits.rows, hits.k).map((hit, i) =>
          neighbour(images, hit, hits.distances[row * hits.k + i] as number),
        ),
      })),
      {
        method: float.report.key,
        neighbours: hitsOf(row, float.neighbours.rows, float.neighbours.count)
          .slice(0, HITS)
          .map((hit) => neighbour(images, hit, cosineDistance(images, row, hit))),
      },
    ],
  }));
}

/** Every image of the samples, keyed as the page looks them up. */
export function sampleTiles({ train, test, width, height }: DemoImages, samples: Sample[]): TileSource[] {
  const database: ImageSet = { images: train.images, width, height };
  const queries: ImageSet = { images: test.images, width, height };
  return samples.flatMap(({ row, results }) => [
    { key: `query:${row}`, set: queries, row },
    ...results.flatMap(({ neighbours }) =>
      neighbours.map((found) => ({ key: `database:${found.row}`, set: database, row: found.row })),
    ),
  ]);
}

function hitsOf(query: number, rows: Uint32Array, count: number): number[] {
  return [...rows.subarray(query * count, (query + 1) * count)];
}

function neighbour({ train }: DemoImages, row: number, distance: number): Neighbour {
  return { row, label: train.labels[row] as number, distance };
}

function codeInHex({ report, queryCodes }: BinaryMeasurement, row: number): string {
  const bytes = report.bytesPerImage;
  return Buffer.from(queryCodes.subarray(row * bytes, (row + 1) * bytes)).toString('hex');
}

function cosineDistance({ train, test, width, height }: DemoImages, query: number, row: number): number {
  const pixels = width * height;
  const a = test.images.subarray(query * pixels, (query + 1) * pixels);
  const b = train.images.subarray(row * pixels, (row + 1) * pixels);
  const dot = (x: Uint8Array, y: Uint8Array) =>
    x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  return 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
