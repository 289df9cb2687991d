/** The page's two plots as plain data, which the script in the page draws. */

import type { CurvePoint, DemoReport, MethodKey } from './report.js';

/** A line plot; `page-script.ts` knows how to draw one. */
export interface Plot {
  /** The id of the element that holds it. */
  id: string;
  xLabel: string;
  yLabel: string;
  /** The same x for all series, ascending. */
  x: number[];
  /** Fixed ends of the x axis; the data's own when null. */
  xRange: [number, number] | null;
  /** Decimals of y where the pointer is. */
  decimals: number;
  series: Series[];
}

/** One line of a plot. */
export interface Series {
  label: string;
  /** Name of the CSS variable with its colour. */
  colour: string;
  width: number;
  /** Lengths of strokes and gaps; empty for an unbroken line. */
  dash: number[];
  /** Null where the line has no value. */
  y: (number | null)[];
}

/** Width and dashes tell the methods apart where colours do not. */
const STROKES: Record<MethodKey, { width: number; dash: number[] }> = {
  identity: { width: 2, dash: [2, 4] },
  random: { width: 2, dash: [6, 5] },
  itq: { width: 2, dash: [14, 5] },
  h2q: { width: 3, dash: [] },
  neighbours: { width: 3, dash: [3, 3] },
  learnt: { width: 3, dash: [10, 3] },
  float: { width: 1.5, dash: [] },
};

/** Train and validation loss of the H²Q fit, by iteration. */
export function fitPlot({ fit }: DemoReport): Plot {
  return {
    id: 'fit-plot',
    xLabel: 'iteration',
    yLabel: `${fit.summary.loss} loss`,
    x: fit.history.map((epoch) => epoch.epoch),
    xRange: null,
    decimals: 5,
    series: [
      {
        label: 'fitted rows',
        colour: 'h2q',
        width: 3,
        dash: [],
        y: fit.history.map((epoch) => epoch.trainLoss),
      },
      {
        label: 'validation rows',
        colour: 'itq',
        width: 2,
        dash: [6, 5],
        y: fit.history.map((epoch) => epoch.validationLoss),
      },
    ],
  };
}

/** Precision against recall, one line per method. */
export function curvePlot({ methods }: DemoReport): Plot {
  // The plot wants one x for all lines. Filling in between a line's own points draws the very same line,
  // and lets the legend show every method at the pointer's recall.
  const x = [...new Set(methods.flatMap((method) => method.curve.map((point) => point.recall)))].sort(
    (a, b) => a - b,
  );
  return {
    id: 'curve-plot',
    xLabel: 'recall',
    yLabel: 'precision',
    x,
    xRange: [0, 1],
    decimals: 3,
    series: methods.map(({ key, name, curve }) => ({
      label: name,
      colour: key,
      ...STROKES[key],
      y: precisionsAt(curve, x),
    })),
  };
}

/** Precision on the line through the curve's points at each of the ascending recalls; null beyond its ends. */
export function precisionsAt(curve: CurvePoint[], recalls: number[]): (number | null)[] {
  let next = 0;
  return recalls.map((recall) => {
    while (next < curve.length && (curve[next]?.recall ?? 0) < recall) next++;
    const right = curve[next];
    if (right === undefined) return null;
    if (right.recall === recall) return right.precision;
    const left = curve[next - 1];
    if (left === undefined) return null;
    const share = (recall - left.recall) / (right.recall - left.recall);
    return left.precision + share * (right.precision - left.precision);
  });
}
