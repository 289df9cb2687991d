/** The demo from images to page, on a made-up data set and the real addon. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DemoOptions, runDemo } from '../../ts/demo/demo.js';
import { curveCutOffs } from '../../ts/demo/measure.js';
import type { DemoReport } from '../../ts/demo/report.js';
import type { DemoImages } from '../../ts/demo/samples.js';
import { fit, HammingIndex, settled } from '../../ts/node/index.js';
import { seededRandom } from '../io/memory.js';

const CLASSES = ['Circle', 'Square', 'Star'];
const SIZE = { width: 10, height: 10 };
const PIXELS = SIZE.width * SIZE.height;
const METHODS = ['identity', 'random', 'itq', 'h2q', 'neighbours', 'learnt', 'float'];

/** A random pattern per class, and images that are noisy copies of them. */
function makeImages(databaseRows = 600, queryRows = 60): DemoImages {
  const random = seededRandom(1);
  const patterns = CLASSES.map(() => Uint8Array.from({ length: PIXELS }, () => random() * 200));
  const part = (count: number) => {
    const labels = Uint8Array.from({ length: count }, (_, row) => row % CLASSES.length);
    const images = Uint8Array.from({ length: count * PIXELS }, (_, i) => {
      const pattern = patterns[labels[Math.floor(i / PIXELS)]!]!;
      return Math.min(255, pattern[i % PIXELS]! + random() * 150);
    });
    return { images, labels, count };
  };
  return { train: part(databaseRows), test: part(queryRows), ...SIZE, classNames: CLASSES };
}

const dataset = makeImages();
let folder: string;
let output: string;
let printed: string[];
let stages: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-demo-'));
  output = join(folder, 'demo.html');
  [printed, stages] = [[], []];
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(options: Partial<DemoOptions> = {}): Promise<DemoReport> {
  return runDemo({
    ...{ output, dataset, threads: 1 },
    onStage: (stage) => void stages.push(stage),
    print: async (text) => void printed.push(text),
    ...options,
  });
}

it('prints a table with a row per method and writes the page', async () => {
  await run();
  const [title, ...rows] = printed.join('').trimEnd().split('\n');
  expect(title).toMatch(/^method +quantization loss +mAP@1000 +precision@100 +neighbour recall@100 +bytes/);
  const cells = rows.map((row) => row.split(/ {2,}/));
  expect(cells.map(([name]) => name)).toEqual([
    ...['Plain sign', 'Random rotation', 'ITQ', 'H²Q', 'H²Q, neighbours', 'Learnt, then H²Q', 'Float cosine'],
  ]);
  expect(cells.map((row) => row.length)).toEqual([8, 8, 8, 8, 8, 8, 8]);
  expect(stages.at(-1)).toMatch(/demo\.html; .* s in all$/);
  expect(readdirSync(folder)).toEqual(['demo.html']);

  const page = readFileSync(output, 'utf8');
  expect(page).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/);
  const plots = JSON.parse(/id="plots">(.*?)<\/script>/.exec(page)?.[1] ?? '');
  expect(plots.map(({ id }: { id: string }) => id)).toEqual(['fit-plot', expect.any(String)]);
  expect(plots[1].series).toHaveLength(METHODS.length);
  const sprite = decode(Buffer.from(/url\(data:image\/png;base64,([^)]+)\)/.exec(page)?.[1] ?? '', 'base64'));
  expect([sprite.width % SIZE.width, sprite.height % SIZE.height]).toEqual([0, 0]);
  expect(page.match(/aria-label="(Circle|Square|Star), (right|wrong), /g)).toHaveLength(
    CLASSES.length * METHODS.length * 10,
  );
});

