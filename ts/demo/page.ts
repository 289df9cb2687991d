/** The demo's page: one HTML file that needs no network, made of a report alone. */

import type { Sprite } from './images.js';
import { conditions } from './page-conditions.js';
import {
  escapeHtml,
  formatCount,
  formatLoss,
  formatScore,
  formatSeconds,
  formatSpeed,
  jsonForScript,
} from './page-format.js';
import { curvePlot, fitPlot } from './page-plots.js';
import { renderSamples } from './page-samples.js';
import { PAGE_SCRIPT } from './page-script.js';
import { PAGE_STYLE } from './page-style.js';
import type { DemoReport, MethodReport } from './report.js';
import { resultsTable } from './results.js';

/** What goes into the page besides the report. */
export interface PageAssets {
  /** Holds the tiles `query:<row>` and `database:<row>` of every image in the report's samples. */
  sprite: Sprite;
  /** uPlot's build for a script element, and its style sheet. */
  plotScript: string;
  plotStyle: string;
}

const PAPER = 'https://arxiv.org/abs/2311.04207';

/** The whole page. The same report and assets always give the same text. */
export function renderPage(report: DemoReport, assets: PageAssets): string {
  const plots = [fitPlot(report), curvePlot(report)];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>h2q demo: ${escapeHtml(report.dataset.name)} in ${report.bits} bits</title>
<style>
${assets.plotStyle}
${PAGE_STYLE}
.tile { background-image: url(${assets.sprite.uri}); --sprite-columns: ${assets.sprite.columns}; }
</style>
</head>
<body>
<a class="skip" href="#results">Skip to the results</a>
${renderHeader(report)}
<main>
${renderResults(report)}
${renderFit(report)}
${renderCurves(report)}
${renderSamples(report, assets.sprite)}
${renderConditions(report)}
</main>
<footer><p>Made by <code>h2q demo</code>, version ${escapeHtml(report.environment.version)}, on ${formatDate(report)}.</p></footer>
<script type="application/json" id="plots">${jsonForScript(plots)}</script>
<script>${assets.plotScript}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function renderHeader(report: DemoReport): string {
  const { dataset, bits } = report;
  const h2q = findMethod(report, 'h2q');
  const float = findMethod(report, 'float');
  return `<header>
<p class="kicker">h2q demo · ${escapeHtml(dataset.name)}</p>
<h1>${formatCount(dataset.database)} images, ${bits} bits each</h1>
<p class="lead">H²Q looks for the rotation, a product of Householder reflections, that brings every coordinate of
an embedding close to its sign, and then keeps only the signs. A rotation changes no distance and no angle, so it
costs nothing by itself; it only makes the signs a better summary of what was there. The method is from
<a href="${PAPER}">Deep Hashing via Householder Quantization</a> by Schwengber, Resende, Orenstein and Oliveira.</p>
${h2q && float ? renderFacts(h2q, float) : ''}
<nav aria-label="Sections"><ul>
<li><a href="#results">Results</a></li>
<li><a href="#fit">The fit</a></li>
<li><a href="#curves">Precision and recall</a></li>
<li><a href="#samples">Neighbours</a></li>
<li><a href="#conditions">Conditions</a></li>
</ul></nav>
</header>`;
}

function renderFacts(h2q: MethodReport, float: MethodReport): string {
  const facts = [
    ['bytes per image', formatCount(h2q.bytesPerImage), formatCount(float.bytesPerImage)],
    ['precision of the first 100', formatScore(h2q.precision100), formatScore(float.precision100)],
    ['queries per second', formatSpeed(h2q.queriesPerSecond), formatSpeed(float.queriesPerSecond)],
  ];
  const items = facts.map(
    ([label, ours, floats]) =>
      `<div><dt>${label}</dt><dd><strong>${ours}</strong> <span>float: ${floats}</span></dd></div>`,
  );
  return `<dl class="facts">${items.join('')}</dl>`;
}

function renderResults(report: DemoReport): string {
  const { columns, rows } = resultsTable(report);
  const head = columns.map(
    (column) =>
      `<th scope="col">${escapeHtml(column.title)}${column.better ? `&nbsp;${renderBetter(column.better)}` : ''}</th>`,
  );
  const body = rows.map(({ key, cells }) => {
    const data = cells
      .slice(1)
      .map(({ text, best }) => `<td${best ? ' class="best"' : ''}>${escapeHtml(text)}</td>`);
    const name = `<th scope="row"><span class="swatch ${key}"></span>${escapeHtml(cells[0]?.text ?? '')}</th>`;
    return `<tr class="${key}">${name}${data.join('')}</tr>`;
  });
  return `<section id="results" aria-labelledby="results-title">
<h2 id="results-title">Results</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="results-title">
<table class="results">
<thead><tr>${head.join('')}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>
</div>
<p class="caption">${conditions(report).results}</p>
<p class="note"><strong>How to read it.</strong> Quantization loss says how far the coordinates are from their signs.
Precision and mAP ask whether the hits show the same kind of garment; neighbour recall asks whether they are the images
whose pixels are most alike. The two can pull apart, so look at both: H²Q for neighbours is fitted to the second. All but one of the methods know the pixels alone;
the last one first learns from labels which images belong together, and then turns what it has learnt. ↑ means more is better, ↓ less; the best of the
binary methods that have seen no labels is bold and underlined.</p>
</section>`;
}

function renderBetter(better: 'more' | 'less'): string {
  return better === 'more'
    ? '<span role="img" aria-label="(more is better)">↑</span>'
    : '<span role="img" aria-label="(less is better)">↓</span>';
}

function renderFit(report: DemoReport): string {
  const { history } = report.fit;
  const rows = history.map((epoch) => [
    String(epoch.epoch),
    formatLoss(epoch.trainLoss),
    formatLoss(epoch.validationLoss),
  ]);
  return `<section id="fit" aria-labelledby="fit-title">
<h2 id="fit-title">How the rotation is learnt</h2>
<figure>
<div class="plot" id="fit-plot"></div>
<figcaption class="caption">${conditions(report).fit}</figcaption>
</figure>
<p class="note"><strong>How to read it.</strong> Each iteration turns the vectors a little and the loss falls, towards
coordinates of one size and clear sign. Two lines that stay together mean that the rotation suits images that it has
not seen as well as those it was fitted on.</p>
${renderNumbers(['iteration', 'fitted rows', 'validation rows'], rows)}
</section>`;
}

function renderCurves(report: DemoReport): string {
  const { methods } = report;
  const cutoffs = methods[0]?.curve.map((point) => point.n) ?? [];
  const rows = cutoffs.map((n, i) => [
    formatCount(n),
    ...methods.map(({ curve }) => {
      const point = curve[i];
      return point ? `${formatScore(point.precision)} / ${formatScore(point.recall)}` : '';
    }),
  ]);
  return `<section id="curves" aria-labelledby="curves-title">
<h2 id="curves-title">Precision and recall</h2>
<figure>
<div class="plot" id="curve-plot"></div>
<figcaption class="caption">${conditions(report).curves}</figcaption>
</figure>
<p class="note"><strong>How to read it.</strong> Walk down a list of hits: recall is the share of all images of the
query's class met so far, precision the share of hits that are of that class. A line further up finds the class with fewer
wrong images among the hits; at the right end every image has been seen and only the size of the class remains.
Point at the plot to read the values; a name in the legend hides or shows its line.</p>
${renderNumbers(['first n hits', ...methods.map((method) => `${method.name}: precision / recall`)], rows)}
</section>`;
}

/** The numbers of a plot as a table, for those who cannot or will not read the picture. */
function renderNumbers(titles: string[], rows: string[][]): string {
  const head = titles.map((title) => `<th scope="col">${escapeHtml(title)}</th>`).join('');
  const body = rows.map(([first = '', ...rest]) => {
    return `<tr><th scope="row">${first}</th>${rest.map((text) => `<td>${text}</td>`).join('')}</tr>`;
  });
  return `<details><summary>The numbers behind the plot</summary>
<div class="scroll numbers" tabindex="0" role="region" aria-label="The numbers behind the plot">
<table><thead><tr>${head}</tr></thead><tbody>
${body.join('\n')}
</tbody></table></div></details>`;
}

function renderConditions(report: DemoReport): string {
  const { environment, seconds } = report;
  const entries: [string, string][] = [
    ['Images', conditions(report).images],
    ['Preparation', conditions(report).preparation],
    [
      'Processor',
      `${escapeHtml(environment.cpu)}, ${environment.threads} threads, ${escapeHtml(environment.simd)}`,
    ],
    [
      'Software',
      escapeHtml(
        `h2q ${environment.version} (${environment.backend}), Node ${environment.node}, ${environment.platform}`,
      ),
    ],
    ['Run', `${formatDate(report)}, ${formatSeconds(seconds)} s`],
  ];
  const items = entries.map(([term, text]) => `<div><dt>${term}</dt><dd>${text}</dd></div>`);
  return `<section id="conditions" aria-labelledby="conditions-title">
<h2 id="conditions-title">Conditions</h2>
<dl class="conditions">
${items.join('\n')}
</dl>
</section>`;
}

function findMethod(report: DemoReport, key: MethodReport['key']): MethodReport | undefined {
  return report.methods.find((method) => method.key === key);
}

function formatDate({ environment }: DemoReport): string {
  return escapeHtml(environment.date.slice(0, 10));
}
