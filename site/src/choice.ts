/** What codes are made by and how long they are: two groups of radio buttons, and the table of their precision. */

import { BITS, type Manifest, METHODS } from './data.js';
import { byId, element } from './dom.js';
import type { Maker } from './searcher.js';

const NAMES: Record<Maker, string> = {
  identity: 'Plain sign',
  random: 'Random rotation',
  itq: 'ITQ',
  h2q: 'H²Q',
  learnt: 'Learnt here',
};

export class Choice {
  readonly #form = byId('choice', HTMLFormElement);
  readonly #table = byId('precision', HTMLTableElement);
  readonly #cells = new Map<string, HTMLElement>();
  /** Bits of the rotation that was learnt on the page. */
  #learntBits: number | undefined;

  constructor({ models, floatPrecision }: Manifest, onChange: () => void) {
    const body = this.#table.tBodies[0]!;
    for (const maker of [...METHODS, 'learnt'] as const) {
      const row = element('tr', maker);
      const name = element('th', '', element('span', 'swatch'), NAMES[maker]);
      name.scope = 'row';
      row.append(name);
      for (const bits of BITS) {
        const known = models.find((each) => each.method === maker && each.bits === bits);
        const cell = element('td', '', known ? known.precision.toFixed(3) : '–');
        cell.dataset['testid'] = `precision-${maker}-${bits}`;
        this.#cells.set(`${maker}-${bits}`, cell);
        row.append(cell);
      }
      body.append(row);
    }
    byId('float-precision', HTMLElement).textContent = floatPrecision.toFixed(3);
    this.#form.addEventListener('change', () => {
      this.#mark();
      onChange();
    });
    this.#mark();
  }

  get maker(): Maker {
    return this.#chosen('method') as Maker;
  }

  get bits(): number {
    // A learnt rotation has its own length.
    if (this.maker === 'learnt' && this.#learntBits !== undefined) return this.#learntBits;
    return Number(this.#chosen('bits'));
  }

  get description(): string {
    return `${NAMES[this.maker]}, ${this.bits} bits`;
  }

  /** Offers what was learnt on the page, instead of what was before. */
  offerLearnt(bits: number): void {
    for (const each of BITS) this.#cells.get(`learnt-${each}`)!.textContent = '–';
    this.#learntBits = bits;
    byId('method-learnt', HTMLInputElement).disabled = false;
    this.showLearntPrecision('…');
    this.#mark();
  }

  showLearntPrecision(text: string): void {
    this.#cells.get(`learnt-${this.#learntBits}`)!.textContent = text;
  }

  chooseLearnt(): void {
    byId('method-learnt', HTMLInputElement).checked = true;
    this.#form.dispatchEvent(new Event('change'));
  }

  /** Also of buttons that are disabled, which a FormData leaves out. */
  #chosen(name: string): string {
    return (this.#form.elements.namedItem(name) as RadioNodeList).value;
  }

  #mark(): void {
    for (const radio of this.#form.querySelectorAll<HTMLInputElement>('input[name="bits"]')) {
      radio.disabled = this.maker === 'learnt';
    }
    for (const [key, cell] of this.#cells) {
      const isChosen = key === `${this.maker}-${this.bits}`;
      cell.classList.toggle('chosen', isChosen);
      if (isChosen) cell.setAttribute('aria-current', 'true');
      else cell.removeAttribute('aria-current');
    }
  }
}
