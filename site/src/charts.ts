/** Two small charts as SVG, in the colours of the style sheet. Their texts are for those who see; captions say the rest. */

const MARGIN = { left: 54, right: 10, top: 10, bottom: 36 };
const HEIGHT = 230;

export interface Line {
  className: string;
  points: (readonly [x: number, y: number])[];
}

interface Frame {
  x: readonly [number, number];
  y: readonly [number, number];
  xTicks: number[];
  yTicks: number[];
  xLabel: string;
  showTick: { x(value: number): string; y(value: number): string };
}

/** A chart that draws itself again when its room changes. */
class Chart {
  readonly #host: HTMLElement;
  #draw: (() => void) | undefined;

  constructor(host: HTMLElement) {
    this.#host = host;
    new ResizeObserver(() => this.#draw?.()).observe(host);
  }

  protected show(frame: Frame, paint: (toX: Scale, toY: Scale) => SVGElement[]): void {
    this.#draw = () => {
      const width = Math.max(200, this.#host.clientWidth);
      const toX = scale(frame.x, [MARGIN.left, width - MARGIN.right]);
      const toY = scale(frame.y, [HEIGHT - MARGIN.bottom, MARGIN.top]);
      const picture = svg('svg', {
        viewBox: `0 0 ${width} ${HEIGHT}`,
        width,
        height: HEIGHT,
        'aria-hidden': 'true',
      });
      picture.append(...axes(frame, width, toX, toY), ...paint(toX, toY));
      this.#host.replaceChildren(picture);
    };
    this.#draw();
  }
}

export class LineChart extends Chart {
  /** Draws lines over the epochs. */
  draw(lines: Line[], xLabel: string): void {
    const points = lines.flatMap((line) => line.points);
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const x = [0, Math.max(4, ...xs)] as const;
    const [low, high] = ys.length > 0 ? [Math.min(...ys), Math.max(...ys)] : [0, 1];
    const room = Math.max(high - low, 5e-3) * 0.08;
    const y = [low - room, high + room] as const;
    const yTicks = ticks(y, 4);
    const decimals = Math.max(0, -Math.floor(Math.log10((yTicks[1] ?? 1) - (yTicks[0] ?? 0)) + 1e-9));
    const showTick = { x: String, y: (value: number) => value.toFixed(decimals) };
    this.show({ x, y, xTicks: ticks(x, 6).filter(Number.isInteger), yTicks, xLabel, showTick }, (toX, toY) =>
      lines.flatMap(({ className, points }) => {
        const at = points.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`);
        const last = points.at(-1);
        const end = last
          ? [svg('circle', { class: className, cx: toX(last[0]), cy: toY(last[1]), r: 3.5 })]
          : [];
        return [svg('polyline', { class: className, points: at.join(' ') }), ...end];
      }),
    );
  }
}

/** Coordinates are counted between these, in so many bins; what lies beyond belongs to the outer ones. */
const SPREAD = 3;
const BINS = 72;

export class Histogram extends Chart {
  /** Bars of `now`, and the outline of `before`: shares of all coordinates. */
  draw(now: Float64Array, before: Float64Array | undefined): void {
    const top = Math.max(0.04, ...now, ...(before ?? [])) * 1.08;
    const showTick = {
      x: (value: number) => (value > 0 ? `+${value}` : String(value).replace('-', '−')),
      y: (value: number) => `${(value * 100).toFixed(0)} %`,
    };
    const frame = {
      x: [-SPREAD, SPREAD],
      y: [0, top],
      xTicks: [-2, -1, 0, 1, 2],
      yTicks: ticks([0, top], 4),
    } as const;
    const left = (bin: number) => (bin / BINS) * 2 * SPREAD - SPREAD;
    const { xTicks, ...rest } = frame;
    this.show({ ...rest, xTicks: [...xTicks], xLabel: 'coordinate', showTick }, (toX, toY) => {
      const bars = Array.from(now, (share, bin) =>
        svg('rect', {
          class: 'bar',
          x: toX(left(bin)) + 0.5,
          y: toY(share),
          width: Math.max(0.5, toX(left(bin + 1)) - toX(left(bin)) - 1),
          height: toY(0) - toY(share),
        }),
      );
      const targets = [-1, 1].map((x) =>
        svg('line', { class: 'target', x1: toX(x), x2: toX(x), y1: toY(0), y2: toY(top) }),
      );
      const steps = Array.from(
        before ?? [],
        (share, bin) => `${toX(left(bin))},${toY(share)} ${toX(left(bin + 1))},${toY(share)}`,
      );
      return [...targets, ...bars, svg('polyline', { class: 'before', points: steps.join(' ') })];
    });
  }
}

/** How coordinates lie, and how far from ±1 on the average. */
export interface Spread {
  shares: Float64Array;
  distance: number;
}

/** Rows are brought to norm √bits, as the fit does. */
export function spreadOf(coordinates: Float32Array, bits: number): Spread {
  const shares = new Float64Array(BINS);
  let distance = 0;
  for (let start = 0; start < coordinates.length; start += bits) {
    let squares = 0;
    for (let i = start; i < start + bits; i++) squares += coordinates[i]! ** 2;
    const factor = squares > 0 ? Math.sqrt(bits / squares) : 0;
    for (let i = start; i < start + bits; i++) {
      const z = coordinates[i]! * factor;
      const bin = Math.floor(((z + SPREAD) / (2 * SPREAD)) * BINS);
      shares[Math.min(BINS - 1, Math.max(0, bin))]! += 1 / coordinates.length;
      distance += Math.abs(Math.abs(z) - 1);
    }
  }
  return { shares, distance: distance / coordinates.length };
}

type Scale = (value: number) => number;

function scale([from, to]: readonly [number, number], [start, end]: readonly [number, number]): Scale {
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

function axes(frame: Frame, width: number, toX: Scale, toY: Scale): SVGElement[] {
  const across = frame.yTicks.flatMap((value) => [
    svg('line', { class: 'rule', x1: MARGIN.left, x2: width - MARGIN.right, y1: toY(value), y2: toY(value) }),
    svg('text', { x: MARGIN.left - 6, y: toY(value) + 4, 'text-anchor': 'end' }, frame.showTick.y(value)),
  ]);
  const along = frame.xTicks.map((value) =>
    svg(
      'text',
      { x: toX(value), y: HEIGHT - MARGIN.bottom + 16, 'text-anchor': 'middle' },
      frame.showTick.x(value),
    ),
  );
  const middle = (MARGIN.left + width - MARGIN.right) / 2;
  return [
    ...across,
    ...along,
    svg('text', { x: middle, y: HEIGHT - 3, 'text-anchor': 'middle' }, frame.xLabel),
  ];
}

/** About `count` round numbers in a range. */
function ticks([from, to]: readonly [number, number], count: number): number[] {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

function svg(name: string, attributes: Record<string, string | number>, text = ''): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  made.textContent = text;
  return made;
}
