/**
 * Pictures in another size, to the byte as Pillow makes them, by which most networks for pictures were trained. What
 * transformers.js does instead leaves out pixels of larger pictures: their detail turns into noise.
 *
 * Every pixel is the mean of those that a filter reaches, weighted by it; where a picture becomes smaller the filter
 * becomes wider. First along the rows, then along the columns, with weights of 22 binary digits and bytes in between
 * (https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c).
 */

/** Bytes of red, green and blue (where said, also of opacity), row by row. */
export interface Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

interface Filter {
  /** How far it reaches. */
  support: number;
  weight(x: number): number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const within = (reach: number, weight: (x: number) => number): Filter => ({
  support: reach,
  weight: (x) => (Math.abs(x) < reach ? weight(Math.abs(x)) : 0),
});

/** Filters by the numbers that Pillow gives them; 0 takes the nearest pixel and is none. */
const FILTERS: Readonly<Record<number, Filter>> = {
  1: within(3, (x) => sinc(x) * sinc(x / 3)),
  2: within(1, (x) => 1 - x),
  // Cubic, with -1/2 for its parameter.
  3: within(2, (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2)),
  4: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  5: within(1, (x) => sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x))),
};

const NAMES: Readonly<Record<string, number>> = { lanczos: 1, bilinear: 2, bicubic: 3, box: 4, hamming: 5 };

/** The number of a filter that {@link resize} knows, from its number or name; undefined for others. */
export function filterOf(resample: unknown): number | undefined {
  const number = typeof resample === 'string' ? NAMES[resample] : resample;
  return typeof number === 'number' && number in FILTERS ? number : undefined;
}

/** A picture of `width` x `height`, by a filter of {@link filterOf}. */
export function resize(picture: Pixels, width: number, height: number, filter: number): Pixels {
  const across =
    width === picture.width ? picture : alongRows(picture, weightsOf(picture.width, width, filter));
  if (height === across.height) return across;
  // Along the columns is along the rows of the picture on its side.
  return turned(alongRows(turned(across), weightsOf(across.height, height, filter)));
}

/** For each new pixel: the first old one that counts, and the weights of it and those that follow. */
type Weights = readonly { first: number; weights: Int32Array }[];

const ONE = 2 ** 22;

function weightsOf(from: number, to: number, number: number): Weights {
  const filter = FILTERS[number] as Filter;
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = filter.support * stretch;
  return Array.from({ length: to }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(from, Math.trunc(center + reach + 0.5));
    const exact = Array.from({ length: end - first }, (_, i) =>
      filter.weight((first + i - center + 0.5) / stretch),
    );
    const sum = exact.reduce((total, weight) => total + weight, 0);
    // Rounded away from zero at a half, as the truncation to an integer does in C.
    const rounded = exact.map((weight) => {
      const wide = (sum === 0 ? weight : weight / sum) * ONE;
      return Math.trunc(wide + (wide < 0 ? -0.5 : 0.5));
    });
    return { first, weights: Int32Array.from(rounded) };
  });
}

function alongRows({ data, width, height }: Pixels, places: Weights): Pixels {
  const out = new Uint8ClampedArray(places.length * height * 3);
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (const { first, weights } of places) {
      let [red, green, blue] = [ONE / 2, ONE / 2, ONE / 2];
      let from = (row * width + first) * 3;
      for (const weight of weights) {
        red += weight * (data[from] as number);
        green += weight * (data[from + 1] as number);
        blue += weight * (data[from + 2] as number);
        from += 3;
      }
      out[to++] = red >> 22;
      out[to++] = green >> 22;
      out[to++] = blue >> 22;
    }
  }
  return { data: out, width: places.length, height };
}

function turned({ data, width, height }: Pixels): Pixels {
  const out = new Uint8ClampedArray(data.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [from, to] = [(row * width + column) * 3, (column * height + row) * 3];
      for (let color = 0; color < 3; color++) out[to + color] = data[from + color] as number;
    }
  }
  return { data: out, width: height, height: width };
}
