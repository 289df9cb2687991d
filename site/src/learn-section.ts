/** Learning a rotation from a sample of the images, while one looks. */

import type { Client, Model, Vectors } from 'h2q/client';
import { headFile, loadBytes, loadEmbeddings, loadJudged, type Manifest, type Route } from './data.js';
import { byId, describeError } from './dom.js';
import { FitView } from './fit-view.js';
import type { NeighboursSection } from './neighbours-section.js';

/** Enough for 64 coordinates, and a fit of moments. */
const SAMPLE = 5000;
/** The most epochs: majorisation converges long before, the paper's procedure goes on for 150. */
const EPOCHS = { auto: 200, sgd: 60 };

export class LearnSection {
  readonly #client: Client;
  readonly #manifest: Manifest;
  readonly #neighbours: NeighboursSection;
  readonly #alert: (text: string) => void;
  readonly #view: FitView;
  readonly #form = byId('learn-form', HTMLFormElement);
  readonly #heads = new Map<number, Promise<Model>>();
  #rows: Promise<{ all: Vectors; sample: Vectors }> | undefined;

  constructor(
    client: Client,
    manifest: Manifest,
    neighbours: NeighboursSection,
    alert: (text: string) => void,
  ) {
    this.#client = client;
    this.#manifest = manifest;
    this.#neighbours = neighbours;
    this.#alert = alert;
    this.#view = new FitView(
      byId('learn-charts', HTMLElement),
      byId('learn-status', HTMLElement),
      byId('learn-abort', HTMLButtonElement),
    );
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#learn();
    });
    byId('learn-use', HTMLButtonElement).addEventListener('click', () => {
      neighbours.choice.chooseLearnt();
      byId('neighbours', HTMLElement).scrollIntoView();
      byId('method-learnt', HTMLInputElement).focus({ preventScroll: true });
    });
  }

  async #learn(): Promise<void> {
    const choice = new FormData(this.#form);
    const bits = Number(choice.get('learn-bits'));
    const solver = choice.get('solver') === 'sgd' ? 'sgd' : 'auto';
    const route: Route = choice.get('learn-route') === 'two-stage' ? 'two-stage' : 'unsupervised';
    try {
      this.#view.say('Fetching the embeddings …');
      this.#rows ??= this.#load();
      const { all, sample } = await this.#rows;
      const head = route === 'two-stage' ? await this.#head(bits) : undefined;
      const request = { bits, solver, epochs: EPOCHS[solver], head } as const;
      const model = await this.#view.run(this.#client, sample, request);
      if (model) await this.#use(model, route, all);
    } catch (error) {
      this.#view.say('The fit failed.');
      this.#alert(`The fit failed: ${describeError(error)}`);
    }
  }

  /** Hands the model to the search, and judges it. */
  async #use(model: Model, route: Route, all: Vectors): Promise<void> {
    await this.#neighbours.adopt(await model.toBytes(), route, model.bits);
    byId('learn-use', HTMLButtonElement).disabled = false;
    const { cutOff, dimensions } = this.#manifest;
    const [judged, databaseLabels] = await Promise.all([loadJudged(this.#manifest), loadBytes('labels.bin')]);
    const { at } = await this.#client.evaluate({
      model,
      database: all,
      databaseLabels,
      queries: { data: judged.data, columns: dimensions },
      queryLabels: judged.labels,
      at: [cutOff],
      // Not asked for here, and to find them would take longer than all else.
      neighbours: { rows: new Uint32Array(judged.labels.length), count: 1 },
    });
    this.#neighbours.choice.showLearntPrecision(at[cutOff]!.precision.toFixed(3));
    model.release();
  }

  /** Of the two stages the first came with the page: heads are learnt by the native addon alone. */
  #head(bits: number): Promise<Model> {
    const head =
      this.#heads.get(bits) ?? loadBytes(headFile(bits)).then((bytes) => this.#client.Model.fromBytes(bytes));
    this.#heads.set(bits, head);
    // A failure of the network need not last.
    head.catch(() => this.#heads.delete(bits));
    return head;
  }

  async #load(): Promise<{ all: Vectors; sample: Vectors }> {
    const columns = this.#manifest.dimensions;
    const data = await loadEmbeddings(this.#manifest);
    const sample = await this.#client.Vectors.from(
      { data: data.slice(0, SAMPLE * columns), columns },
      { transfer: true },
    );
    return { sample, all: await this.#client.Vectors.from({ data, columns }, { transfer: true }) };
  }
}
