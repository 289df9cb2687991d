/** Pick, draw or drop an image, and see its neighbours. */

import type { Client } from 'h2q/client';
import { CanvasInput } from './canvas-input.js';
import { Choice } from './choice.js';
import { loadBytes, type Manifest, PIXELS, type Route } from './data.js';
import { byId, describeError, formatCount, formatMilliseconds } from './dom.js';
import { HITS, HitsView } from './hits-view.js';
import { Latest } from './latest.js';
import { Thumbnails } from './pictures.js';
import { QueryGrid } from './query-grid.js';
import { Searcher } from './searcher.js';

/** What is said waits until the pointer rests, in milliseconds. */
const REST = 700;

export class NeighboursSection {
  readonly choice: Choice;
  readonly #searcher: Searcher;
  readonly #manifest: Manifest;
  readonly #canvas: CanvasInput;
  readonly #grid: QueryGrid;
  readonly #hits: HitsView;
  readonly #latest = new Latest();
  readonly #time = byId('search-time', HTMLElement);
  readonly #status = byId('search-status', HTMLElement);
  readonly #alert: (text: string) => void;
  #label: number | undefined;
  #name = '';
  #resting: ReturnType<typeof setTimeout> | undefined;

  static async open(
    client: Client,
    manifest: Manifest,
    alert: (text: string) => void,
  ): Promise<NeighboursSection> {
    const searcher = new Searcher(client, manifest);
    const files = ['queries.bin', 'labels.bin', 'images.bin'].map(loadBytes);
    const [queries, labels, images] = (await Promise.all(files)) as [Uint8Array, Uint8Array, Uint8Array];
    return new NeighboursSection(
      searcher,
      manifest,
      queries,
      labels,
      new Thumbnails(images, manifest.side),
      alert,
    );
  }

  private constructor(
    searcher: Searcher,
    manifest: Manifest,
    queries: Uint8Array,
    labels: Uint8Array,
    thumbnails: Thumbnails,
    alert: (text: string) => void,
  ) {
    this.#searcher = searcher;
    this.#manifest = manifest;
    this.#alert = alert;
    this.#hits = new HitsView(byId('hits', HTMLOListElement), thumbnails, labels, manifest.classNames);
    this.choice = new Choice(manifest, () => this.#search());

    const canvas = byId('drawing', HTMLCanvasElement);
    this.#canvas = new CanvasInput(canvas, () => this.#drawn('your drawing'));
    byId('clear', HTMLButtonElement).addEventListener('click', () => this.#canvas.clear());
    const eraser = byId('eraser', HTMLButtonElement);
    eraser.addEventListener('click', () => {
      this.#canvas.isErasing = !this.#canvas.isErasing;
      eraser.setAttribute('aria-pressed', String(this.#canvas.isErasing));
    });

    const names = manifest.queryLabels.map((label) => manifest.classNames[label]!);
    this.#grid = new QueryGrid(byId('queries', HTMLElement), queries, names, (image) => {
      this.#canvas.show(
        Float32Array.from(queries.subarray(image * PIXELS, (image + 1) * PIXELS), (grey) => grey / 255),
      );
      this.#label = manifest.queryLabels[image];
      this.#name = `a held-out ${names[image]}`;
      this.#search();
    });
    this.#grid.pick(0);
  }

  /** Looks for an image that was dropped. */
  showImage(image: Float32Array, name: string): void {
    this.#canvas.show(image);
    this.#drawn(name);
  }

  /** Offers a model that was learnt on the page, and searches with it if it is what was chosen. */
  async adopt(bytes: Uint8Array, route: Route, bits: number): Promise<void> {
    await this.#searcher.adopt(bytes);
    this.choice.offerLearnt(route, bits);
    if (this.choice.maker === 'learnt') this.#search();
  }

  #drawn(name: string): void {
    this.#grid.unpick();
    this.#label = undefined;
    this.#name = name;
    this.#search();
  }

  #search(): void {
    // Read when it begins: meanwhile the pointer has moved on.
    this.#latest.run(async () => {
      const { wanted, description } = this.choice;
      try {
        const hits = await this.#searcher.search(this.#canvas.image, wanted, HITS);
        this.#hits.show(hits, this.#label);
        const { milliseconds, searchMilliseconds } = hits;
        this.#time.textContent = `${formatCount(this.#manifest.rows)} codes searched in ${formatMilliseconds(searchMilliseconds)} ms; ${formatMilliseconds(milliseconds)} ms from the pixels on`;
        clearTimeout(this.#resting);
        const what = `${description}, ${this.#name}: ${this.#hits.summarise(hits)}.`;
        this.#resting = setTimeout(() => (this.#status.textContent = what), REST);
      } catch (error) {
        this.#alert(`The search failed: ${describeError(error)}`);
      }
    });
  }
}
