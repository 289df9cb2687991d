/** Against Pillow, to the byte. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { filterOf, resize } from '../../ts/embed/resize.js';
import { fixture } from './networks.js';

const [WIDTH, HEIGHT] = [53, 37];
const SIZES = [
  [20, 16],
  [53, 20],
  [90, 37],
  [80, 91],
] as const;

const bytes = readFileSync(fixture('resized.npy'));
const all = Uint8ClampedArray.from(bytes.subarray(10 + bytes.readUInt16LE(8)));
const noise = { data: all.slice(0, WIDTH * HEIGHT * 3), width: WIDTH, height: HEIGHT };

it('pixels in every size by every filter are those of Pillow', () => {
  let at = noise.data.length;
  for (const [width, height] of SIZES) {
    for (const filter of [1, 2, 3, 4, 5]) {
      const end = at + width * height * 3;
      const resized = resize(noise, width, height, filter);
      expect(resized).toMatchObject({ width, height });
      expect(resized.data, `${width} x ${height}, filter ${filter}`).toEqual(all.subarray(at, end));
      at = end;
    }
  }
  expect(at).toBe(all.length);
});

it('knows filters by number and by name, and those that it does not do', () => {
  expect(['lanczos', 'bilinear', 'bicubic', 'box', 'hamming', 3].map(filterOf)).toEqual([1, 2, 3, 4, 5, 3]);
  expect(['nearest', 0, 6, undefined, 'toString'].map(filterOf)).toEqual(Array(5).fill(undefined));
});
