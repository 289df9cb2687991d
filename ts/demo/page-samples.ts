/** Rows of query images, each with its ten nearest by every method. */

import type { Sprite } from './images.js';
import { escapeHtml } from './page-format.js';
import type { DemoReport, Neighbour, Sample, SampleResult } from './report.js';

/** The section with all samples of the report. */
export function renderSamples(report: DemoReport, sprite: Sprite): string {
  return `<section id="samples" aria-labelledby="samples-title">
<h2 id="samples-title">Ten nearest neighbours</h2>
<p class="caption">The queries are ${escapeHtml(report.sampleRule)}. Hits at equal distance are in the order of the database.</p>
<p class="note"><strong>How to read it.</strong> A <span class="key right">plain frame</span> is the query's own class;
a <span class="key wrong">dashed frame with a cross</span> is another one, named below the image. The chequered square
beside each query is its H²Q code, one cell a bit.</p>
${report.samples.map((sample) => renderSample(report, sample, sprite)).join('\n')}
</section>`;
}

function renderSample(report: DemoReport, sample: Sample, sprite: Sprite): string {
  const name = className(report, sample.label);
  const id = `sample-${sample.row}`;
  return `<article class="sample" aria-labelledby="${id}">
<div class="query">
<h3 id="${id}">${name}</h3>
<div class="pair">${renderTile(sprite, `query:${sample.row}`, `Query: ${name}`)}${renderCode(sample.code)}</div>
<p>test image ${sample.row}</p>
</div>
<div class="found">
${sample.results.map((result) => renderResult(report, sample, result, sprite)).join('\n')}
</div>
</article>`;
}

function renderResult(report: DemoReport, sample: Sample, result: SampleResult, sprite: Sprite): string {
  const method = report.methods.find(({ key }) => key === result.method)?.name ?? result.method;
  const right = result.neighbours.filter(({ label }) => label === sample.label).length;
  const items = result.neighbours.map((neighbour) =>
    renderNeighbour(report, sample, result, neighbour, sprite),
  );
  return `<div class="hits">
<h4><span class="swatch ${result.method}"></span>${escapeHtml(method)} <span class="score">${right} of ${result.neighbours.length} right</span></h4>
<ol>${items.join('')}</ol>
</div>`;
}

function renderNeighbour(
  report: DemoReport,
  sample: Sample,
  { method }: SampleResult,
  { row, label, distance }: Neighbour,
  sprite: Sprite,
): string {
  const right = label === sample.label;
  const name = className(report, label);
  const measure =
    method === 'float' ? `cosine distance ${distance.toFixed(3)}` : `Hamming distance ${distance}`;
  const tile = renderTile(sprite, `database:${row}`, `${name}, ${right ? 'right' : 'wrong'}, ${measure}`);
  // The label below is for the eye: the tile's own text has told it already.
  return right
    ? `<li class="right">${tile}</li>`
    : `<li class="wrong">${tile}<span class="label" aria-hidden="true">${name}</span></li>`;
}

/** The tile of an image, named by `text`, which is HTML already. Throws where the sprite lacks it. */
export function renderTile(sprite: Sprite, key: string, text: string): string {
  const tile = sprite.tiles.get(key);
  if (tile === undefined) throw new Error(`the sprite lacks the image ${key}`);
  const x = tile % sprite.columns;
  const y = Math.floor(tile / sprite.columns);
  return `<span class="tile" role="img" style="--x:${x};--y:${y}" aria-label="${text}" title="${text}"></span>`;
}

/** The code as a nearly square board, bit 0 at the top left; set bits are dark. */
function renderCode(code: string): string {
  const bits = [...Buffer.from(code, 'hex')].flatMap((byte) =>
    Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1),
  );
  const columns = Math.max(8, 8 * Math.ceil(Math.sqrt(bits.length) / 8));
  const cells = bits.flatMap((bit, i) => (bit ? [`M${i % columns} ${Math.floor(i / columns)}h1v1h-1z`] : []));
  return `<svg class="code" viewBox="0 0 ${columns} ${Math.ceil(bits.length / columns)}" role="img" aria-label="H²Q code ${code}"><path d="${cells.join('')}"/></svg>`;
}

function className(report: DemoReport, label: number): string {
  return escapeHtml(report.dataset.classNames[label] ?? `class ${label}`);
}
