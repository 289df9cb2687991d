/** A progress bar on standard error, for people: silent unless that is a terminal. */

import { Presets, SingleBar } from 'cli-progress';
import type { Context } from './context.js';

/** Tells how much is done; `total` corrects the total given first, `note` is shown behind the bar. */
export type Update = (done: number, more?: { total?: number; note?: string }) => void;

/** Leaves room for the note in 80 columns. */
const BAR_COLUMNS = 10;

/**
 * Runs `work` under a bar named `label`, which disappears when the work ends in any way. Where `unit` is given, the
 * bar tells how many a second; where `total` is not known, it is no bar but a count.
 */
export async function withProgress<T>(
  { stderr }: Context,
  label: string,
  total: number,
  work: (update: Update) => Promise<T>,
  unit = '',
): Promise<T> {
  if (!stderr.isTTY) return work(() => {});
  const isKnown = Number.isFinite(total);
  // No colours, so there is nothing to switch off for NO_COLOR.
  const format = isKnown
    ? `${label} {bar} {percentage}% | {value}/{total} | {eta_formatted} left {speed}{note}`
    : `${label} {value} ${unit} {speed}{note}`;
  const bar = new SingleBar(
    { format, stream: stderr, clearOnComplete: true, hideCursor: true, barsize: BAR_COLUMNS },
    Presets.shades_classic,
  );
  const started = performance.now();
  const speedOf = (done: number) =>
    unit === '' ? '' : `| ${Math.round((done * 1000) / (performance.now() - started))} ${unit}/s `;
  bar.start(isKnown ? total : 0, 0, { note: '', speed: '' });
  try {
    return await work((done, { total, note } = {}) => {
      if (total !== undefined) bar.setTotal(total);
      bar.update(done, { speed: speedOf(done), ...(note === undefined ? {} : { note }) });
    });
  } finally {
    bar.stop();
  }
}

const SPARKS = '▁▂▃▄▅▆▇█';
const SPARKLINE_COLUMNS = 20;

/** The last twenty values as bars, the lowest and the highest of them as the shortest and the tallest. */
export function sparkline(values: readonly number[]): string {
  const recent = values.slice(-SPARKLINE_COLUMNS);
  const lowest = Math.min(...recent);
  const range = Math.max(...recent) - lowest;
  const spark = (value: number) => SPARKS[Math.round(((value - lowest) / range) * (SPARKS.length - 1))];
  // Equal values have no range: all are the lowest.
  return recent.map((value) => spark(value) ?? SPARKS[0]).join('');
}
