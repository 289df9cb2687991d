/** The results as one HTML file that needs no network. */

import { escapeHtml, jsonForScript } from '../demo/page-format.js';
import type { Plot } from '../demo/page-plots.js';
import { PAGE_SCRIPT } from '../demo/page-script.js';
import { PAGE_STYLE } from '../demo/page-style.js';
import type { Grid } from './grid.js';
import { type Table, tablesOf } from './markdown.js';
import { renderSheet, type Sheet } from './sheet.js';
import { type Summary, scoreKey } from './summary.js';

export interface ComparePage {
  grid: Grid;
  summary: Summary;
  /** What was compared on what, a paragraph of text. */
  lead: string;
  /** Conditions of the run: names and values. */
  conditions: Readonly<Record<string, string>>;
  /** Of pictures, where the vectors are some. */
  sheet?: Sheet | undefined;
  /** uPlot's build for a script element, and its style sheet. */
  plotScript: string;
  plotStyle: string;
}

/** Colours in light and in dark, width and dashes of a strategy's line. */
const STROKES: Readonly<Record<string, [light: string, dark: string, width: number, dash: number[]]>> = {
  sign: ['#7b8190', '#959bab', 2, [2, 4]],
  'l2-penalty': ['#4a7a2c', '#8cc466', 2, [8, 4]],
  'hswd-penalty': ['#7a5b2c', '#cfa568', 2, [8, 4, 2, 4]],
  random: ['#b97900', '#e5a83a', 2, [6, 5]],
  itq: ['#2268b0', '#6bb1f5', 2, [14, 5]],
  'h2q-bit-variance': ['#b3195f', '#ff6fae', 3, []],
  'h2q-l2': ['#8a2be2', '#c58cff', 2, []],
  'h2q-l1': ['#c2410c', '#fb923c', 2, []],
  'h2q-min-entropy': ['#0f766e', '#5eead4', 2, []],
  'h2q-neighbours': ['#4338ca', '#a5b4fc', 2, [10, 3]],
  float: ['#1d1f24', '#eceae4', 1.5, []],
};

export function renderComparePage(page: ComparePage): string {
  const { grid, summary, lead, conditions, plotScript, plotStyle } = page;
  const tables = tablesOf(grid, summary);
  const overall = tables.at(-1) as Table;
  const plots = grid.losses.map((loss) => plotOf(loss, grid, summary));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>h2q compare</title>
<style>
${plotStyle}
${PAGE_STYLE}
${colours()}
figure + .scroll { margin-top: 16px; }
.lead { overflow-wrap: anywhere; }
</style>
</head>
<body>
<a class="skip" href="#overall">Skip to the results</a>
<header>
<p class="kicker">h2q compare</p>
<h1>Quantization strategies</h1>
<p class="lead">${escapeHtml(lead)}</p>
</header>
<main>
<section id="overall" aria-labelledby="overall-title">
<h2 id="overall-title">${escapeHtml(overall.title)}</h2>
${renderTable(overall, 'overall-title')}
</section>
${grid.losses.map((loss, i) => renderLoss(loss, tables[i] as Table)).join('\n')}
${page.sheet ? renderSheet(page.sheet) : ''}
<section aria-labelledby="conditions-title">
<h2 id="conditions-title">Conditions</h2>
<dl class="conditions">${Object.entries(conditions)
    .map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`)
    .join('')}</dl>
</section>
</main>
<script type="application/json" id="plots">${jsonForScript(plots)}</script>
<script>${plotScript}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function renderLoss(loss: string, table: Table): string {
  const id = `loss-${loss}`;
  return `<section aria-labelledby="${id}">
<h2 id="${id}">${escapeHtml(loss)}</h2>
<figure><div class="plot" id="plot-${loss}"></div>
<figcaption class="caption">mAP@1000 by bits, means over seeds; the table below has the same numbers.</figcaption></figure>
${renderTable(table, id)}
</section>`;
}

function renderTable({ header, rows }: Table, label: string): string {
  const head = header.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join('');
  const best = header.map((_, column) => bestOf(rows, column));
  const body = rows.map(([name = '', ...cells]) => {
    const data = cells.map((cell, i) => {
      const isBest = name !== 'float embedding' && cell === best[i + 1];
      return `<td${isBest ? ' class="best"' : ''}>${escapeHtml(cell)}</td>`;
    });
    const key = name === 'float embedding' ? 'float' : name;
    const swatch = `<span class="swatch" style="background:var(--${key})"></span>`;
    return `<tr><th scope="row">${swatch}${escapeHtml(name)}</th>${data.join('')}</tr>`;
  });
  return `<div class="scroll" tabindex="0" role="region" aria-labelledby="${label}">
<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

/** The text of the highest number of a column, the float embedding aside. */
function bestOf(rows: readonly string[][], column: number): string | undefined {
  const cells = rows.filter(([name]) => name !== 'float embedding').map((row) => row[column] ?? '');
  return cells.reduce((best, cell) => (parseFloat(cell) > (parseFloat(best) || 0) ? cell : best), '');
}

function plotOf(loss: string, grid: Grid, summary: Summary): Plot {
  const x = [...grid.bits].sort((a, b) => a - b);
  const series = (name: string, y: (bits: number) => number | undefined) => {
    const [, , width, dash] = STROKES[name] ?? ['', '', 2, []];
    const values = x.map((bits) => {
      const value = y(bits);
      return value === undefined || Number.isNaN(value) ? null : value;
    });
    return { label: name, colour: name, width, dash, y: values };
  };
  return {
    id: `plot-${loss}`,
    xLabel: 'bits',
    yLabel: 'mAP@1000',
    x,
    xRange: null,
    decimals: 4,
    series: [
      series('float', (bits) => summary.floats.get(scoreKey(loss, bits))?.mean),
      ...grid.strategies.map(({ name }) =>
        series(name, (bits) => summary.scores.get(scoreKey(loss, bits, name))?.mean),
      ),
    ],
  };
}

function colours(): string {
  const of = (index: 0 | 1) =>
    Object.entries(STROKES)
      .map(([name, stroke]) => `--${name}: ${stroke[index]};`)
      .join(' ');
  return `:root { ${of(0)} }\n@media (prefers-color-scheme: dark) { :root { ${of(1)} } }`;
}
