/** What is compared: strategies of quantization, for every loss, number of bits and seed. */

import type { Method, Objective, Penalty, SimilarityLoss } from '../backend.js';

/** How embeddings become codes. */
export interface Strategy {
  name: string;
  /** What the embedding was trained with beside its loss. */
  penalty: Penalty;
  /** What turns it before the signs are kept. */
  method: Method;
  /** What method `h2q` minimises. */
  loss?: Objective;
  /** Raised when a change of the code changes what these options give: of one strategy, where `PROCEDURE` is of all. */
  revision?: number;
}

/** In the order of the tables: the baselines of the paper, H²Q with each of its losses, and with the one for neighbours. */
export const STRATEGIES: readonly Strategy[] = [
  { name: 'sign', penalty: 'none', method: 'identity' },
  { name: 'l2-penalty', penalty: 'l2', method: 'identity' },
  { name: 'hswd-penalty', penalty: 'hswd', method: 'identity' },
  { name: 'random', penalty: 'none', method: 'random' },
  { name: 'itq', penalty: 'none', method: 'itq' },
  { name: 'h2q-bit-variance', penalty: 'none', method: 'h2q', loss: 'bit-variance' },
  { name: 'h2q-l2', penalty: 'none', method: 'h2q', loss: 'l2' },
  { name: 'h2q-l1', penalty: 'none', method: 'h2q', loss: 'l1' },
  { name: 'h2q-min-entropy', penalty: 'none', method: 'h2q', loss: 'min-entropy' },
  { name: 'h2q-neighbours', penalty: 'none', method: 'h2q', loss: 'neighbours', revision: 1 },
];

/** All of a strategy but its name, in a text: a cell tells it, so that it does not outlive a change of what its name means. */
export function optionsOf({ name: _, ...options }: Strategy): string {
  const pairs = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map(([option, value]) => `${option} ${value}`).join(', ');
}

/** The strategy that gains are over. */
export const REFERENCE = 'sign';

export interface Grid {
  losses: readonly SimilarityLoss[];
  bits: readonly number[];
  seeds: readonly number[];
  strategies: readonly Strategy[];
}

/** One training, and the strategies that start from its embedding. */
export interface Training {
  loss: SimilarityLoss;
  bits: number;
  seed: number;
  penalty: Penalty;
  strategies: Strategy[];
}

/** One cell of the grid. */
export interface CellKey {
  loss: SimilarityLoss;
  bits: number;
  seed: number;
  /** Its name. */
  strategy: string;
}

export function keyOf({ loss, bits, seed, strategy }: CellKey): string {
  return [loss, bits, seed, strategy].join(' ');
}

/** The trainings that cells still need, of those that `isDone` does not know. */
export function trainingsOf(grid: Grid, isDone: (cell: CellKey) => boolean): Training[] {
  const trainings: Training[] = [];
  for (const seed of grid.seeds) {
    for (const loss of grid.losses) {
      for (const bits of grid.bits) {
        for (const penalty of new Set(grid.strategies.map((strategy) => strategy.penalty))) {
          const strategies = grid.strategies.filter(
            (strategy) =>
              strategy.penalty === penalty && !isDone({ loss, bits, seed, strategy: strategy.name }),
          );
          if (strategies.length > 0) trainings.push({ loss, bits, seed, penalty, strategies });
        }
      }
    }
  }
  return trainings;
}