it('as JSON, prints the report that it returns', async () => {
  const report = await run({ json: true });
  expect(printed).toHaveLength(1);
  expect(JSON.parse(printed[0] ?? '')).toEqual(JSON.parse(JSON.stringify(report)));
  expect(report).toMatchObject({
    dataset: { database: 600, queries: 60, dimensions: PIXELS, classNames: CLASSES },
    ...{ bits: 64, ties: 'expected', seed: 1, curveQueries: 60, floatSpeedQueries: 60 },
    environment: { backend: 'native', threads: 1, node: process.versions.node },
    fit: { summary: { rows: 600, bits: 64, method: 'h2q' } },
  });
  expect(report.fit.history).toHaveLength(report.fit.summary.epochs);

  expect(report.methods.map(({ key }) => key)).toEqual(METHODS);
  for (const { curve, ...method } of report.methods) {
    const isFloat = method.key === 'float';
    expect(method.bytesPerImage).toBe(isFloat ? PIXELS * 4 : 8);
    expect(method.queriesPerSecond).toBeGreaterThan(0);
    expect([method.quantizationLoss, method.fitSeconds].map((value) => value === null)).toEqual([
      ...[isFloat, isFloat],
    ]);
    for (const score of [method.meanAveragePrecision1000, method.precision100, method.neighbourRecall100]) {
      expect(score > 0 && score <= 1).toBe(true);
    }
    expect(curve.map(({ n }) => n)).toEqual(curveCutOffs(600));
    // All rows: each class is a third of them.
    expect(curve.at(-1)).toMatchObject({ recall: 1, precision: expect.closeTo(1 / 3, 6) });
  }
  expect(report.methods.at(-1)?.neighbourRecall100).toBe(1);
  const lossOf = (key: string) =>
    report.methods.find((method) => method.key === key)?.quantizationLoss ?? NaN;
  expect(lossOf('h2q')).toBeLessThan(lossOf('random'));
  expect(lossOf('random')).toBeLessThan(lossOf('identity'));
});

it('shows the first query of each class with its code and neighbours', async () => {
  const { samples } = await run();
  expect(samples.map(({ row, label }) => [row, label])).toEqual(CLASSES.map((_, label) => [label, label]));
  for (const { results } of samples) expect(results.map(({ method }) => method)).toEqual(METHODS);

  const toMatrix = (images: Uint8Array) => ({ data: new Float32Array(images), columns: PIXELS });
  const [database, queries] = [toMatrix(dataset.train.images), toMatrix(dataset.test.images)];
  const labelled = (row: number) => ({ row, label: dataset.train.labels[row] });
  for (const [i, method] of (['identity', 'random', 'itq', 'h2q'] as const).entries()) {
    const { model } = await fit(database, { bits: 64, method, seed: 1 });
    const codes = await model.encode(queries);
    const hits = await (await HammingIndex.build(await model.encode(database))).search(codes, 10);
    for (const { row, code, results } of samples) {
      const wanted = Array.from(hits.rows.subarray(row * 10, row * 10 + 10), (found, hit) => ({
        ...labelled(found),
        distance: hits.distances[row * 10 + hit],
      }));
      expect(results[i]?.neighbours).toEqual(wanted);
      if (method === 'h2q')
        expect(code).toBe(Buffer.from(codes.data.subarray(row * 8, row * 8 + 8)).toString('hex'));
    }
  }
});

it('shows the neighbours by cosine as a plain recomputation finds them', async () => {
  const imageOf = ({ images }: { images: Uint8Array }, row: number) => [
    ...images.subarray(row * PIXELS, (row + 1) * PIXELS),
  ];
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const { samples } = await run();
  for (const { row, results } of samples) {
    const query = imageOf(dataset.test, row);
    const ranked = Array.from({ length: dataset.train.count }, (_, found) => {
      const image = imageOf(dataset.train, found);
      return { row: found, distance: 1 - dot(query, image) / Math.hypot(...query) / Math.hypot(...image) };
    }).sort((a, b) => a.distance - b.distance);
    const nearest = results.at(-1)?.neighbours ?? [];
    expect(nearest.map((neighbour) => neighbour.row)).toEqual(ranked.slice(0, 10).map((found) => found.row));
    nearest.forEach(({ distance }, i) => void expect(distance).toBeCloseTo(ranked[i]!.distance, 12));
  }
});

describe('an abort', () => {
  it.each(['Float cosine', 'Plain sign', 'ITQ', 'H²Q'])('in the stage %s leaves nothing', async (name) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const onStage = (stage: string) => {
      stages.push(stage);
      // In the next turn, when the stage's work has begun.
      if (stage.startsWith(name)) setImmediate(() => controller.abort(reason));
    };
    await expect(run({ signal: controller.signal, onStage })).rejects.toBe(reason);
    await settled();
    expect(stages.at(-1)).toMatch(new RegExp(`^${name}`));
    expect([printed, readdirSync(folder)]).toEqual([[], []]);
  });

  it('keeps the page of an earlier run', async () => {
    writeFileSync(output, 'earlier');
    await expect(run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(folder)).toEqual(['demo.html']);
    expect(readFileSync(output, 'utf8')).toBe('earlier');
  });
});

it('an output that cannot be written is refused before any work', async () => {
  for (const path of [join(folder, 'none', 'demo.html'), folder]) {
    await expect(run({ output: path })).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      details: { file: path },
    });
  }
  expect([stages, printed, readdirSync(folder)]).toEqual([[], [], []]);
});
