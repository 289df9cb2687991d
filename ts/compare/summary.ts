/** What cells amount to: means, spreads, wins and gains. */

import { type Grid, REFERENCE, STRATEGIES } from './grid.js';
import type { Cell } from './measure.js';

/** Mean and sample standard deviation: of a score over seeds, of a gain over all comparisons; of one value there is none. */
export interface Spread {
  mean: number;
  deviation: number | null;
  count: number;
}

export interface Summary {
  /** By loss, bits and strategy. */
  scores: Map<string, Spread>;
  /** By loss and bits: mAP of the float embedding without a penalty. */
  floats: Map<string, Spread>;
  /** Of all (loss, bits, seed), how often each strategy had the highest mAP; equal ones share it. */
  wins: Map<string, number>;
  /** Mean gain in mAP over plain sign of the same loss, bits and seed. */
  gains: Map<string, Spread>;
  /** How often a strategy was above plain sign, of how many comparisons. */
  above: Map<string, { above: number; of: number }>;
  /** Label precision among the first 1,000, and the share of the ten float neighbours among the first 100. */
  precisions: Map<string, Spread>;
  recalls: Map<string, Spread>;
}

export const scoreKey = (loss: string, bits: number, strategy = ''): string =>
  [loss, bits, strategy].join(' ');

export function summarise(cells: readonly Cell[], grid: Grid): Summary {
  const names = grid.strategies.map(({ name }) => name);
  const scores = new Map<string, Spread>();
  const floats = new Map<string, Spread>();
  const gains = new Map(names.map((name) => [name, [] as number[]]));
  const wins = new Map(names.map((name) => [name, 0]));
  for (const loss of grid.losses) {
    for (const bits of grid.bits) {
      const here = cells.filter((cell) => cell.loss === loss && cell.bits === bits);
      for (const name of names) {
        const own = here.filter(({ strategy }) => strategy === name);
        scores.set(scoreKey(loss, bits, name), spread(own.map((cell) => cell.meanAveragePrecision)));
      }
      const plain = new Map(here.filter(hasNoPenalty).map((cell) => [cell.seed, cell]));
      floats.set(
        scoreKey(loss, bits),
        spread([...plain.values()].map((cell) => cell.floatMeanAveragePrecision)),
      );
      for (const seed of grid.seeds) {
        const rivals = here.filter((cell) => cell.seed === seed);
        const best = Math.max(...rivals.map((cell) => cell.meanAveragePrecision));
        const winners = rivals.filter((cell) => cell.meanAveragePrecision === best);
        for (const { strategy } of winners) {
          wins.set(strategy, (wins.get(strategy) ?? 0) + 1 / winners.length);
        }
        const reference = rivals.find(({ strategy }) => strategy === REFERENCE);
        for (const { strategy, meanAveragePrecision } of reference ? rivals : []) {
          gains.get(strategy)?.push(meanAveragePrecision - (reference?.meanAveragePrecision ?? 0));
        }
      }
    }
  }
  const each = [...gains];
  const meansOf = (score: 'precision' | 'neighbourRecall') =>
    new Map(
      names.map((name) => [
        name,
        spread(cells.filter(({ strategy }) => strategy === name).map((cell) => cell[score])),
      ]),
    );
  return {
    scores,
    floats,
    wins,
    precisions: meansOf('precision'),
    recalls: meansOf('neighbourRecall'),
    gains: new Map(each.map(([name, values]) => [name, spread(values)])),
    above: new Map(
      each.map(([name, values]) => [
        name,
        { above: values.filter((gain) => gain > 0).length, of: values.length },
      ]),
    ),
  };
}

function hasNoPenalty({ strategy }: Cell): boolean {
  return STRATEGIES.some(({ name, penalty }) => name === strategy && penalty === 'none');
}

export function spread(values: readonly number[]): Spread {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : null, count };
}

/** `0.823 ± 0.004`, without a deviation of one seed; a dash of none. */
export function formatSpread({ mean, deviation, count }: Spread, digits = 3): string {
  if (count === 0) return '–';
  return mean.toFixed(digits) + (deviation === null ? '' : ` ± ${deviation.toFixed(digits)}`);
}
