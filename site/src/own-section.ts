/** A visitor's own file: an image to look for, or vectors to learn from and to search. It never leaves the machine. */

import type { Client, Codes, HammingIndex, Vectors } from 'h2q/client';
import { byId, describeError, element, formatCount } from './dom.js';
import { FitView } from './fit-view.js';
import { Latest } from './latest.js';
import type { NeighboursSection } from './neighbours-section.js';
import { readPicture } from './pictures.js';

/** Rows that are learnt from: of more, a sample. */
const SAMPLE = 5000;
const MOST_BITS = 64;
const HITS = 10;

interface Own {
  vectors: Vectors;
  codes: Codes;
  index: HammingIndex;
}

export class OwnSection {
  readonly #client: Client;
  readonly #neighbours: NeighboursSection;
  readonly #alert: (text: string) => void;
  readonly #view: FitView;
  readonly #result = byId('own-result', HTMLElement);
  readonly #row = byId('own-row', HTMLInputElement);
  readonly #latest = new Latest();
  #own: Own | undefined;

  constructor(client: Client, neighbours: NeighboursSection, alert: (text: string) => void) {
    this.#client = client;
    this.#neighbours = neighbours;
    this.#alert = alert;
    const [charts, status] = [byId('own-charts', HTMLElement), byId('own-status', HTMLElement)];
    this.#view = new FitView(charts, status, byId('own-abort', HTMLButtonElement));
    const input = byId('own-file', HTMLInputElement);
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (file) void this.#take(file);
      // The same file again is a change, too.
      input.value = '';
    });
    this.#row.addEventListener('input', () => this.#search());
    this.#acceptDrops(byId('drop', HTMLElement));
  }

  /** Files may be dropped anywhere; a browser would leave the page for them. */
  #acceptDrops(zone: HTMLElement): void {
    document.addEventListener('dragover', (event) => {
      event.preventDefault();
      zone.classList.add('over');
    });
    document.addEventListener(
      'dragleave',
      (event) => event.relatedTarget === null && zone.classList.remove('over'),
    );
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      zone.classList.remove('over');
      const file = event.dataTransfer?.files[0];
      if (file) void this.#take(file);
    });
  }

  async #take(file: File): Promise<void> {
    this.#alert('');
    if (file.type.startsWith('image/')) await this.#takeImage(file);
    else await this.#takeVectors(file);
  }

  async #takeImage(file: File): Promise<void> {
    try {
      this.#neighbours.showImage(await readPicture(file), file.name);
      this.#view.say(`${file.name} is looked for among the images above.`);
      byId('neighbours', HTMLElement).scrollIntoView();
    } catch (error) {
      this.#alert(`${file.name}: not an image that this browser can read (${describeError(error)})`);
    }
  }

  async #takeVectors(file: File): Promise<void> {
    try {
      this.#view.say(`Reading ${file.name} …`);
      const vectors = await this.#client.readVectors(file);
      const { rows, columns } = vectors;
      byId('own', HTMLElement).scrollIntoView();
      byId('own-fit', HTMLElement).hidden = false;
      this.#result.hidden = true;
      const sample =
        rows > SAMPLE ? (await this.#client.sampleVectors(file, { rows: SAMPLE })).vectors : vectors;
      // Too few columns are refused by h2q itself, in its own words.
      const bits = Math.min(MOST_BITS, Math.max(8, columns - (columns % 8)));
      const model = await this.#view.run(this.#client, sample, { bits, solver: 'auto', epochs: 200 });
      if (!model) return;

      const codes = await model.encode(vectors);
      this.#own?.vectors.release();
      this.#own?.index.release();
      this.#own = { vectors, codes, index: await this.#client.HammingIndex.build(codes) };
      this.#row.max = String(rows - 1);
      this.#row.value = '0';
      byId('own-summary', HTMLElement).textContent =
        `${file.name}: ${formatCount(rows)} rows of ${columns} values, ${bits} bits each: ${formatCount(codes.data.length)} bytes instead of ${formatCount(rows * columns * 4)}.`;
      this.#result.hidden = false;
      this.#search();
    } catch (error) {
      this.#view.say(`${file.name} was not taken.`);
      this.#alert(describeError(error));
    }
  }

  #search(): void {
    this.#latest.run(async () => {
      const { codes, index } = this.#own!;
      const row = this.#row.valueAsNumber;
      if (!Number.isInteger(row) || row < 0 || row >= index.rows) return;
      const length = codes.bits / 8;
      const query = { ...codes, data: codes.data.slice(row * length, (row + 1) * length) };
      const { rows, distances } = await index.search(query, HITS);
      const items = Array.from(rows, (hit, i) =>
        element(
          'li',
          '',
          `row ${formatCount(hit)} `,
          element('span', 'distance', `distance ${distances[i]}`),
        ),
      );
      byId('own-hits', HTMLOListElement).replaceChildren(...items);
    });
  }
}
