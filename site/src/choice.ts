/** What codes are made by and how long they are: groups of radio buttons, and the table of their precision. */

import { BITS, type Manifest, METHODS, ROUTES, type Route } from './data.js';
import { byId, element } from './dom.js';
import type { Maker, Wanted } from './searcher.js';

const NAMES: Record<Maker, string> = {
  identity: 'Plain sign',
  random: 'Random rotation',
  itq: 'ITQ',
  h2q: 'H²Q',
  neighbours: 'H²Q, neighbours',
  learnt: 'Learnt here',
};

const ROUTE_NAMES: Record<Route, string> = {
  unsupervised: 'Unsupervised',
  'two-stage': 'Two stages',
};

export class Choice {
  readonly #form = byId('choice', HTMLFormElement);
  readonly #table = byId('precision', HTMLTableElement);
  readonly #cells = new Map<string, HTMLElement>();
  /** The rotation that was learnt on the page. */
  #learnt: { route: Route; bits: number } | undefined;

  constructor(manifest: Manifest, onChange: () => void) {
    this.#table.append(...ROUTES.map((route) => this.#rowsOf(route, manifest)));
    this.#form.addEventListener('change', () => {
      this.#mark();
      onChange();
    });
    this.#mark();
  }

  get wanted(): Wanted {
    return { route: this.#route, maker: this.maker, bits: this.#bits };
  }

  get maker(): Maker {
    return this.#chosen('method') as Maker;
  }

  get description(): string {
    return `${ROUTE_NAMES[this.#route]}, ${NAMES[this.maker]}, ${this.#bits} bits`;
  }

  /** Offers what was learnt on the page, instead of what was before. */
  offerLearnt(route: Route, bits: number): void {
    for (const former of ROUTES)
      for (const each of BITS) this.#cell(former, 'learnt', each).textContent = '–';
    this.#learnt = { route, bits };
    byId('method-learnt', HTMLInputElement).disabled = false;
    this.showLearntPrecision('…');
    this.#mark();
  }

  showLearntPrecision(text: string): void {
    if (this.#learnt) this.#cell(this.#learnt.route, 'learnt', this.#learnt.bits).textContent = text;
  }

  chooseLearnt(): void {
    byId('method-learnt', HTMLInputElement).checked = true;
    this.#form.dispatchEvent(new Event('change'));
  }

  get #route(): Route {
    return this.#chosen('route') as Route;
  }

  get #bits(): number {
    return Number(this.#chosen('bits'));
  }

  #rowsOf(route: Route, { models, floats }: Manifest): HTMLElement {
    const title = element('th', '', ROUTE_NAMES[route]);
    title.scope = 'rowgroup';
    title.colSpan = BITS.length + 1;
    const body = element('tbody', '', element('tr', 'route', title));
    for (const maker of [...METHODS, 'learnt'] as const) {
      const known = models.filter((each) => each.route === route && each.method === maker);
      const row = element('tr', maker, heading(element('span', 'swatch'), NAMES[maker]));
      for (const bits of BITS) {
        const cell = element('td', '', precisionAt(known, bits));
        cell.dataset['testid'] = `precision-${route}-${maker}-${bits}`;
        this.#cells.set(keyOf(route, maker, bits), cell);
        row.append(cell);
      }
      body.append(row);
    }
    const known = floats.filter((each) => each.route === route);
    const cells = BITS.map((bits) => element('td', '', precisionAt(known, bits)));
    body.append(element('tr', 'float', heading('Embedding itself'), ...cells));
    return body;
  }

  #cell(route: Route, maker: Maker, bits: number): HTMLElement {
    return this.#cells.get(keyOf(route, maker, bits))!;
  }

  /** Also of buttons that are disabled, which a FormData leaves out. */
  #chosen(name: string): string {
    return (this.#form.elements.namedItem(name) as RadioNodeList).value;
  }

  #mark(): void {
    const isLearnt = this.maker === 'learnt';
    // A learnt rotation has its own route and length.
    const own = isLearnt ? this.#learnt : undefined;
    for (const [name, value] of Object.entries(own ?? {}))
      (this.#form.elements.namedItem(name) as RadioNodeList).value = String(value);
    for (const radio of this.#form.querySelectorAll<HTMLInputElement>('[name="bits"], [name="route"]'))
      radio.disabled = isLearnt;
    const chosen = this.#cell(this.#route, this.maker, this.#bits);
    for (const cell of this.#cells.values()) {
      cell.classList.toggle('chosen', cell === chosen);
      if (cell === chosen) cell.setAttribute('aria-current', 'true');
      else cell.removeAttribute('aria-current');
    }
  }
}

function keyOf(route: Route, maker: Maker, bits: number): string {
  return `${route}-${maker}-${bits}`;
}

function heading(...content: (Node | string)[]): HTMLElement {
  const made = element('th', '', ...content);
  made.scope = 'row';
  return made;
}

function precisionAt(known: readonly { bits: number; precision: number }[], bits: number): string {
  return known.find((each) => each.bits === bits)?.precision.toFixed(3) ?? '–';
}
