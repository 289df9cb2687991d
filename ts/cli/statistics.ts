/** What codes look like, as text. */

import type { CodeStatistics } from '../backend.js';
import { formatFacts } from './table.js';

/** Names and values, with `more` behind them. */
export function describeStatistics(statistics: CodeStatistics, more: Record<string, string> = {}): string {
  const { rows, bits, distinct, ones, entropy, meanCorrelation, maxCorrelation } = statistics;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return formatFacts({
    codes: `${rows} of ${bits} bits, ${distinct} different`,
    'ones per bit': spread(ones),
    'entropy per bit': `${mean(entropy).toFixed(4)} (${spread(entropy)})`,
    'correlation of two bits': `${meanCorrelation.toFixed(4)} in the mean, ${maxCorrelation.toFixed(4)} at most`,
    ...more,
  });
}

function spread(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(4)} to ${Math.max(...values).toFixed(4)}`;
}
