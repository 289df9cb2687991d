/** The images as codes of each method and length, searched in the worker. */

import type { Client, HammingIndex, Model, Vectors } from 'h2q/client';
import { loadBytes, loadEmbeddings, type Manifest, type Method, nameOf, PIXELS, type Route } from './data.js';

/** What codes are made by: a method that came with the page, or the rotation that was learnt on it. */
export type Maker = Method | 'learnt';

/** What codes are of. */
export interface Wanted {
  route: Route;
  maker: Maker;
  bits: number;
}

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
  readonly #withCodes: Set<string>;
  readonly #shelves = new Map<string, Promise<Shelf>>();
  #vectors: Promise<Vectors> | undefined;
  /** The search that began last. */
  #lastSearch: Promise<unknown> = Promise.resolve();

  constructor(client: Client, manifest: Manifest) {
    this.#client = client;
    this.#manifest = manifest;
    const made = manifest.models.filter(({ hasCodes }) => hasCodes);
    this.#withCodes = new Set(made.map(({ route, method, bits }) => nameOf(route, method, bits)));
    this.#embedding = this.#load('embedding.h2q');
    // What the page begins with.
    void this.prepare({ route: 'unsupervised', maker: 'h2q', bits: 64 }).catch(() => {});
  }

  /** Makes the codes of all images, at first use. */
  prepare({ route, maker, bits }: Wanted): Promise<Shelf> {
    // Of those that were learnt there is only the last.
    const key = maker === 'learnt' ? maker : nameOf(route, maker, bits);
    const shelf = this.#shelves.get(key) ?? this.#make(key);
    this.#shelves.set(key, shelf);
    // A failure of the network need not last.
    shelf.catch(() => this.#shelves.delete(key));
    return shelf;
  }

  /** Takes a model that was learnt elsewhere, in place of the one before. */
  async adopt(bytes: Uint8Array): Promise<void> {
    const shelf = await this.#encode(await this.#client.Model.fromBytes(bytes));
    const former = this.#shelves.get('learnt');
    this.#shelves.set('learnt', Promise.resolve(shelf));
    // A search may have begun with it.
    await this.#lastSearch.catch(() => {});
    for (const each of Object.values((await former) ?? {})) each.release();
  }

  /** The `count` nearest of an image of 28 x 28 greys from 0 to 1; one search at a time. */
  search(image: Float32Array, wanted: Wanted, count: number): Promise<Hits> {
    const hits = this.#find(image, wanted, count);
    this.#lastSearch = hits;
    return hits;
  }

  async #find(image: Float32Array, wanted: Wanted, count: number): Promise<Hits> {
    const [embedding, { model, index }] = await Promise.all([this.#embedding, this.prepare(wanted)]);
    const started = performance.now();
    const embedded = await embedding.transform({ data: image, columns: PIXELS });
    const code = await model.encode(embedded);
    const encoded = performance.now();
    const { rows, distances } = await index.search(code, count);
    const ended = performance.now();
    return { rows, distances, milliseconds: ended - started, searchMilliseconds: ended - encoded };
  }

  async #make(name: string): Promise<Shelf> {
    const [model, data] = await Promise.all([
      this.#load(`models/${name}.h2q`),
      // With codes of its own it need not wait for the embeddings.
      this.#withCodes.has(name) ? loadBytes(`codes/${name}.bin`) : undefined,
    ]);
    if (data === undefined) return this.#encode(model);
    const codes = { data, bits: model.bits, layout: 'lsb' } as const;
    return { model, index: await this.#client.HammingIndex.build(codes, { transfer: true }) };
  }

  async #encode(model: Model): Promise<Shelf> {
    this.#vectors ??= this.#loadVectors();
    const codes = await model.encode(await this.#vectors);
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
