import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listPictures } from '../../ts/embed/index.js';
import { onWhite } from '../../ts/embed/pictures.js';
import { Workplace } from '../cli/h2q.js';
import { fixture, PICTURES } from './networks.js';

const work = new Workplace();

it('lists the pictures of a folder in the order of their characters, at any depth', async () => {
  expect(await listPictures(fixture('pictures'))).toEqual(PICTURES);
  for (const name of ['b/z', 'B', '.git']) mkdirSync(join(work.path, name), { recursive: true });
  for (const name of [
    'b/z/1.PNG',
    'b.webp',
    'B/2.jpeg',
    'a.txt',
    '.c.png',
    '.git/d.png',
    'e.png.gz',
    'png',
  ]) {
    writeFileSync(join(work.path, name), '');
  }
  symlinkSync(join(work.path, 'b.webp'), join(work.path, 'link.gif'));
  symlinkSync(join(work.path, 'b'), join(work.path, 'round.png'));
  expect(await listPictures(work.path)).toEqual(['B/2.jpeg', 'b.webp', 'b/z/1.PNG', 'link.gif']);
});

it('lays what is transparent on white', () => {
  const data = Uint8ClampedArray.of(1, 2, 3, 255, 1, 2, 3, 0, 0, 100, 200, 51);
  expect(onWhite({ data, width: 3, height: 1 })).toEqual({
    data: Uint8ClampedArray.of(1, 2, 3, 255, 255, 255, 204, 224, 244),
    ...{ width: 3, height: 1 },
  });
});
