/** The image that is looked for, 28 x 28 greys, and drawing on it by pointer or keys. */

import { PIXELS, SIDE } from './data.js';
import { drawGrey } from './pictures.js';

/** Of the brush, in pixels. */
const RADIUS = 1.7;

export class CanvasInput {
  readonly #canvas: HTMLCanvasElement;
  readonly #onDraw: () => void;
  readonly #image = new Float32Array(PIXELS);
  #cursor = { x: SIDE / 2, y: SIDE / 2 };
  #showsCursor = false;
  /** Where the pointer was, while it draws. */
  #last: { x: number; y: number } | undefined;
  isErasing = false;

  constructor(canvas: HTMLCanvasElement, onDraw: () => void) {
    this.#canvas = canvas;
    this.#onDraw = onDraw;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#last = this.#place(event);
      this.#stroke(this.#last);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!this.#last) return;
      for (const each of event.getCoalescedEvents?.() ?? [event]) this.#stroke(this.#place(each));
    });
    for (const end of ['pointerup', 'pointercancel'])
      canvas.addEventListener(end, () => (this.#last = undefined));
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('blur', () => this.#setCursor(false));
    this.show(this.#image);
  }

  /** A copy, for a message to take with it. */
  get image(): Float32Array {
    return this.#image.slice();
  }

  show(image: Float32Array): void {
    this.#image.set(image);
    this.#paint();
  }

  clear(): void {
    this.#image.fill(0);
    this.#changed();
  }

  #place({ clientX, clientY }: PointerEvent): { x: number; y: number } {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return { x: ((clientX - left) / width) * SIDE, y: ((clientY - top) / height) * SIDE };
  }

  /** From where the last one ended, dab by dab. */
  #stroke(to: { x: number; y: number }): void {
    const from = this.#last ?? to;
    const dabs = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y)));
    for (let i = 1; i <= dabs; i++) {
      this.#dab(from.x + ((to.x - from.x) * i) / dabs, from.y + ((to.y - from.y) * i) / dabs);
    }
    if (this.#last) this.#last = to;
    this.#changed();
  }

  #dab(x: number, y: number): void {
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      const distance = Math.hypot((pixel % SIDE) + 0.5 - x, Math.floor(pixel / SIDE) + 0.5 - y);
      const ink = Math.min(1, Math.max(0, RADIUS - distance + 0.5));
      const grey = this.#image[pixel]!;
      this.#image[pixel] = this.isErasing ? Math.min(grey, 1 - ink) : Math.max(grey, ink);
    }
  }

  #key(event: KeyboardEvent): void {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const isDab = event.key === ' ' || event.key === 'Enter';
    const isClear = event.key === 'Delete' || event.key === 'Backspace';
    if (!step && !isDab && !isClear) return;
    event.preventDefault();
    this.#showsCursor = true;
    if (isClear) {
      this.clear();
      return;
    }
    const within = (value: number) => Math.min(SIDE - 0.5, Math.max(0.5, value));
    if (step) this.#cursor = { x: within(this.#cursor.x + step[0]!), y: within(this.#cursor.y + step[1]!) };
    // With Shift, moving draws.
    if (!isDab && !event.shiftKey) {
      this.#paint();
      return;
    }
    this.#dab(this.#cursor.x, this.#cursor.y);
    this.#changed();
  }

  #setCursor(shows: boolean): void {
    this.#showsCursor = shows;
    this.#paint();
  }

  #changed(): void {
    this.#paint();
    this.#onDraw();
  }

  #paint(): void {
    drawGrey(this.#canvas, SIDE, (pixel) => this.#image[pixel]! * 255);
    if (!this.#showsCursor) return;
    const context = this.#canvas.getContext('2d')!;
    context.fillStyle = '#ff6fae';
    context.fillRect(Math.floor(this.#cursor.x), Math.floor(this.#cursor.y), 1, 1);
  }
}
