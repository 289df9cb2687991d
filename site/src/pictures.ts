/** Grey values on canvases. */

import { SIDE } from './data.js';

/** Draws a square of grey values from 0 to 255. */
export function drawGrey(canvas: HTMLCanvasElement, side: number, greyAt: (pixel: number) => number): void {
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext('2d')!;
  const picture = context.createImageData(side, side);
  for (let pixel = 0; pixel < side * side; pixel++) {
    const grey = greyAt(pixel);
    picture.data.set([grey, grey, grey, 255], pixel * 4);
  }
  context.putImageData(picture, 0, 0);
}

/** Images of 16 greys, two pixels in a byte. */
export class Thumbnails {
  readonly #packed: Uint8Array;
  readonly #side: number;

  constructor(packed: Uint8Array, side: number) {
    this.#packed = packed;
    this.#side = side;
  }

  draw(canvas: HTMLCanvasElement, row: number): void {
    const first = row * this.#side ** 2;
    drawGrey(canvas, this.#side, (pixel) => {
      const at = first + pixel;
      return ((this.#packed[at >> 1]! >> (at % 2 === 0 ? 0 : 4)) & 15) * 17;
    });
  }
}

/**
 * An image file as 28 x 28 greys from 0 to 1: whole, centred, light on dark as the images of Fashion-MNIST are.
 * One with a light border is turned into its negative.
 */
export async function readPicture(file: Blob): Promise<Float32Array> {
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  bitmap.close();

  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const opacity = Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[i * 4 + 3]! / 255);
  const grey = opacity.map(
    (_, i) => (0.299 * data[i * 4]! + 0.587 * data[i * 4 + 1]! + 0.114 * data[i * 4 + 2]!) / 255,
  );
  const border = grey.filter((_, i) => isBorder(i) && opacity[i]! > 0.5);
  const isLight = border.length > 0 && border.reduce((sum, value) => sum + value, 0) / border.length > 0.5;
  return grey.map((value, i) => (isLight ? 1 - value : value) * opacity[i]!);
}

function isBorder(pixel: number): boolean {
  const [x, y] = [pixel % SIDE, Math.floor(pixel / SIDE)];
  return x === 0 || y === 0 || x === SIDE - 1 || y === SIDE - 1;
}
