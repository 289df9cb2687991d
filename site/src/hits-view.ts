/** The nearest images: made once, then only changed, as they follow the pointer. */

import { element } from './dom.js';
import type { Thumbnails } from './pictures.js';
import type { Hits } from './searcher.js';

/** As many as fill whole rows of the page. */
export const HITS = 20;

interface Tile {
  item: HTMLElement;
  canvas: HTMLCanvasElement;
  name: HTMLElement;
  distance: HTMLElement;
}

export class HitsView {
  readonly #tiles: Tile[];
  readonly #thumbnails: Thumbnails;
  readonly #labels: Uint8Array;
  readonly #classNames: string[];

  constructor(host: HTMLElement, thumbnails: Thumbnails, labels: Uint8Array, classNames: string[]) {
    this.#thumbnails = thumbnails;
    this.#labels = labels;
    this.#classNames = classNames;
    this.#tiles = Array.from({ length: HITS }, () => {
      const [canvas, name, distance] = [
        element('canvas'),
        element('span', 'name'),
        element('span', 'distance'),
      ];
      return { item: element('li', '', canvas, name, distance), canvas, name, distance };
    });
    host.replaceChildren(...this.#tiles.map(({ item }) => item));
  }

  /** `label` is the class of what was looked for, where that is known. */
  show({ rows, distances }: Hits, label: number | undefined): void {
    this.#tiles.forEach(({ item, canvas, name, distance }, i) => {
      const row = rows[i]!;
      const found = this.#labels[row]!;
      this.#thumbnails.draw(canvas, row);
      item.className = label === undefined ? '' : label === found ? 'right' : 'wrong';
      item.dataset['row'] = String(row);
      name.textContent = this.#classNames[found]!;
      distance.textContent = `${distances[i]}`;
      distance.setAttribute('aria-label', `, distance ${distances[i]}`);
    });
  }

  /** The classes found, most frequent first: "17 Sneaker, 3 Sandal". */
  summarise({ rows }: Hits): string {
    const counts = new Map<number, number>();
    for (const row of rows) counts.set(this.#labels[row]!, (counts.get(this.#labels[row]!) ?? 0) + 1);
    const sorted = [...counts].sort(([, a], [, b]) => b - a);
    return sorted.map(([label, count]) => `${count} ${this.#classNames[label]}`).join(', ');
  }
}
