/** The images as codes of each method and length, searched in the worker. */

import type { Client, HammingIndex, Model, Vectors } from 'h2q/client';
import { loadBytes, loadEmbeddings, type Manifest, type Method, PIXELS } from './data.js';

/** What codes are made by: a method that came with the page, or the rotation that was learnt on it. */
export type Maker = Method | 'learnt';

export interface Hits {
  rows: Uint32Array;
  distances: Int32Array;
  /** From the pixels to the hits: embedding, encoding and search, there and back. */
  milliseconds: number;
  /** The search alone. */
  searchMilliseconds: number;
}

interface Shelf {
  model: Model;
  index: HammingIndex;
}

export class Searcher {
  readonly #client: Client;
  readonly #manifest: Manifest;
  readonly #embedding: Promise<Model>;
  readonly #shelves = new Map<string, Promise<Shelf>>();
  #vectors: Promise<Vectors> | undefined;

  constructor(client: Client, manifest: Manifest) {
    this.#client = client;
    this.#manifest = manifest;
    this.#embedding = this.#load('embedding.h2q');
    // Its codes came with the page, so that this one need not wait for the embeddings.
    this.#shelves.set('h2q-64', this.#ready());
  }

  /** Makes the codes of all images, at first use. */
  prepare(maker: Maker, bits: number): Promise<Shelf> {
    const key = `${maker}-${bits}`;
    const shelf =
      this.#shelves.get(key) ?? this.#load(`models/${key}.h2q`).then((model) => this.#encode(model));
    this.#shelves.set(key, shelf);
    // A failure of the network need not last.
    shelf.catch(() => this.#shelves.delete(key));
    return shelf;
  }

  /** Takes a model that was learnt elsewhere. */
  async adopt(bytes: Uint8Array): Promise<void> {
    const model = await this.#client.Model.fromBytes(bytes);
    this.#shelves.set(`learnt-${model.bits}`, Promise.resolve(await this.#encode(model)));
  }

  /** The `count` nearest of an image of 28 x 28 greys from 0 to 1. */
  async search(image: Float32Array, maker: Maker, bits: number, count: number): Promise<Hits> {
    const [embedding, { model, index }] = await Promise.all([this.#embedding, this.prepare(maker, bits)]);
    const started = performance.now();
    const embedded = await embedding.transform({ data: image, columns: PIXELS });
    const code = await model.encode(embedded);
    const encoded = performance.now();
    const { rows, distances } = await index.search(code, count);
    const ended = performance.now();
    return { rows, distances, milliseconds: ended - started, searchMilliseconds: ended - encoded };
  }

  async #encode(model: Model): Promise<Shelf> {
    this.#vectors ??= this.#loadVectors();
    const codes = await model.encode(await this.#vectors);
    return { model, index: await this.#client.HammingIndex.build(codes, { transfer: true }) };
  }

  async #ready(): Promise<Shelf> {
    const [model, data] = await Promise.all([this.#load('models/h2q-64.h2q'), loadBytes('codes.bin')]);
    const codes = { data, bits: 64, layout: 'lsb' } as const;
    return { model, index: await this.#client.HammingIndex.build(codes, { transfer: true }) };
  }

  async #loadVectors(): Promise<Vectors> {
    const data = await loadEmbeddings(this.#manifest);
    return this.#client.Vectors.from({ data, columns: this.#manifest.dimensions }, { transfer: true });
  }

  async #load(file: string): Promise<Model> {
    return this.#client.Model.fromBytes(await loadBytes(file));
  }
}
