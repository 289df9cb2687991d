/** The files that `scripts/lib/site-data.mjs` made. */

import { nextTask } from './dom.js';

export const METHODS = ['identity', 'random', 'itq', 'h2q', 'neighbours'] as const;
export const BITS = [16, 32, 64] as const;
/** Ways to codes: without labels, or by a head that labels have taught. */
export const ROUTES = ['unsupervised', 'two-stage'] as const;
export type Method = (typeof METHODS)[number];
export type Route = (typeof ROUTES)[number];

/** What the page has of a model. */
export interface MadeModel {
  route: Route;
  method: Method;
  bits: number;
  precision: number;
  /** Whether its codes of all images came with the page. */
  hasCodes: boolean;
}

export interface Manifest {
  /** Images that are searched. */
  rows: number;
  /** Of the embedding. */
  dimensions: number;
  /** Pixels of a thumbnail along each axis. */
  side: number;
  /** What 1 in the files of embeddings stands for. */
  step: number;
  classNames: string[];
  /** Classes of the images that can be picked. */
  queryLabels: number[];
  /** Held-out images that judged. */
  judgedQueries: number;
  /** Hits that count for the precision. */
  cutOff: number;
  models: MadeModel[];
  /** Precision of the cosine of the embeddings that are turned: of a head as many values as bits. */
  floats: { route: Route; bits: number; precision: number }[];
  /** Images whose labels taught the heads, and those that chose the epoch; sizes of the layers between. */
  head: { rows: number; validation: number; hidden: number[] };
  version: string;
  /** Of all files. */
  bytes: number;
}

/** Side of the images that are picked, drawn and dropped. */
export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

export async function loadManifest(): Promise<Manifest> {
  return (await request('manifest.json')).json();
}

/** The bytes of a file, unpacked: gzip, unless the server has seen to that already. */
export async function loadBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await (await request(name)).arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

/** The head of the two stages alone: its codes are the plain signs of its embedding. */
export function headFile(bits: number): string {
  return `models/${nameOf('two-stage', 'identity', bits)}.h2q`;
}

/** A model as the names of its files have it. */
export function nameOf(route: Route, method: Method, bits: number): string {
  return `${route}-${method}-${bits}`;
}

/** All embeddings, row by row. In the file the values of a component lie side by side. */
export async function loadEmbeddings({
  rows,
  dimensions,
  step,
}: Manifest): Promise<Float32Array<ArrayBuffer>> {
  const steps = new Int8Array((await loadBytes('embeddings.bin')).buffer);
  const values = new Float32Array(rows * dimensions);
  for (let column = 0; column < dimensions; column++) {
    for (let row = 0; row < rows; row++)
      values[row * dimensions + column] = steps[column * rows + row]! * step;
    await nextTask();
  }
  return values;
}

/** The held-out embeddings that judge, with their classes. */
export async function loadJudged({ step }: Manifest) {
  const [steps, labels] = await Promise.all([loadBytes('judged.bin'), loadBytes('judged-labels.bin')]);
  return { data: Float32Array.from(new Int8Array(steps.buffer), (value) => value * step), labels };
}

async function request(name: string): Promise<Response> {
  const address = new URL(`data/${name}`, document.baseURI);
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${name}: the server answered ${answer.status} ${answer.statusText}`);
  return answer;
}
