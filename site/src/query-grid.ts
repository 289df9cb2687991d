/** Held-out images to pick from: by pointer as fast as it moves, or by arrow keys. */

import { PIXELS, SIDE } from './data.js';
import { element } from './dom.js';
import { drawGrey } from './pictures.js';

export class QueryGrid {
  readonly #options: HTMLElement[];
  readonly #onPick: (image: number) => void;
  #picked = -1;

  constructor(host: HTMLElement, images: Uint8Array, names: string[], onPick: (image: number) => void) {
    this.#onPick = onPick;
    this.#options = names.map((name, image) => {
      const canvas = element('canvas');
      drawGrey(canvas, SIDE, (pixel) => images[image * PIXELS + pixel]!);
      const option = element('div', 'option', canvas);
      option.setAttribute('role', 'option');
      option.setAttribute(
        'aria-label',
        `${name} ${names.slice(0, image).filter((each) => each === name).length + 1}`,
      );
      option.setAttribute('aria-selected', 'false');
      option.tabIndex = image === 0 ? 0 : -1;
      option.dataset['image'] = String(image);
      return option;
    });
    host.replaceChildren(...this.#options);
    host.addEventListener('pointermove', (event) => {
      // Scrolling also brings images under a pointer that rests.
      const moves = event.movementX !== 0 || event.movementY !== 0;
      if (event.pointerType === 'mouse' && moves) this.#pickUnder(event.target);
    });
    host.addEventListener('click', (event) => this.#pickUnder(event.target));
    host.addEventListener('keydown', (event) => this.#move(event));
  }

  pick(image: number): void {
    const option = this.#options[image];
    if (!option) return;
    this.unpick();
    this.#picked = image;
    option.setAttribute('aria-selected', 'true');
    for (const each of this.#options) each.tabIndex = each === option ? 0 : -1;
    this.#onPick(image);
  }

  /** None is what is looked for. */
  unpick(): void {
    this.#options[this.#picked]?.setAttribute('aria-selected', 'false');
    this.#picked = -1;
  }

  #pickUnder(target: EventTarget | null): void {
    const option = target instanceof Element ? target.closest<HTMLElement>('[data-image]') : null;
    const image = Number(option?.dataset['image'] ?? -1);
    if (image !== this.#picked) this.pick(image);
  }

  #move(event: KeyboardEvent): void {
    const focused = this.#options.indexOf(event.target as HTMLElement);
    const last = this.#options.length - 1;
    const next = {
      ArrowLeft: focused - 1,
      ArrowRight: focused + 1,
      ArrowUp: focused - this.#columns(),
      ArrowDown: focused + this.#columns(),
      Home: 0,
      End: last,
      ' ': focused,
      Enter: focused,
    }[event.key];
    if (next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (next < 0 || next > last) return;
    this.pick(next);
    this.#options[next]?.focus();
  }

  /** As many as fit into the first row. */
  #columns(): number {
    const top = this.#options[0]?.offsetTop;
    const second = this.#options.findIndex((option) => option.offsetTop !== top);
    return second > 0 ? second : this.#options.length;
  }
}
