/** The captions: under which conditions each number was measured. Ready for HTML. */

import { escapeHtml, formatCount, formatSeconds } from './page-format.js';
import type { DemoReport } from './report.js';

const TIES = {
  expected: 'hits at equal distance count by their expectation over all orders',
  float: 'hits at equal distance are ordered by the float vectors',
  cosine: 'hits at equal distance are ordered by the cosine of the float vectors',
  id: 'hits at equal distance are ordered by row',
};

/** One caption for each part of the page. */
export interface Conditions {
  results: string;
  fit: string;
  curves: string;
  images: string;
  preparation: string;
}

/** Written from the report alone, so that a caption cannot disagree with its numbers. */
export function conditions(report: DemoReport): Conditions {
  const { dataset, bits, ties, curveQueries, floatSpeedQueries, fit, learnt, environment, seed } = report;
  const database = formatCount(dataset.database);
  const queries = formatCount(dataset.queries);
  const machine = `${escapeHtml(environment.cpu)}, ${environment.threads} threads`;
  return {
    results: `${queries} queries against ${database} images; ${TIES[ties]}. Neighbour recall: of the ten nearest by cosine
of the raw pixels, the share among the first 100 hits. Queries per second: ten nearest, all queries at once, median of
three runs (float: one run over ${formatCount(floatSpeedQueries)} queries). ${machine}.`,
    fit: `The loss (${escapeHtml(fit.summary.loss)}, solver ${escapeHtml(fit.summary.solver)}) after each of ${fit.history.length} iterations
on the ${database} images, a seeded part of which is kept for validation; ${formatSeconds(fit.summary.seconds)} s on ${machine}.`,
    curves: `Means over the first ${formatCount(curveQueries)} queries at ${report.methods[0]?.curve.length ?? 0} cut-offs
from 1 to ${database} images; ${TIES[ties]}.`,
    images: `${escapeHtml(dataset.name)}: ${database} training images as the database, ${queries} test images as queries,
${formatCount(dataset.dimensions)} grey values each, in ${dataset.classNames.length} classes. Only the learnt head has seen labels: those of the first ${formatCount(learnt.rows)}
images of the database, none of a query.`,
    preparation: `Raw pixels, 0 to 255, centred and projected by PCA to ${bits} dimensions, the same for the first four binary methods; seed ${seed}.
Learnt: a network trained on those labels (loss ${escapeHtml(learnt.loss)}, no quantization term, ${formatSeconds(learnt.seconds)} s) gives ${learnt.dimensions} dimensions, which H²Q turns.
Float: the raw pixels themselves, ranked by cosine.`,
  };
}
