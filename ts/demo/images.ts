/** Many small grey images as one PNG, so that a page carries them in a single data URI. */

import { encode } from 'fast-png';

/** Grey images of one size, one after another, one byte a pixel. */
export interface ImageSet {
  images: Uint8Array;
  width: number;
  height: number;
}

/** A picture that is a grid of equal tiles. */
export interface Sprite {
  /** `data:image/png;base64,…` */
  uri: string;
  /** Tiles per row of the grid. */
  columns: number;
  /** Where each image lies: its number in the grid, counted row by row, by the key given to {@link buildSprite}. */
  tiles: Map<string, number>;
}

/** One tile to be: the image at `row` of `set`, found later under `key`. */
export interface TileSource {
  key: string;
  set: ImageSet;
  row: number;
}

/** Lays the images out as a nearly square grid; a key that comes twice gets one tile. */
export function buildSprite(sources: Iterable<TileSource>): Sprite {
  const unique = [...new Map(Array.from(sources, (source) => [source.key, source])).values()];
  const columns = Math.max(1, Math.ceil(Math.sqrt(unique.length)));
  return {
    uri: toDataUri(paint(unique, columns)),
    columns,
    tiles: new Map(unique.map((source, tile) => [source.key, tile])),
  };
}

interface Picture {
  width: number;
  height: number;
  pixels: Uint8Array;
}

function paint(sources: TileSource[], columns: number): Picture {
  const { width, height } = sources[0]?.set ?? { width: 1, height: 1 };
  const rows = Math.max(1, Math.ceil(sources.length / columns));
  const picture = {
    width: columns * width,
    height: rows * height,
    pixels: new Uint8Array(columns * rows * width * height),
  };
  sources.forEach(({ set, row }, tile) => {
    const left = (tile % columns) * width;
    const top = Math.floor(tile / columns) * height;
    for (let y = 0; y < height; y++) {
      const start = (row * height + y) * width;
      picture.pixels.set(set.images.subarray(start, start + width), (top + y) * picture.width + left);
    }
  });
  return picture;
}

function toDataUri({ width, height, pixels }: Picture): string {
  const png = encode({ width, height, data: pixels, depth: 8, channels: 1 }, { zlib: { level: 9 } });
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}
